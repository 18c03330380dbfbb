package face

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/face/drawing"
)

// DefaultLivenessThreshold is the score below which a photograph counts as an
// attack. Of LFW's photographs, 0.7 % score lower, and none of London's 76. Only a
// fifth of simulated attacks do (docs/decisions/pad.md).
const DefaultLivenessThreshold = 0.4

// Liveness is a measure of whether a photograph was taken of a living person,
// and not of a picture of one (presentation attack detection, ISO/IEC 30107).
// The zero Liveness means "not measured".
type Liveness struct {
	// Known is whether it was measured.
	Known bool
	// Score is from 0 to 1; a higher score is more likely a live presentation.
	// It is not a probability: docs/decisions/pad.md has the measurements.
	Score float64
}

// LivenessSpec is the liveness network of a Manifest. Its input is the face with
// its surroundings, its output one number for each class. The score is the
// softmax at Live.
type LivenessSpec struct {
	NetworkSpec
	// Scale is the side of the input square, in sides of the face's square. At
	// the edges of the photograph the square is moved, or made smaller, to lie
	// within it.
	Scale float64 `json:"scale"`
	// Live is the class of live presentations, from 0.
	Live int `json:"live"`
	// Drawing is the score of the self-test's first drawn face.
	Drawing float64 `json:"drawing"`
}

// maxLivenessClasses is the greatest number of classes. No known network has as
// many.
const maxLivenessClasses = 16

func (s *LivenessSpec) check() error {
	if err := s.NetworkSpec.check(1); err != nil {
		return err
	}
	classes := s.Outputs[0].Size()
	switch {
	case classes < 2 || classes > maxLivenessClasses:
		return fmt.Errorf("the output must have from 2 to %d classes", maxLivenessClasses)
	case s.Live < 0 || s.Live >= classes:
		return errors.New("live must be one of the output's classes, from 0")
	case s.Input.Shape[2] != s.Input.Shape[3]:
		return errors.New("the input must be a square")
	case !(s.Scale >= 0.5 && s.Scale <= 10):
		return errors.New("scale must be from 0.5 to 10")
	case !(s.Drawing >= 0 && s.Drawing <= 1):
		return errors.New("drawing must be from 0 to 1")
	}
	return nil
}

// specs returns the networks to load, in the order of a worker's runners. It sets
// e.liveness if the liveness network is one of them.
func (e *Engine) specs(o Options) ([]NetworkSpec, error) {
	m := o.Manifest
	specs := []NetworkSpec{m.Detector, m.Landmarks, m.Template, m.Eyes}
	if !o.Liveness {
		return specs, nil
	}
	if m.Liveness == nil {
		return nil, &sesuai.Error{
			Kind:   sesuai.KindConfiguration,
			Detail: fmt.Sprintf("liveness is to be measured, but the model manifest %s names no liveness network", m.ID),
		}
	}
	e.liveness = m.Liveness
	return append(specs, m.Liveness.NetworkSpec), nil
}

// judge measures the liveness of the face in a square of the photograph.
func (w *worker) judge(p *Photo, face Box) (Liveness, error) {
	spec := w.engine.liveness
	in := rasterOf(w.liveness.Input(), spec.NetworkSpec)
	around := surroundings(face, spec.Scale, float64(p.Width), float64(p.Height))
	w.resampler.resample(in, p, around, 0, spec.Mean, spec.Divisor, spec.Channels == "GREY")
	if err := w.liveness.Run(); err != nil {
		return Liveness{}, err
	}
	score := softmax(w.liveness.Output(0), spec.Live)
	if math.IsNaN(score) {
		return Liveness{}, fmt.Errorf("face: the output of %s is not a number", spec.File)
	}
	return Liveness{Known: true, Score: score}, nil
}

// surroundings returns the square around the face's centre with scale times its
// side, moved or made smaller to lie within a photograph of width×height.
func surroundings(face Box, scale, width, height float64) Box {
	side := min(scale*face.Width(), width, height)
	b := face.around(side, side)
	x := min(max(b.X0, 0), width-side)
	y := min(max(b.Y0, 0), height-side)
	return Box{x, y, x + side, y + side}
}

// softmax returns exp(v[i]) divided by the sum of exp over all of v. It is NaN if
// any of v is.
func softmax(v []float32, i int) float64 {
	var sum float64
	for _, other := range v {
		sum += math.Exp(float64(other) - float64(v[i]))
	}
	return 1 / sum
}

// livenessTolerance is how far the liveness of the drawn face may be from
// LivenessSpec.Drawing.
const livenessTolerance = 0.05

// selfTestLiveness measures the liveness of the first drawn face, if a liveness
// network is loaded.
func (e *Engine) selfTestLiveness(ctx context.Context) error {
	if e.liveness == nil {
		return nil
	}
	file, err := encodePNG(drawing.First.Draw(selfTestSize))
	if err != nil {
		return err
	}
	x, err := e.Extract(ctx, file, ForLiveProbe)
	if err != nil {
		return fmt.Errorf("self-test: %w", err)
	}
	if want := e.liveness.Drawing; math.Abs(x.Liveness.Score-want) > livenessTolerance {
		return selfTestFailed(fmt.Sprintf("the liveness of a drawn face is %.3f, not %.3f", x.Liveness.Score, want))
	}
	return nil
}
