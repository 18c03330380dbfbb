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
	best, err := w.look(ctx, s.photo, s.subject)
	known := w.engine.manifest.TemplateLength
	if err != nil || best == nil || known == nil || best.length >= known.Clear {
		return best, err
	}
	first, last := best, best
	try := func(p *Photo, o orientation, box Box) error {
		v, err := w.look(ctx, p, box)
		if err != nil || v == nil {
			return err
		}
		v.turn = o
		if last = v; v.length > clearer*first.length && v.length > best.length {
			best = v
		}
		return nil
	}
	again, ways := moves[:], turns[:]
	if first.length >= poor*known.Clear {
		again, ways = nil, []orientation{upsideDown}
	}
	for _, m := range again {
		if err := try(s.photo, upright, m.apply(s.subject)); err != nil {
			return nil, err
		}
	}
	if !around {
		ways = nil
	}
	for _, o := range ways {
		turned := s.photo.turned(o)
		box, err := w.fit(turned, o.box(s.subject, float64(s.photo.Width), float64(s.photo.Height)))
		if err != nil {
			return nil, err
		}
		if err := try(turned, o, box); err != nil {
			return nil, err
		}
	}
	if best != last { // draw it again
		w.align(best.photo, best.points)
	}
	return best, nil
}

// fit returns the box of the face that the detector finds in the place of box, or
// box if it finds none. The box of a face on its side is inaccurate.
func (w *worker) fit(p *Photo, box Box) (Box, error) {
	found, err := w.detect(p, box.around(2*box.Width(), 2*box.Height()))
	if err != nil {
		return Box{}, err
	}
	for _, d := range found {
		if overlap(d.box, box) > overlapSeen {
			return d.box, nil
		}
	}
	return box, nil
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
