package evaluation

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/sesuai/sesuai/internal/face"
)

// AnchorRates are the false match rates for which a calibration has a score.
var AnchorRates = []float64{1e-2, 1e-3, 1e-4, 1e-5, 1e-6}

// docs/decisions/calibration.md has the reasons for these.
const (
	// minPeople is the smallest number of people in a list or in a part of it.
	minPeople = 10
	// minStep is the smallest distance between two anchors: one bin of the
	// histogram.
	minStep = 2.0 / Bins
)

// Interval bounds a value with 95 % confidence.
type Interval struct {
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// AnchorEstimate is the estimated score of a false match rate.
type AnchorEstimate struct {
	FMR   float64 `json:"fmr"`
	Score float64 `json:"score"`
	// Counted is whether enough pairs of people lie beyond the score to count
	// them; if not, the score is extrapolated.
	Counted bool `json:"counted"`
	// Beyond is how many pairs of people lie beyond the score, and
	// Effective the number of pairs of equal weight that they amount to.
	Beyond    int      `json:"beyond"`
	Effective float64  `json:"effective"`
	Interval  Interval `json:"interval"`
}

// Estimate has the anchors that the scores of different people give under one
// weighting.
type Estimate struct {
	Weighting Weighting
	Fit       TailFit
	Anchors   []AnchorEstimate
	// Others are the fits to half and to twice the share, if there are enough
	// scores. Anchors that differ much between the fits are not reliable.
	Others []TailFit
}

// CalibrateOptions are the options of Calibrate.
type CalibrateOptions struct {
	// Replicates is the number of bootstrap replicates; 0 is 1,000. Two runs
	// with the same Seed give the same result.
	Replicates int
	Seed       uint64
}

// Calibrated is the result of Calibrate.
type Calibrated struct {
	// Median is the median of the scores, by people.
	Median float64
	// ByPeople is the calibration. ByPhotographs is for comparison, and has no
	// Anchors if photographs of a few people are most of the list.
	ByPeople, ByPhotographs    Estimate
	Photographs, People        int
	PeoplePairs, ImpostorPairs int64
	// Dominating are the pairs of people with the largest weight beyond the
	// anchor at 1e-3. Somebody should look at them.
	Dominating []DominatingPair
	formula    face.Formula
	listSHA256 string
}

// DominatingPair is two people whose scores have a large weight in a tail.
type DominatingPair struct {
	// Share is their part of the weight of all scores beyond the anchor, by
	// people. Scores of their Of pairs of photographs lie beyond it.
	Share  float64 `json:"share"`
	Scores int     `json:"scores"`
	Of     int     `json:"of"`
	// Reference and Probe are the files of their highest score.
	Reference string  `json:"reference"`
	Probe     string  `json:"probe"`
	Score     float64 `json:"score"`
}

// maxDominating is how many dominating pairs of people are listed.
const maxDominating = 10

// Calibrate estimates the score of every anchor from the scores of different
// people. If the list does not suffice for that, the error has kind
// sesuai.KindConfiguration.
func Calibrate(s *Scores, o CalibrateOptions) (*Calibrated, error) {
	t, err := newTail(s)
	if err != nil {
		return nil, err
	}
	if o.Replicates == 0 {
		o.Replicates = 1000
	}
	var p top
	m := t.everybody()
	c := &Calibrated{
		Median:        median(&s.Impostors),
		People:        t.people(m),
		PeoplePairs:   s.Impostors.PeoplePairs,
		ImpostorPairs: s.Impostors.Pairs,
		formula:       s.Formula,
		listSHA256:    s.Set.SHA256,
	}
	for _, sample := range s.Set.Samples {
		if t.total[ByPeople].active[sample.Person] {
			c.Photographs++
		}
	}
	if c.ByPeople, err = t.bounded(&p, m, ByPeople, o); err != nil {
		return nil, err
	}
	c.ByPhotographs, _ = t.bounded(&p, m, ByPhotographs, o)
	if first := c.ByPeople.Anchors[0].Score; !(c.Median < first) {
		return nil, cannotCalibrate("its scores are too much alike: the median reaches the anchor at FMR 1e-2")
	}
	c.Dominating = t.dominating(&s.Impostors, c.ByPeople.Anchors[1].Score)
	return c, nil
}

// median returns the median by people. It interpolates within a bin of the
// histogram.
func median(im *Impostors) float64 {
	var sum, below float64
	for _, w := range im.Weights {
		sum += w
	}
	for i, w := range im.Weights {
		if w > 0 && below+w >= sum/2 {
			return -1 + 2.0/Bins*(float64(i)+(sum/2-below)/w)
		}
		below += w
	}
	return math.NaN()
}

// estimate fits the tail of the given scores of the people of m, and places the
// anchors, without intervals. Scores of nil are all scores.
func (t *tail) estimate(p *top, scores []int32, m []float64, by Weighting) (Estimate, error) {
	e := Estimate{Weighting: by}
	err := t.top(p, scores, m, by, shares[len(shares)-1])
	if err != nil {
		return e, err
	}
	if e.Fit, err = p.choose(); err != nil {
		return e, err
	}
	for _, share := range []float64{e.Fit.Share / 2, e.Fit.Share * 2} {
		if other, ok := p.fit(share); ok && other.Effective >= minCounted {
			e.Others = append(e.Others, other)
		}
	}
	e.Anchors, err = p.anchors(e.Fit, nil)
	return e, err
}

// again finds the scores of e's anchors for the people of m in the way that e's
// were found. It returns false if their scores do not suffice.
func (t *tail) again(p *top, scores []int32, m []float64, e *Estimate) ([]float64, bool) {
	if t.top(p, scores, m, e.Weighting, max(e.Fit.Share, AnchorRates[0])) != nil {
		return nil, false
	}
	fit, ok := p.fit(e.Fit.Share)
	if !ok {
		return nil, false
	}
	anchors, err := p.anchors(fit, e.Anchors)
	found := make([]float64, len(anchors))
	for i, a := range anchors {
		found[i] = a.Score
	}
	return found, err == nil
}

// anchors places one anchor for each of AnchorRates. Each is counted or
// extrapolated as in like. If like is nil, the number of pairs of people decides.
func (p *top) anchors(fit TailFit, like []AnchorEstimate) ([]AnchorEstimate, error) {
	out := make([]AnchorEstimate, 0, len(AnchorRates))
	counting := true
	for i, rate := range AnchorRates {
		a, ok := p.count(rate)
		counting = counting && ok && a.Effective >= minCounted
		if like != nil {
			counting = like[i].Counted
		}
		switch {
		case counting && !ok, !counting && rate > fit.Share*(1+1e-9):
			return nil, cannotCalibrate(fmt.Sprintf("too few pairs of people reach the score of FMR %g", rate))
		case !counting:
			a.Score = fit.ScoreAt(rate)
			if i > 0 {
				a.Score = max(a.Score, out[i-1].Score+minStep)
			}
		}
		a.Counted = counting
		if i > 0 && !(a.Score > out[i-1].Score) {
			return nil, cannotCalibrate("its scores are too much alike")
		}
		if !(a.Score < p.identical) {
			return nil, cannotCalibrate("photographs of different people score as identical ones do: one photograph may be in it under two people")
		}
		out = append(out, a)
	}
	return out, nil
}

// bounded returns the estimate of the people of m with intervals. If it fails,
// the estimate has no Anchors.
func (t *tail) bounded(p *top, m []float64, by Weighting, o CalibrateOptions) (Estimate, error) {
	e, err := t.estimate(p, nil, m, by)
	if err == nil {
		err = t.bound(&e, o)
	}
	if err != nil {
		e.Anchors = nil
	}
	return e, err
}

// bound sets the intervals of the anchors.
func (t *tail) bound(e *Estimate, o CalibrateOptions) error {
	drawn := t.bootstrap(o, func(m []float64, p *top) ([]float64, bool) { return t.again(p, nil, m, e) })
	if 2*len(drawn) < o.Replicates {
		return cannotCalibrate("most of its bootstrap replicates have too few pairs of people beyond an anchor")
	}
	for i := range e.Anchors {
		e.Anchors[i].Interval = intervalOf(drawn, i)
		// The replicates lie around their own centre, not around the estimate.
		in := &e.Anchors[i].Interval
		in.Low, in.High = min(in.Low, e.Anchors[i].Score), max(in.High, e.Anchors[i].Score)
	}
	return nil
}

// dominating returns the pairs of people with the largest weight at or above the
// score.
func (t *tail) dominating(im *Impostors, score float64) []DominatingPair {
	found := make(map[int32]*DominatingPair)
	sum := 0.0
	for i, s := range t.scores {
		if s.score < score {
			break
		}
		d := found[s.pair]
		if d == nil { // the first is the highest
			highest := im.Tail[i]
			d = &DominatingPair{
				Of:        im.PerPair(int(t.ends[s.pair][0]), int(t.ends[s.pair][1])),
				Reference: t.set.Samples[highest.Reference].File, Probe: t.set.Samples[highest.Probe].File, Score: s.score,
			}
			found[s.pair] = d
		}
		d.Scores++
		sum += s.weight[ByPeople]
	}
	out := make([]DominatingPair, 0, len(found))
	for _, d := range found {
		d.Share = float64(d.Scores) / float64(d.Of) / sum
		out = append(out, *d)
	}
	slices.SortFunc(out, func(a, b DominatingPair) int {
		return cmp.Or(cmp.Compare(b.Share, a.Share), cmp.Compare(b.Score, a.Score),
			cmp.Compare(a.Reference, b.Reference), cmp.Compare(a.Probe, b.Probe))
	})
	return out[:min(len(out), maxDominating)]
}

// Made is what a calibration file holds besides the figures.
type Made struct {
	// ID names the calibration. DataSet says in words what was measured.
	ID, DataSet string
	// ModelSHA256 is the digest of the template network that was measured.
	ModelSHA256 string
	// TemplatesSHA256 is face.Manifest.TemplatesSHA256 of the manifest in use.
	TemplatesSHA256 string
	// Tool is the version of the program, Date the day.
	Tool, Date string
}

// File returns the calibration for a file: by people, with scores of 4 decimals.
// withoutLength is the calibration of the same templates compared as if the
// references had no length; nil if the formula has no weight.
func (c *Calibrated) File(made Made, withoutLength *Calibrated) face.Calibration {
	out := face.Calibration{
		ID: made.ID, ModelSHA256: made.ModelSHA256, TemplatesSHA256: made.TemplatesSHA256, DataSet: made.DataSet, Date: made.Date, Tool: made.Tool,
		ListSHA256: c.listSHA256, Photographs: c.Photographs, People: c.People, PeoplePairs: c.PeoplePairs,
		Scoring: c.scoring(),
	}
	if withoutLength != nil {
		scoring := withoutLength.scoring()
		out.WithoutLength = &scoring
	}
	return out
}

// scoring returns the part of a calibration that is about scores.
func (c *Calibrated) scoring() face.Scoring {
	e := c.ByPeople
	out := face.Scoring{
		Formula:        c.formula,
		ImpostorMedian: decimals(c.Median),
		Tail: &face.Tail{
			Share: e.Fit.Share, Threshold: decimals(e.Fit.Threshold), Shape: decimals(e.Fit.Shape), Scale: decimals(e.Fit.Scale),
		},
	}
	for _, a := range e.Anchors {
		source := face.Extrapolated
		if a.Counted {
			source = face.Counted
		}
		out.Anchors = append(out.Anchors, face.Anchor{
			FMR: a.FMR, Score: decimals(a.Score), Source: source,
			Low: decimals(a.Interval.Low), High: decimals(a.Interval.High),
		})
	}
	return out
}

// decimals rounds to 4 decimals, which is finer than any interval.
func decimals(v float64) float64 { return math.Round(v*1e4) / 1e4 }

// TailFrom returns the score down to which Impostors.Tail must reach to calibrate
// on its people and on any half of them. With many people that is the narrowest
// of shares; with few it is -1, so that the tail holds every score.
func (im *Impostors) TailFrom() float64 {
	var total, reached float64
	for _, w := range im.Weights {
		total += w
	}
	wanted := 3 * shares[0]
	if im.PeoplePairs < manyPeoplePairs {
		wanted = 1 // few people: everything
	}
	for b := Bins - 1; b >= 0; b-- {
		if reached += im.Weights[b]; reached > wanted*total {
			return edge(b)
		}
	}
	return -1
}

// manyPeoplePairs is so large that half of the people, who make a quarter of the
// pairs, still have several times minFitted pairs in the narrowest of shares.
const manyPeoplePairs = 200_000
