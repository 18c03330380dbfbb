package face

import "context"

// turns are the orientations of a photograph that is not upright, the most
// frequent first: on one side, on the other, upside down.
var turns = [...]orientation{6, 8, upsideDown}

// scene is a photograph, turned in one way, and the faces that were found in it.
type scene struct {
	photo *Photo
	turn  orientation
	faces []detection
	// subject is the face that counts, or the largest if none is chosen: see
	// Engine.choose.
	subject Box
	chosen  bool
}

// sceneOf returns a scene with its subject.
func (e *Engine) sceneOf(p *Photo, turn orientation, faces []detection) scene {
	s := scene{photo: p, turn: turn, faces: faces}
	if len(faces) > 0 {
		s.subject, s.chosen = e.choose(faces, p)
	}
	return s
}

// findUpright returns the scene in which the subject's face is upright, and the
// view of it, which is nil if there is no face. A scene with several faces may
// have a view, that of the largest.
//
// In a photograph that lies on its side or upside down, the detector finds only
// some of the faces, and some that are none. So if the subject is clearer in the
// photograph turned, the whole of that is searched, and the faces found there
// count.
func (w *worker) findUpright(ctx context.Context, p *Photo, part scope) (scene, *view, error) {
	s, err := w.findTurned(ctx, p, part)
	if err != nil || len(s.faces) == 0 {
		return s, nil, err
	}
	v, err := w.view(ctx, s, true)
	if err != nil || v == nil || v.turn == upright {
		return s, v, err
	}
	found, err := w.search(ctx, v.photo, 0, allSteps)
	if err != nil {
		return s, nil, err
	}
	s = w.engine.sceneOf(v.photo, s.turn.then(v.turn), found)
	if !s.chosen {
		return s, nil, nil
	}
	v, err = w.view(ctx, s, false)
	return s, v, err
}

// findTurned searches the part of the photograph in scope. If that shows nothing,
// it also searches the photograph turned by a quarter and by half, since cameras
// and programs lose the orientation tag.
func (w *worker) findTurned(ctx context.Context, p *Photo, part scope) (scene, error) {
	from, to := 0, allSteps
	if part.searched {
		from = fewPixels
	}
	if part.more {
		to = fewPixels
	}
	found, err := w.search(ctx, p, from, to)
	if err != nil || len(found) > 0 || part.searched {
		return w.engine.sceneOf(p, upright, found), err
	}
	for _, o := range turns {
		turned := p.turned(o)
		if found, err = w.search(ctx, turned, 0, inTurned); err != nil || len(found) > 0 {
			return w.engine.sceneOf(turned, o, found), err
		}
	}
	return w.engine.sceneOf(p, upright, nil), nil
}

// lookTurned looks at the subject of a scene that is turned by o.
func (w *worker) lookTurned(ctx context.Context, s scene, o orientation) (*view, error) {
	turned := s.photo.turned(o)
	box, err := w.fit(turned, o.box(s.subject, float64(s.photo.Width), float64(s.photo.Height)))
	if err != nil {
		return nil, err
	}
	v, err := w.look(ctx, turned, box)
	if v != nil {
		v.turn = o
	}
	return v, err
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
