package evaluation

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// ValidateOptions are the options of Validate.
type ValidateOptions struct {
	// Parts is how many parts the people are split into at random: at least 2.
	Parts int
	// Repeats is how many times they are split; 0 is 20,000 divided by the
	// number of people, from 10 to 1,000. The fewer people, the more one split
	// differs from another.
	Repeats int
	// Two runs with the same Seed give the same result.
	Seed uint64
}

// Validation says how often people who were left out of a calibration reach its
// anchors, over all parts and repeats.
type Validation struct {
	Parts   int `json:"parts"`
	Repeats int `json:"repeats"`
	// CalibratedOn and Measured are the mean numbers of pairs of people that a
	// part was calibrated on and that it was measured with.
	CalibratedOn float64       `json:"calibrated_on"`
	Measured     float64       `json:"measured"`
	At           []ValidatedAt `json:"at"`
}

// ValidatedAt compares the stated rate of an anchor with the measured one.
type ValidatedAt struct {
	Stated float64 `json:"stated"`
	// Score is the mean score of the anchor, and Counted the share of the
	// calibrations that counted it; the others extrapolated it.
	Score   float64 `json:"score"`
	Counted float64 `json:"counted"`
	// ByPeople and ByPhotographs are the measured rates.
	ByPeople      MeasuredRate `json:"by_people"`
	ByPhotographs MeasuredRate `json:"by_photographs"`
}

// MeasuredRate is a false match rate, and its ratio to the stated one.
type MeasuredRate struct {
	Rate  float64 `json:"rate"`
	Ratio float64 `json:"ratio"`
	// Interval bounds Ratio with 95 % confidence.
	Interval Interval `json:"interval"`
}

// Validate makes a calibration for each part from the pairs among the people
// outside it, and measures its anchors on the pairs among the people inside it. So
// nobody who is measured was calibrated on, and a pair with one person inside and
// one outside is not used.
//
// A share of 1/Parts² of the pairs is measured at a time, and a share of
// (1 − 1/Parts)² is calibrated on. So 2 parts with many repeats measure most
// pairs. A half of the people also calibrates worse than all of them, so the
// ratio errs on the side of caution. The ratio is exact if Impostors.Floor is so
// low that the highest hundredth of the scores of any half of the people, by
// weight, is kept (a tenth, with few people). If it is not, there is an error.
//
// The interval is by jackknife over people: calibrating and measuring again on
// the same splits, without each of up to 50 groups of people. A bootstrap would
// draw people twice, calibrate worse because of that, and so find higher ratios.
func Validate(s *Scores, o ValidateOptions) (*Validation, error) {
	t, err := newTail(s)
	if err != nil {
		return nil, err
	}
	people := t.people(t.everybody())
	if o.Parts < 2 || people/o.Parts < 2 || people-(people+o.Parts-1)/o.Parts < minPeople {
		return nil, cannotCalibrate(fmt.Sprintf("its %d people do not make %d parts: there must be 2, with 2 people in each and %d outside", people, o.Parts, minPeople))
	}
	if o.Repeats == 0 {
		o.Repeats = min(max(20_000/people, 10), 1000)
	}
	folds := t.split(o)
	var p top
	v := &Validation{Parts: o.Parts, Repeats: o.Repeats}
	m := t.everybody()
	for i := range folds {
		f := &folds[i]
		inside, outside := f.sides(m)
		if f.estimate, err = t.estimate(&p, f.outside, outside, ByPeople); err != nil {
			return nil, err
		}
		v.CalibratedOn += t.total[ByPeople].of(outside) / float64(len(folds))
		v.Measured += t.total[ByPeople].of(inside) / float64(len(folds))
	}
	ratios, ok := t.measure(&p, folds, m)
	if !ok {
		return nil, cannotCalibrate("no pair of people is left to measure")
	}
	left := t.withoutEach(groupsLeftOut, o.Seed, func(m []float64, p *top) ([]float64, bool) { return t.measure(p, folds, m) })
	if len(left) < 2 {
		return nil, cannotCalibrate("without some of its people it has too few to be calibrated on")
	}
	for i, rate := range AnchorRates {
		at := ValidatedAt{Stated: rate}
		for _, f := range folds {
			a := f.estimate.Anchors[i]
			at.Score += a.Score / float64(len(folds))
			if a.Counted {
				at.Counted += 1 / float64(len(folds))
			}
		}
		for by, into := range []*MeasuredRate{ByPeople: &at.ByPeople, ByPhotographs: &at.ByPhotographs} {
			ratio := ratios[2*i+by]
			*into = MeasuredRate{ratio * rate, ratio, jackknife(ratio, left, 2*i+by)}
			if ratio == 0 { // the Rule of 3, over pairs of people
				into.Interval.High = 3 / (float64(s.Impostors.PeoplePairs) * rate)
			}
		}
		v.At = append(v.At, at)
	}
	return v, nil
}

// fold is one part of one split.
type fold struct {
	inside []bool // by person
	// scores and outside index the scores of the people inside and outside in
	// tail.scores.
	scores, outside []int32
	estimate        Estimate
}

// sides splits the people of m.
func (f *fold) sides(m []float64) (inside, outside []float64) {
	inside, outside = make([]float64, len(m)), make([]float64, len(m))
	for p, in := range f.inside {
		if in {
			inside[p] = m[p]
		} else {
			outside[p] = m[p]
		}
	}
	return inside, outside
}

// split splits the people into parts, once for each repeat.
func (t *tail) split(o ValidateOptions) []fold {
	who := t.active()
	var folds []fold
	for repeat := range o.Repeats {
		rng := rand.New(rand.NewPCG(o.Seed, uint64(repeat)))
		rng.Shuffle(len(who), func(i, j int) { who[i], who[j] = who[j], who[i] })
		for part := range o.Parts {
			f := fold{inside: make([]bool, len(t.set.People))}
			for i := part; i < len(who); i += o.Parts {
				f.inside[who[i]] = true
			}
			for i, s := range t.scores {
				switch ends := t.ends[s.pair]; {
				case f.inside[ends[0]] && f.inside[ends[1]]:
					f.scores = append(f.scores, int32(i))
				case !f.inside[ends[0]] && !f.inside[ends[1]]:
					f.outside = append(f.outside, int32(i))
				}
			}
			folds = append(folds, f)
		}
	}
	return folds
}

// measure calibrates on the people of m outside each fold, in the way that its
// estimate was made, and counts how often the people inside reach the anchors. It
// returns the ratio to the stated rate over all folds, for each anchor first by
// people and then by photographs.
func (t *tail) measure(p *top, folds []fold, m []float64) ([]float64, bool) {
	reached, all := make([]float64, 2*len(AnchorRates)), [2]float64{}
	for i := range folds {
		f := &folds[i]
		inside, outside := f.sides(m)
		anchors, ok := t.again(p, f.outside, outside, &f.estimate)
		if !ok {
			return nil, false
		}
		for by := range all {
			all[by] += t.total[by].of(inside)
		}
		for _, at := range f.scores {
			s := &t.scores[at]
			if s.score < anchors[0] {
				break
			}
			times := m[t.ends[s.pair][0]] * m[t.ends[s.pair][1]]
			for i, a := range anchors {
				if s.score < a {
					break
				}
				reached[2*i] += times * s.weight[ByPeople]
				reached[2*i+1] += times * s.weight[ByPhotographs]
			}
		}
	}
	for i := range reached {
		reached[i] /= all[i%2] * AnchorRates[i/2]
	}
	return reached, all[ByPeople] > 0
}

// groupsLeftOut is how many groups of people the jackknife leaves out in turn.
const groupsLeftOut = 50

// withoutEach calls f with all people but one group, for each of up to n groups,
// and returns the values for which f returned true.
func (t *tail) withoutEach(n int, seed uint64, f func(m []float64, p *top) ([]float64, bool)) [][]float64 {
	who := t.active()
	// Another stream than those of the splits, which are numbered from 0.
	rng := rand.New(rand.NewPCG(seed, math.MaxUint64))
	rng.Shuffle(len(who), func(i, j int) { who[i], who[j] = who[j], who[i] })
	n = min(n, len(who))
	return gather(n, func(group int, p *top) ([]float64, bool) {
		m := t.everybody()
		for i := group; i < len(who); i += n {
			m[who[i]] = 0
		}
		return f(m, p)
	})
}

// jackknife returns the 95 % interval of an estimate, from the values of left with
// that index. It is computed with logarithms, since a ratio is as likely to be a
// half as two; if a value is 0, it is computed with the values themselves.
func jackknife(estimate float64, left [][]float64, value int) Interval {
	scale, back := math.Log, math.Exp
	for _, v := range left {
		if v[value] == 0 || estimate == 0 {
			same := func(x float64) float64 { return max(x, 0) }
			scale, back = same, same
		}
	}
	n, mean, sum := float64(len(left)), 0.0, 0.0
	for _, v := range left {
		mean += scale(v[value]) / n
	}
	for _, v := range left {
		sum += (scale(v[value]) - mean) * (scale(v[value]) - mean)
	}
	const z = 1.96 // of the normal distribution at 95 %
	half := z * math.Sqrt((n-1)/n*sum)
	return Interval{back(scale(estimate) - half), back(scale(estimate) + half)}
}
