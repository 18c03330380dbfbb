package evaluation

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// ValidateOptions say how Validate works.
type ValidateOptions struct {
	// Parts is how many parts the people are split into at random: at least 2.
	Parts int
	// Repeats is how often they are split anew; 0 is 20,000 by the number of
	// people, from 10 to 1,000: the fewer, the more one split differs from
	// another.
	Repeats int
	// Two runs with one Seed agree.
	Seed uint64
}

// Validation is how often people who were left out of a calibration reach its
// anchors, over all parts and repeats.
type Validation struct {
	Parts   int `json:"parts"`
	Repeats int `json:"repeats"`
	// CalibratedOn and Measured are how many pairs of people a part has for
	// the one and for the other, in the mean.
	CalibratedOn float64       `json:"calibrated_on"`
	Measured     float64       `json:"measured"`
	At           []ValidatedAt `json:"at"`
}

// ValidatedAt compares an anchor's rate with the one that was measured.
type ValidatedAt struct {
	Stated float64 `json:"stated"`
	// Cosine is the mean one, and Counted the share of the calibrations that
	// counted it; the others extrapolated.
	Cosine  float64 `json:"cosine"`
	Counted float64 `json:"counted"`
	// ByPeople and ByPhotographs are the measured rates.
	ByPeople      MeasuredRate `json:"by_people"`
	ByPhotographs MeasuredRate `json:"by_photographs"`
}

// MeasuredRate is a false match rate, and how many times the stated one it is.
type MeasuredRate struct {
	Rate  float64 `json:"rate"`
	Ratio float64 `json:"ratio"`
	// Interval bounds Ratio with 95 % confidence.
	Interval Interval `json:"interval"`
}

// Validate makes a calibration for each part from the pairs among all people
// outside it, and measures its anchors on the pairs among those inside: whoever
// is measured took no part in the calibration, and a pair of which one person
// did counts on neither side.
//
// Of people's pairs, 1/Parts² are measured at a time and (1 − 1/Parts)² are
// calibrated on, so 2 parts, split anew many times, measure most; a half of the
// people also calibrates worse than all of them do: the ratio errs on the side
// of caution. It is exact if Impostors.Floor is low enough for any half of the
// people to have the highest hundredth (a tenth, with few people) of their
// scores, by weight, kept; where it is not, the error says so.
//
// The interval is by jackknife over people: calibrated and measured anew, on the
// same splits, without each of up to 50 groups of them. A bootstrap would draw
// people twice, calibrate worse for it, and find higher ratios only because of
// that.
func Validate(s *Scores, o ValidateOptions) (*Validation, error) {
	t, err := newTail(s.Set, &s.Impostors)
	if err != nil {
		return nil, err
	}
	people := t.people(t.everybody())
	if o.Parts < 2 || people/o.Parts < 2 || people-(people+o.Parts-1)/o.Parts < leastPeople {
		return nil, cannotCalibrate(fmt.Sprintf("its %d people do not make %d parts: there must be 2, with 2 people in each and %d outside", people, o.Parts, leastPeople))
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
			at.Cosine += a.Cosine / float64(len(folds))
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
	// scores and outside are of the people inside and outside, by their index
	// in tail.scores.
	scores, outside []int32
	estimate        Estimate
}

// sides parts the people of m.
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

// split deals the people out, anew for each repeat.
func (t *tail) split(o ValidateOptions) []fold {
	who := t.active()
	var folds []fold
	for repeat := range o.Repeats {
		random := rand.New(rand.NewPCG(o.Seed, uint64(repeat)))
		random.Shuffle(len(who), func(i, j int) { who[i], who[j] = who[j], who[i] })
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

// measure calibrates the people of m outside each fold as its estimate is, and
// counts who inside reaches the anchors: over all folds, for each anchor by
// people and by photographs, how many times the stated rate.
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
			if s.cosine < anchors[0] {
				break
			}
			times := m[t.ends[s.pair][0]] * m[t.ends[s.pair][1]]
			for i, a := range anchors {
				if s.cosine < a {
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
// and gathers what it returned; f returns false where that tells nothing.
func (t *tail) withoutEach(n int, seed uint64, f func(m []float64, p *top) ([]float64, bool)) [][]float64 {
	who := t.active()
	// Apart from the splits, which have the streams from 0 on.
	random := rand.New(rand.NewPCG(seed, math.MaxUint64))
	random.Shuffle(len(who), func(i, j int) { who[i], who[j] = who[j], who[i] })
	n = min(n, len(who))
	return gather(n, func(group int, p *top) ([]float64, bool) {
		m := t.everybody()
		for i := group; i < len(who); i += n {
			m[who[i]] = 0
		}
		return f(m, p)
	})
}

// jackknife is the 95 % interval of an estimate that is one of the values when
// nobody is left out. It is formed of logarithms, since a ratio is as likely to
// be half as twice; where a value is 0, of the values.
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
