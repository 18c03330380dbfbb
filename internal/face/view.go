package face

import (
	"context"
	"slices"

	"github.com/sesuai/sesuai/internal/telemetry"
)

// view is the result of looking at a face in one box: the landmarks, and the
// template network's output for the face aligned by them.
type view struct {
	// photo is the photograph of the landmarks, and turn how the scene's was
	// turned.
	photo *Photo
	turn  orientation
	// box is the square of the face.
	box    Box
	points *landmarks
	vector []float32
	// length is the length of vector. It distinguishes a face from hair that
	// was detected as one: see TemplateLength.
	length float64
}

// view returns the clearest view of the subject of a scene, of which first is the
// first. If that is poor, it looks in other boxes, since the detector's box can be
// wrong for a hat or much hair. It leaves the view's aligned face in the template
// network's input.
func (w *worker) view(ctx context.Context, s scene, first *view) (*view, error) {
	if !w.shorter(first, 1) {
		return first, nil
	}
	best := first
	if w.shorter(first, poor) {
		for _, m := range moves {
			v, err := w.look(ctx, s.photo, m.apply(s.subject))
			if err != nil {
				return nil, err
			}
			best = clearest(first, best, v)
		}
	}
	w.align(best.photo, best.points) // another look may have been the last
	return best, nil
}

// shorter reports whether a view's vector is shorter than that share of
// TemplateLength.Clear.
func (w *worker) shorter(v *view, share float64) bool {
	known := w.engine.manifest.TemplateLength
	return known != nil && v.length < share*known.Clear
}

// clearest returns v if its vector is the longest and clearer than the first one.
// Otherwise, and if v is nil, it returns best.
func clearest(first, best, v *view) *view {
	if v != nil && v.length > clearer*first.length && v.length > best.length {
		return v
	}
	return best
}

// look aligns the face in box and runs the template network on it. It returns nil
// if there is no face.
func (w *worker) look(ctx context.Context, p *Photo, box Box) (*view, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	points, err := w.locate(ctx, p, box)
	if err != nil {
		return nil, err
	}
	return w.lookAt(ctx, p, box, points)
}

// lookAt is look with the landmarks of the face.
func (w *worker) lookAt(ctx context.Context, p *Photo, box Box, points *landmarks) (*view, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	_, aligning := telemetry.Start(ctx, telemetry.Align)
	aligned := w.align(p, points)
	aligning.End()
	if !aligned {
		return nil, nil
	}
	_, running := telemetry.Start(ctx, telemetry.Template)
	err := w.template.Run()
	running.End()
	if err != nil {
		return nil, err
	}
	vector := slices.Clone(w.template.Output(0))
	return &view{photo: p, turn: upright, box: box, points: points, vector: vector, length: lengthOf(vector)}, nil
}

// move shifts a box by fractions of its size, and scales it.
type move struct{ right, down, scale float64 }

func (m move) apply(b Box) Box {
	dx, dy := m.right*b.Width(), m.down*b.Height()
	return Box{b.X0 + dx, b.Y0 + dy, b.X1 + dx, b.Y1 + dy}.around(m.scale*b.Width(), m.scale*b.Height())
}

// moves are the boxes in which a face is looked at again. There are none further
// up or smaller, since the network gives long vectors for hair and background.
var moves = [...]move{{0, 0.2, 1}, {0, 0.2, 1.2}, {0.15, 0.1, 1}, {-0.15, 0.1, 1}}

// clearer is the ratio to the length of the first look's vector from which
// another look counts. Noise changes the length by a few per cent.
const clearer = 1.1

// poor is the share of TemplateLength.Clear from which a face is looked at again
// only upside down. Of all wrong orientations, an upside-down face gives the
// longest vectors.
const poor = 0.9
