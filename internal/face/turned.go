package face

import (
	"context"
	"slices"
)

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
	// eyes is the distance of the subject's eyes if that is under scope.enough;
	// otherwise it is 0.
	eyes float64
}

// known is what was found in one size of a file: the faces, in pixels of the file
// turned by turn, with the photograph brightened by gain.
type known struct {
	faces []detection
	turn  orientation
	gain  float64
}

// inFile returns what a larger size of the file needs of a scene.
func (s *scene) inFile() *known {
	return &known{scaled(s.faces, s.photo.Scale), s.turn, s.photo.gain()}
}

// scaled returns the detections in a photograph of scale times the size.
func scaled(faces []detection, scale float64) []detection {
	out := slices.Clone(faces)
	for i := range out {
		out[i].box = out[i].box.scaled(scale)
	}
	return out
}

// in returns the scene of a larger size of the file.
func (k *known) in(e *Engine, p *Photo) scene {
	if k.gain > 1 {
		p = p.lit(k.gain)
	}
	if k.turn != upright {
		p = p.turned(k.turn)
	}
	return e.sceneOf(p, k.turn, scaled(k.faces, 1/p.Scale))
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
// view of it, which is nil if there is no subject or no face.
//
// In a photograph that lies on its side or upside down, the detector finds only
// some of the faces, and some that are none. So if the subject is clearer in the
// photograph turned, the whole of that is searched, and the faces found there, if
// any, count.
func (w *worker) findUpright(ctx context.Context, p *Photo, part scope) (scene, *view, error) {
	s, err := w.find(ctx, p, part)
	if err != nil || len(s.faces) == 0 {
		return s, nil, err
	}
	points, err := w.locate(ctx, s.photo, s.subject)
	if err != nil || s.small(points, part) {
		return s, nil, err
	}
	first, err := w.lookAt(ctx, s.photo, s.subject, points)
	if err != nil || first == nil {
		return s, nil, err
	}
	best, err := w.lookAround(ctx, s, first)
	if err != nil {
		return s, nil, err
	}
	if best.turn != upright {
		turned, err := w.search(ctx, best.photo, 0, allSteps)
		if err != nil {
			return s, nil, err
		}
		if len(turned) > 0 {
			s = w.engine.sceneOf(best.photo, s.turn.then(best.turn), turned)
			if first, err = w.look(ctx, s.photo, s.subject); err != nil {
				return s, nil, err
			}
		}
	}
	if !s.chosen || first == nil {
		return s, nil, nil
	}
	v, err := w.view(ctx, s, first)
	if err != nil || s.small(v.points, part) {
		return s, nil, err
	}
	return s, v, nil
}

// small reports whether the subject has too few pixels for part.enough. It then
// sets s.eyes.
func (s *scene) small(l *landmarks, part scope) bool {
	if d := l.eyeDistance(); s.chosen && d > 0 && d < part.enough {
		s.eyes = d
	}
	return s.eyes > 0
}

// find returns what is known of the photograph from a smaller size, or else
// searches it.
func (w *worker) find(ctx context.Context, p *Photo, part scope) (scene, error) {
	if part.known != nil {
		return part.known.in(w.engine, p), nil
	}
	return w.findLit(ctx, p, part)
}

// lookAround returns the clearest of a view of a scene's subject and, unless that
// is clear, of views with the photograph turned.
func (w *worker) lookAround(ctx context.Context, s scene, first *view) (*view, error) {
	var ways []orientation
	switch {
	case w.shorter(first, poor):
		ways = turns[:]
	case w.shorter(first, 1):
		ways = []orientation{upsideDown}
	}
	best := first
	for _, o := range ways {
		v, err := w.lookTurned(ctx, s, o)
		if err != nil {
			return nil, err
		}
		best = clearest(first, best, v)
	}
	return best, nil
}

// lookTurned looks at the subject of a scene that is turned by o: the face that
// the detector finds there, since the box of a face on its side is inaccurate, or
// the same box if it finds none.
func (w *worker) lookTurned(ctx context.Context, s scene, o orientation) (*view, error) {
	turned := s.photo.turned(o)
	found, err := w.search(ctx, turned, 0, 1)
	if err != nil {
		return nil, err
	}
	box := o.box(s.subject, float64(s.photo.Width), float64(s.photo.Height))
	if len(found) > 0 {
		box, _ = w.engine.choose(found, turned)
	}
	v, err := w.look(ctx, turned, box)
	if v != nil {
		v.turn = o
	}
	return v, err
}

// findTurned searches the part of the photograph in scope. If the steps up to
// inTiles show nothing, it also searches the photograph turned by a quarter and by
// half, since cameras and programs lose the orientation tag.
func (w *worker) findTurned(ctx context.Context, p *Photo, part scope) (scene, error) {
	found, err := w.search(ctx, p, part.from, part.to)
	if err != nil || len(found) > 0 || !part.endsTiles() {
		return w.engine.sceneOf(p, upright, found), err
	}
	for _, o := range turns {
		turned := p.turned(o)
		if found, err = w.search(ctx, turned, 0, inWhole); err != nil || len(found) > 0 {
			return w.engine.sceneOf(turned, o, found), err
		}
	}
	return w.engine.sceneOf(p, upright, nil), nil
}

// endsTiles reports whether the part has the last of the steps up to inTiles.
func (part scope) endsTiles() bool { return part.from < inTiles && part.to >= inTiles }
