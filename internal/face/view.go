package face

import (
	"context"
	"slices"
)

// view is one look at a face: where its points were taken to be, and what the
// template network made of it, aligned by them.
type view struct {
	// photo is the photograph, perhaps turned, that the points lie in.
	photo *Photo
	// box is the square that was looked at.
	box    Box
	marks  *landmarks
	vector []float32
	// length is the vector's: it tells a face from hair that was taken for
	// one. See TemplateLength.
	length float64
}

// view looks at the face in box. If the network does not clearly recognise what
// it is shown, it looks again, and takes what it recognises best: with the box
// moved, since the detector's can be off where there is a hat or much hair, and
// with the photograph turned, since the detector finds faces that lie on their
// side, which the other networks cannot read. The view's aligned face is left in
// the template network's input. nil is no face.
func (w *worker) view(ctx context.Context, p *Photo, box Box) (*view, error) {
	best, err := w.look(ctx, p, box)
	known := w.engine.manifest.TemplateLength
	if err != nil || best == nil || known == nil || best.length >= known.Clear {
		return best, err
	}
	first, last := best, best
	try := func(p *Photo, box Box) error {
		v, err := w.look(ctx, p, box)
		if err != nil || v == nil {
			return err
		}
		if last = v; v.length > clearer*first.length && v.length > best.length {
			best = v
		}
		return nil
	}
	again, turns := moves[:], turns[:]
	if first.length >= poor*known.Clear {
		again, turns = nil, []orientation{upsideDown}
	}
	for _, m := range again {
		if err := try(p, m.apply(box)); err != nil {
			return nil, err
		}
	}
	for _, o := range turns {
		turned := p.turned(o)
		found, err := w.search(ctx, turned, 1)
		if err != nil {
			return nil, err
		}
		if len(found) == 0 {
			continue
		}
		face, _ := w.engine.choose(found, turned)
		if err := try(turned, face); err != nil {
			return nil, err
		}
	}
	if best != last { // draw it again
		w.align(best.photo, best.marks)
	}
	return best, nil
}

// look aligns the face in box and runs the template network on it. nil is no
// face.
func (w *worker) look(ctx context.Context, p *Photo, box Box) (*view, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	marks, err := w.locate(p, box)
	if err != nil || !w.align(p, marks) {
		return nil, err
	}
	if err := w.template.Run(); err != nil {
		return nil, err
	}
	vector := slices.Clone(w.template.Output(0))
	return &view{photo: p, box: box, marks: marks, vector: vector, length: lengthOf(vector)}, nil
}

// move is where a box is looked for next: shifted and scaled by its own size.
type move struct{ right, down, scale float64 }

func (m move) apply(b Box) Box {
	dx, dy := m.right*b.Width(), m.down*b.Height()
	return Box{b.X0 + dx, b.Y0 + dy, b.X1 + dx, b.Y1 + dy}.around(m.scale*b.Width(), m.scale*b.Height())
}

// moves are where a face is looked for again. Up, and closer in, are not among
// them: there the network takes hair and background for something.
var moves = [...]move{{0, 0.2, 1}, {0, 0.2, 1.2}, {0.15, 0.1, 1}, {-0.15, 0.1, 1}}

// clearer is how many times as long as the first look's a vector must be for
// another look to count: noise alone moves it by a few per cent.
const clearer = 1.1

// poor is the share of TemplateLength.Clear from which a face is looked at
// again with the photograph upside down alone: what stands on its head still
// looks most like a face.
const poor = 0.9
