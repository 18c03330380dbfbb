package evaluation

import (
	"cmp"
	"math"
	"slices"
)

// tally counts errors at any threshold. A score at or above it is a match.
type tally struct {
	scores *Scores
	// genuine are the genuine scores, lowest first.
	genuine []Score
	// people are the two people of each score of the tail, the smaller index
	// first.
	people [][2]int
	// below is how many impostor scores are below each bin.
	below [Bins + 1]int64
}

func newTally(s *Scores) *tally {
	t := &tally{scores: s, genuine: slices.Clone(s.Genuine), people: make([][2]int, len(s.Impostors.Tail))}
	slices.SortFunc(t.genuine, func(a, b Score) int {
		return cmp.Or(cmp.Compare(a.Value, b.Value), cmp.Compare(a.Reference, b.Reference), cmp.Compare(a.Probe, b.Probe))
	})
	for i, score := range s.Impostors.Tail {
		t.people[i] = s.Set.ends(score)
	}
	for b, n := range s.Impostors.Counts {
		t.below[b+1] = t.below[b] + n
	}
	return t
}

// reaching returns how many scores of the tail are at least score.
func (t *tally) reaching(score float64) int {
	n, _ := slices.BinarySearchFunc(t.scores.Impostors.Tail, score, func(s Score, c float64) int {
		if float64(s.Value) >= c {
			return -1
		}
		return 1
	})
	return n
}

// fnmr returns the share of genuine pairs that do not reach the score or could
// not be compared.
func (t *tally) fnmr(score float64) float64 {
	all := len(t.genuine) + len(t.scores.Missed)
	if all == 0 {
		return 0
	}
	under, _ := slices.BinarySearchFunc(t.genuine, score, func(s Score, c float64) int {
		return cmp.Compare(float64(s.Value), c)
	})
	return float64(under+len(t.scores.Missed)) / float64(all)
}

// highest returns the lowest score that at most n impostor scores reach, and how
// many scores reach it, which is fewer than n if several scores are equal. ok is
// false if the tail does not reach down that far, or if more than n scores are
// equal to the highest.
func (t *tally) highest(n int) (score float64, reached int, ok bool) {
	tail := t.scores.Impostors.Tail
	if n > len(tail) {
		return 0, 0, false
	}
	for n > 0 && n < len(tail) && tail[n].Value == tail[n-1].Value {
		n--
	}
	if n == 0 {
		return 0, 0, false
	}
	return float64(tail[n-1].Value), n, true
}

// det returns the detection error trade-off at false match rates that are evenly
// spaced on a logarithmic scale, from all pairs to a single one.
func (t *tally) det() []DETPoint {
	im := &t.scores.Impostors
	if im.Pairs == 0 || len(t.genuine)+len(t.scores.Missed) == 0 {
		return []DETPoint{}
	}
	const points = 200
	all := float64(im.Pairs)
	var out []DETPoint
	for i := range points {
		n := int64(math.Round(math.Pow(all, 1-float64(i)/(points-1))))
		score, reached, ok := t.highest(int(n))
		if n > int64(len(im.Tail)) {
			// Not in the tail: take the edge of a bin.
			b, _ := slices.BinarySearch(t.below[:], im.Pairs-n)
			score, reached, ok = edge(b), int(im.Pairs-t.below[b]), true
		}
		if !ok || len(out) > 0 && score <= out[len(out)-1].Score {
			continue
		}
		out = append(out, DETPoint{Score: score, FMR: float64(reached) / all, FNMR: t.fnmr(score)})
	}
	return out
}

// histograms returns the histograms of the genuine and of the impostor scores.
func (t *tally) histograms() (genuine, impostor Histogram) {
	var counts [Bins]int64
	for _, s := range t.genuine {
		counts[bin(float64(s.Value))]++
	}
	// -0.4 to 1, unless there is something below.
	const parts, usual = 100, Bins * 3 / 10
	from := usual
	for b := range usual {
		if counts[b]+t.scores.Impostors.Counts[b] > 0 {
			from = 0
			break
		}
	}
	width := (Bins - from) / parts
	shares := func(counts *[Bins]int64, of int64) Histogram {
		h := Histogram{From: round(edge(from), 6), Width: round(float64(width)*2/Bins, 6), Shares: make([]float64, parts)}
		for b := from; b < Bins && of > 0; b++ {
			h.Shares[(b-from)/width] += float64(counts[b]) / float64(of)
		}
		return h
	}
	return shares(&counts, int64(len(t.genuine))), shares(&t.scores.Impostors.Counts, t.scores.Impostors.Pairs)
}

// round rounds to a number of decimals.
func round(v float64, decimals int) float64 {
	shift := math.Pow10(decimals)
	return math.Round(v*shift) / shift
}

// crossValidated measures the accuracy on each fold at the score that is best on
// all others. If a pair could not be compared, nobody is let through: that is
// wrong for a genuine pair and right for an impostor pair. The result is nil if
// the list has fewer than two folds.
func crossValidated(listed []foldedScore) *Folds {
	folds := 0
	for _, s := range listed {
		folds = max(folds, s.fold+1)
	}
	if folds < 2 {
		return nil
	}
	listed = slices.Clone(listed)
	slices.SortFunc(listed, func(a, b foldedScore) int { return cmp.Compare(a.score, b.score) })
	var accuracies []float64
	for f := range folds {
		threshold := bestThreshold(listed, f)
		var right, all int
		for _, s := range listed {
			if s.fold == f {
				all++
				if s.right(threshold) {
					right++
				}
			}
		}
		accuracies = append(accuracies, float64(right)/float64(all))
	}
	out := &Folds{Number: folds}
	for _, a := range accuracies {
		out.Accuracy += a
	}
	out.Accuracy /= float64(folds)
	for _, a := range accuracies {
		out.Deviation += (a - out.Accuracy) * (a - out.Accuracy) / float64(folds-1)
	}
	out.Deviation = math.Sqrt(out.Deviation)
	return out
}

// right reports whether the pair is classified correctly at the threshold, a
// score.
func (s foldedScore) right(threshold float64) bool {
	return s.same == (s.compared && float64(s.score) >= threshold)
}

// bestThreshold returns the score at which most pairs outside a fold are
// classified correctly: half way between two scores, and the lowest such score.
// The list must be in ascending order of the scores.
func bestThreshold(listed []foldedScore, without int) float64 {
	threshold, below := -1.0, -1.0
	gain, best := 0, 0 // compared with a threshold that all reach
	for _, s := range listed {
		if s.fold == without || !s.compared {
			continue
		}
		c := float64(s.score)
		if gain > best && c > below {
			best, threshold = gain, (below+c)/2
		}
		if s.same {
			gain--
		} else {
			gain++
		}
		below = c
	}
	if gain > best {
		threshold = math.Nextafter(below, 2)
	}
	return threshold
}
