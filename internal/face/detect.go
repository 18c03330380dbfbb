package face

import (
	"cmp"
	"context"
	"math"
	"slices"
)

const (
	// detectorPad is the grey around a photograph that does not have the
	// detector's proportions: the value that it sees as 0.
	detectorPad = 127
	// detectionScore is the least score of a face.
	detectionScore = 0.65
	// sureScore is the score from which a face is taken as found; 99 % of LFW's
	// are over it. Arms and clothes reach the scores below it as well, at some
	// one size: so there a second look, at two others, has to find the face
	// again with at least confirmScore. Of 968 pieces of photographs without
	// faces this leaves 9 of 166 that were taken for one; of 588 LFW
	// photographs it loses none (docs/decisions/face-detection.md).
	sureScore, confirmScore = 0.99, 0.9
	// overlapSeen is the intersection over union from which a second look
	// has found the same face.
	overlapSeen = 0.3
	// maxUnsure is how many detections get a second look: more are clutter.
	maxUnsure = 16
	// overlapSame is the intersection over union from which two boxes are
	// taken for one face.
	overlapSame = 0.4
	// Photographs at least this wide or high, in their files, are searched again
	// in tiles when no face was found in the whole: below, the detector
	// already sees every face that is large enough to compare.
	tilesFrom, smallTilesFrom = 480, 1280
)

// detection is one face that the detector found.
type detection struct {
	box   Box
	score float32
}

// find looks for faces: in the whole photograph first; then, only if there is
// none, in one shown at half the size (a selfie whose face fills the frame,
// larger than any the detector knows), then in overlapping tiles (a face too
// small in a large photograph).
func (w *worker) find(ctx context.Context, p *Photo) ([]detection, error) {
	return w.search(ctx, p, math.MaxInt)
}

// search makes at most that many of find's searches.
func (w *worker) search(ctx context.Context, p *Photo, most int) ([]detection, error) {
	whole := Box{0, 0, float64(p.Width), float64(p.Height)}
	long := p.Scale * float64(max(p.Width, p.Height))
	searches := [][]Box{{whole}, {whole.around(2*whole.Width(), 2*whole.Height())}}
	if long >= tilesFrom {
		searches = append(searches, tiles(whole, 2))
	}
	if long >= smallTilesFrom {
		searches = append(searches, tiles(whole, 4))
	}
	for _, boxes := range searches[:min(most, len(searches))] {
		var found []detection
		for _, b := range boxes {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			some, err := w.detect(p, b)
			if err != nil {
				return nil, err
			}
			found = append(found, some...)
		}
		if found, err := w.confirm(p, suppress(found)); err != nil || len(found) > 0 {
			return found, err
		}
	}
	return nil, nil
}

// turns are the ways in which a photograph can lie, most frequent first: on one
// side, on the other, upside down.
var turns = [...]orientation{6, 8, upsideDown}

// findTurned is find, and where nothing is found looks whether the photograph
// lies on its side or stands on its head: cameras and programs lose the tag
// that says so. It returns the photograph as the faces were found in it, and how
// it was turned.
func (w *worker) findTurned(ctx context.Context, p *Photo) (*Photo, orientation, []detection, error) {
	found, err := w.find(ctx, p)
	if err != nil || len(found) > 0 {
		return p, upright, found, err
	}
	for _, o := range turns {
		turned := p.turned(o)
		if found, err = w.search(ctx, turned, 2); err != nil || len(found) > 0 {
			return turned, o, found, err
		}
	}
	return p, upright, nil, nil
}

// confirm drops the detections that are neither sure nor found again with two
// and with three times their size around them. found is sorted, best first.
func (w *worker) confirm(p *Photo, found []detection) ([]detection, error) {
	var kept []detection
	unsure := 0
	for _, d := range found {
		ok := d.score >= sureScore
		if !ok {
			if unsure++; unsure > maxUnsure {
				break
			}
			var err error
			if ok, err = w.seenAgain(p, d.box, 2, 3); err != nil {
				return nil, err
			}
		}
		if ok {
			kept = append(kept, d)
		}
	}
	return kept, nil
}

// seenAgain looks at a face with each of the margins, in sizes of its box, and
// reports whether it is found every time.
func (w *worker) seenAgain(p *Photo, face Box, margins ...float64) (bool, error) {
	for _, m := range margins {
		found, err := w.detect(p, face.around(m*face.Width(), m*face.Height()))
		if err != nil {
			return false, err
		}
		if !slices.ContainsFunc(found, func(d detection) bool {
			return d.score >= confirmScore && overlap(d.box, face) > overlapSeen
		}) {
			return false, nil
		}
	}
	return true, nil
}

// tiles cuts a box into n×n tiles, each half as large again as its share, so
// that no face is cut by all of them.
func tiles(b Box, n int) []Box {
	out := make([]Box, 0, n*n)
	w, h := b.Width()/float64(n), b.Height()/float64(n)
	for i := range n {
		for j := range n {
			x, y := b.X0+float64(j)*w, b.Y0+float64(i)*h
			out = append(out, Box{x, y, x + w, y + h}.around(1.5*w, 1.5*h))
		}
	}
	return out
}

// detect runs the detector on a box of the photograph, letterboxed to the
// detector's proportions. The boxes it returns are squares.
func (w *worker) detect(p *Photo, b Box) ([]detection, error) {
	spec := w.engine.manifest.Detector
	in := rasterOf(w.detector.Input(), spec)
	seen := letterbox(b, in.width, in.height)
	w.resampler.resample(in, p, seen, detectorPad, spec.Mean, spec.Divisor, false)
	if err := w.detector.Run(); err != nil {
		return nil, err
	}
	scores, boxes := w.detector.Output(0), w.detector.Output(1)
	var found []detection
	for i := 0; 2*i < len(scores); i++ {
		score := scores[2*i+1]
		if score < detectionScore {
			continue
		}
		f := boxes[4*i : 4*i+4]
		box := Box{
			seen.X0 + float64(f[0])*seen.Width(), seen.Y0 + float64(f[1])*seen.Height(),
			seen.X0 + float64(f[2])*seen.Width(), seen.Y0 + float64(f[3])*seen.Height(),
		}
		if box.Area() <= 0 {
			continue
		}
		found = append(found, detection{box.around(box.Height(), box.Height()), score})
	}
	return suppress(found), nil
}

// letterbox is the least box around b with the proportions of width×height.
func letterbox(b Box, width, height int) Box {
	scale := max(b.Width()/float64(width), b.Height()/float64(height))
	return b.around(scale*float64(width), scale*float64(height))
}

// suppress keeps the best of every group of boxes that overlap, best first
// (greedy non-maximum suppression).
func suppress(found []detection) []detection {
	slices.SortStableFunc(found, func(a, b detection) int { return cmp.Compare(b.score, a.score) })
	var kept []detection
	for _, d := range found {
		if !slices.ContainsFunc(kept, func(k detection) bool { return overlap(k.box, d.box) > overlapSame }) {
			kept = append(kept, d)
		}
	}
	return kept
}

// overlap is the intersection of two boxes over their union, 0 to 1.
func overlap(a, b Box) float64 {
	common := Box{max(a.X0, b.X0), max(a.Y0, b.Y0), min(a.X1, b.X1), min(a.Y1, b.Y1)}.Area()
	return common / (a.Area() + b.Area() - common)
}
