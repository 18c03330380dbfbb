package face

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/sesuai/sesuai"
)

// DefaultLivenessThreshold is the score under which a photograph is taken for
// an attack where that is enforced. Of LFW's photographs 0.7 % are below, and
// one of London's 76; so are but a fifth of simulated attacks
// (docs/decisions/pad.md).
const DefaultLivenessThreshold = 0.4

// Liveness is how likely a photograph was taken of a living person and not of
// a picture of one (presentation attack detection, ISO/IEC 30107). The zero
// Liveness is one that was not measured.
type Liveness struct {
	// Known is whether it was measured.
	Known bool
	// Score is from 0 to 1, higher is more likely a live presentation. It is
	// no probability: docs/decisions/pad.md says what was measured of it.
	Score float64
}

// LivenessSpec is the liveness network of a Manifest. It takes the
// surroundings of the face, and gives one number a class; their softmax at
// Live is the score.
type LivenessSpec struct {
	NetworkSpec
	// Scale is the side of the square that is fed, in sides of the face's
	// square. It is less where the photograph ends, and shifted into it.
	Scale float64 `json:"scale"`
	// Live is the class of live presentations, from 0.
	Live int `json:"live"`
	// Drawing is the score of the self-test's first drawn face.
	Drawing float64 `json:"drawing"`
}

// maxLivenessClasses is far more than any network has.
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

// specs lists the networks to load, in the order of a worker's runners, and
// sets e.liveness if its is among them.
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

// judge measures the liveness of the face in that square.
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
		return Liveness{}, fmt.Errorf("face: %s gives no number", spec.File)
	}
	return Liveness{Known: true, Score: score}, nil
}

// surroundings is the square of scale times the face's side around its centre;
// smaller if the photograph of width×height is, and shifted into it.
func surroundings(face Box, scale, width, height float64) Box {
	side := min(scale*face.Width(), width, height)
	b := face.around(side, side)
	x := min(max(b.X0, 0), width-side)
	y := min(max(b.Y0, 0), height-side)
	return Box{x, y, x + side, y + side}
}

// softmax is exp(v[i]) over the sum of exp of all; NaN if any is no number.
func softmax(v []float32, i int) float64 {
	var sum float64
	for _, other := range v {
		sum += math.Exp(float64(other) - float64(v[i]))
	}
	return 1 / sum
}

// livenessTolerance is how far the drawn face's liveness may be from the
// manifest's.
const livenessTolerance = 0.05

// selfTestLiveness judges the first drawn face, if a liveness network is
// loaded.
func (e *Engine) selfTestLiveness(ctx context.Context) error {
	if e.liveness == nil {
		return nil
	}
	file, err := encodePNG(firstPortrait.draw(selfTestSize))
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
