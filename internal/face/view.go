package face

import (
	"context"
	"slices"
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

// view looks at the subject of a scene. If the template is not clear, it looks
// again and returns the view with the longest vector. It tries other boxes, since
// the detector's box can be wrong for a hat or much hair. If around is true, it
// tries the photograph turned, since the detector finds faces that lie on their
// side, which the other networks cannot process. It leaves the view's aligned face
// in the template network's input. It returns nil if there is no face.
func (w *worker) view(ctx context.Context, s scene, around bool) (*view, error) {
	first, err := w.look(ctx, s.photo, s.subject)
	known := w.engine.manifest.TemplateLength
	if err != nil || first == nil || known == nil || first.length >= known.Clear {
		return first, err
	}
	again, ways := moves[:], turns[:]
	if first.length >= poor*known.Clear {
		again, ways = nil, []orientation{upsideDown}
	}
	if !around {
		ways = nil
	}
	best := first
	for _, m := range again {
		v, err := w.look(ctx, s.photo, m.apply(s.subject))
		if err != nil {
			return nil, err
		}
		best = clearest(first, best, v)
	}
	for _, o := range ways {
		v, err := w.lookTurned(ctx, s, o)
		if err != nil {
			return nil, err
		}
		best = clearest(first, best, v)
	}
	w.align(best.photo, best.points) // another look may have been the last
	return best, nil
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
	points, err := w.locate(p, box)
	if err != nil || !w.align(p, points) {
		return nil, err
	}
	if err := w.template.Run(); err != nil {
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

// poor is the share of TemplateLength.Clear from which view tries only the
// photograph upside down. Of all wrong orientations, an upside-down face gives
// the longest vectors.
const poor = 0.9
