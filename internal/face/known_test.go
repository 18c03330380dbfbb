package face_test

import (
	"slices"
	"testing"

	"github.com/sesuai/sesuai/internal/face"
)

// altered is a network whose runners call after when they have run.
type altered struct {
	face.Network
	after func(face.Runner)
}

func (n altered) NewRunner() (face.Runner, error) {
	r, err := n.Network.NewRunner()
	return alteredRunner{r, n.after}, err
}

type alteredRunner struct {
	face.Runner
	after func(face.Runner)
}

func (r alteredRunner) Run() error {
	err := r.Runner.Run()
	r.after(r.Runner)
	return err
}

// A detection of the smallest size that turns out to be no face in a larger one
// does not hide the face beside it.
func TestFalseDetectionOfSmallerSize(t *testing.T) {
	t.Parallel()
	needTurbo(t) // image/jpeg decodes no smaller size
	var armed bool
	var detected, located int
	e := newEngine(t, func(o *face.Options) {
		load := o.Load
		o.Workers = 1
		o.Load = func(onnx []byte, spec face.NetworkSpec) (face.Network, error) {
			n, err := load(onnx, spec)
			switch spec.File {
			case o.Manifest.Detector.File:
				return altered{n, func(r face.Runner) {
					if detected++; !armed || detected > 1 {
						return
					}
					// It finds a tenth of the width, in the empty corner.
					clear(r.Output(0))
					r.Output(0)[1] = 0.999
					copy(r.Output(1), []float32{0, 0, 0.1, 0.1})
				}}, err
			case o.Manifest.Landmarks.File:
				return altered{n, func(r face.Runner) {
					// There are no landmarks on a plain wall with more pixels.
					if located++; armed && located > 1 && slices.Max(r.Input())-slices.Min(r.Input()) < 0.05 {
						clear(r.Output(0))
					}
				}}, err
			}
			return n, err
		}
	})
	want := extract(t, e, face.DrawFirst(400))
	wall := canvas(1280, 960)
	put(wall, face.DrawFirst(600), 600, 300)
	armed, detected, located = true, 0, 0
	x := extractFile(t, e, encodeJPEG(t, wall))
	wantOne(t, x, want, face.Point{X: 900, Y: 600}, 600, 0.9)
	if located < 3 {
		t.Errorf("%d faces were located, want the false one in two sizes and the real one", located)
	}
}
