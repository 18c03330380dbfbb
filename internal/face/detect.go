package face

import (
	"cmp"
	"context"
	"slices"

	"github.com/sesuai/sesuai/internal/telemetry"
)

const (
	// detectorPad is the grey value that fills the detector's input beside a
	// photograph of other proportions. The detector gets it as 0.
	detectorPad = 127
	// minScore is the least score of a detection.
	minScore = 0.65
	// A detection with a score of at least sureScore is a face; 99 % of LFW's
	// faces reach it. Arms and clothes reach lower scores too, but only at one
	// size. So a detection with a lower score must be found again at two other
	// sizes, with at least againScore. Of 166 false detections in 968 pieces
	// of photographs without faces, 9 remain. Of 588 LFW photographs, none
	// loses its face (docs/decisions/face-detection.md).
	sureScore, againScore = 0.99, 0.9
	// overlapSeen is the intersection over union from which a detection at
	// another size is the same face.
	overlapSeen = 0.3
	// maxUnsure is the greatest number of detections below sureScore that are
	// looked at again. More of them are clutter.
	maxUnsure = 16
	// overlapSame is the intersection over union from which two boxes are one
	// face.
	overlapSame = 0.4
	// If no face was found in the whole photograph, it is searched in tiles if
	// its longer side, in the file, has at least tilesFrom pixels, and in
	// smaller tiles from smallTilesFrom pixels. In smaller photographs the
	// detector already sees every face that is large enough to compare.
	tilesFrom, smallTilesFrom = 480, 1280
)

// detection is a face that the detector found.
type detection struct {
	box   Box
	score float32
}

// The steps of a search, until one finds a face: the whole photograph; the
// photograph at half the size, for a selfie whose face fills the frame and is
// larger than the detector knows; overlapping tiles, for a small face in a large
// photograph; and smaller tiles. The constants are how many steps are done up to
// each.
const (
	inWhole  = 2
	inTiles  = 3
	allSteps = 4
)

// scope is the part of the search that is left to one of several sizes of a
// photograph.
type scope struct {
	// from..to, without to, are the steps to search in. Smaller sizes showed no
	// face in the steps before.
	from, to int
	// known is what a smaller size showed, in which the face had too few
	// pixels. It is nil if there is none.
	known *known
	// enough is the distance of the eyes from which this size has enough
	// pixels. It is 0 if there is no larger one.
	enough float64
	// lit means that the photograph is brightened by what its face needs, or
	// must not be brightened.
	lit bool
}

// search searches for faces in the steps from..to, without to.
func (w *worker) search(ctx context.Context, p *Photo, from, to int) ([]detection, error) {
	ctx, timing := telemetry.Start(ctx, telemetry.Detect)
	defer timing.End()
	whole := Box{0, 0, float64(p.Width), float64(p.Height)}
	long := p.Scale * float64(max(p.Width, p.Height))
	searches := [][]Box{{whole}, {whole.around(2*whole.Width(), 2*whole.Height())}}
	if long >= tilesFrom {
		searches = append(searches, tiles(whole, 2))
	}
	if long >= smallTilesFrom {
		searches = append(searches, tiles(whole, 4))
	}
	to = min(to, len(searches))
	for _, boxes := range searches[min(from, to):to] {
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
		if found, err := w.recheck(p, suppress(found)); err != nil || len(found) > 0 {
			return found, err
		}
	}
	return nil, nil
}

// recheck drops the detections that neither reach sureScore nor are found again
// in boxes of two and of three times their size. found is sorted, best first.
func (w *worker) recheck(p *Photo, found []detection) ([]detection, error) {
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

// seenAgain reports whether a face is found in boxes around it that are larger
// by each of the factors.
func (w *worker) seenAgain(p *Photo, face Box, factors ...float64) (bool, error) {
	for _, m := range factors {
		found, err := w.detect(p, face.around(m*face.Width(), m*face.Height()))
		if err != nil {
			return false, err
		}
		if !slices.ContainsFunc(found, func(d detection) bool {
			return d.score >= againScore && overlap(d.box, face) > overlapSeen
		}) {
			return false, nil
		}
	}
	return true, nil
}

// tiles cuts a box into n×n overlapping tiles. Each is larger than its share by
// half, so that every face smaller than the overlap is whole in one of them.
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
		if score < minScore {
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

// letterbox returns the least box around b with the proportions of width×height.
func letterbox(b Box, width, height int) Box {
	scale := max(b.Width()/float64(width), b.Height()/float64(height))
	return b.around(scale*float64(width), scale*float64(height))
}

// suppress keeps the best of every group of overlapping boxes, best first (greedy
// non-maximum suppression).
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

// overlap returns the intersection of two boxes over their union, 0 to 1.
func overlap(a, b Box) float64 {
	common := Box{max(a.X0, b.X0), max(a.Y0, b.Y0), min(a.X1, b.X1), min(a.Y1, b.Y1)}.Area()
	return common / (a.Area() + b.Area() - common)
}
