package evaluation

import (
	"fmt"
	"math"
	"slices"
)

// What docs/decisions/calibration.md gives the reasons of.
const (
	// leastCounted is how many pairs of people, by their effective number, must
	// lie beyond a cosine for its rate to be counted: a Poisson count of 10 has
	// a 95 % interval of 4.8 to 18.4, which is a factor of two either way.
	leastCounted = 10
	// leastFitted is the same for the scores that a tail is fitted to.
	leastFitted = 60
	// A shape cannot be told from few people: its standard error is about
	// 1.2/√n. So it is drawn to one that was measured with many, LFW's, as if
	// priorWeight pairs of people had shown priorShape, give or take 0.05
	// (a prior as Martins and Stedinger have it, Water Resources Research 36,
	// 2000). Where tens of thousands lie in the tail it does nothing.
	priorShape, priorWeight = -0.12, 600
	// leastShape is where estimators cease to be regular (Smith 1985).
	leastShape = -0.5
)

// shares are the parts of the scores, by weight, that a tail may be fitted to:
// the first with leastFitted pairs of people, else the last for which scores
// were kept.
var shares = []float64{0.01, 0.02, 0.03, 0.05, 0.10}

// TailFit is a generalised Pareto distribution of what scores have over the
// threshold (peaks over threshold; ISO/IEC 5152).
type TailFit struct {
	// Share of the scores, by weight, reach Threshold.
	Share, Threshold float64
	// Shape and Scale are ξ and σ: of those, (1 + ξ(s − threshold)/σ)^(−1/ξ)
	// reach s.
	Shape, Scale float64
	// Beyond and Effective are as those of AnchorEstimate.
	Beyond    int
	Effective float64
}

// End is the cosine that no score reaches, by the fit: at most 1.
func (f TailFit) End() float64 { return f.Threshold - f.Scale/f.Shape }

// CosineAt is the cosine that the rate, at most Share, is extrapolated to.
func (f TailFit) CosineAt(rate float64) float64 {
	return f.Threshold + f.Scale/f.Shape*math.Expm1(-f.Shape*math.Log(rate/f.Share))
}

// top are the highest scores of some people.
type top struct {
	total  float64 // what all scores of these people weigh
	cosine []float64
	// From the highest down to this score: their weight and how many pairs of
	// people they are of, different ones and effective ones. The effective
	// number is Kish's (Σw)²/Σw² over pairs of people (Survey Sampling, 1965).
	weight    []float64
	beyond    []int
	effective []float64
	// Sums for the moments of the excesses over any of them: of w·s, w·s·W and
	// w·W, where W is the weight of what is higher.
	ws, wsW, wW []float64
	pairs       []float64 // by pair of people, while gathering
}

// top gathers in p the highest of those scores that are of people in m: down
// past that share of all, by weight, or to the last. nil is all scores; others
// are those of everybody in m.
func (t *tail) top(p *top, scores []int32, m []float64, by Weighting, share float64) error {
	*p = top{
		total: t.total[by].of(m), cosine: p.cosine[:0], weight: p.weight[:0], beyond: p.beyond[:0], effective: p.effective[:0],
		ws: p.ws[:0], wsW: p.wsW[:0], wW: p.wW[:0], pairs: p.pairs,
	}
	if !(p.total > 0) {
		return cannotCalibrate("it has no pair of different people that could be compared")
	}
	if len(p.pairs) != len(t.ends) {
		p.pairs = make([]float64, len(t.ends))
	}
	clear(p.pairs)
	beyond := 0
	var sum, squares, ws, wsW, wW float64
	n := len(t.scores)
	if scores != nil {
		n = len(scores)
	}
	for i := range n {
		if scores != nil {
			i = int(scores[i])
		}
		s := &t.scores[i]
		ends := t.ends[s.pair]
		w := s.weight[by] * m[ends[0]] * m[ends[1]]
		if w == 0 {
			continue
		}
		if p.pairs[s.pair] == 0 {
			beyond++
		}
		squares += w * (2*p.pairs[s.pair] + w)
		p.pairs[s.pair] += w
		ws, wsW, wW = ws+w*s.cosine, wsW+w*s.cosine*sum, wW+w*sum
		sum += w
		p.cosine = append(p.cosine, s.cosine)
		p.weight = append(p.weight, sum)
		p.beyond = append(p.beyond, beyond)
		p.effective = append(p.effective, sum*sum/squares)
		p.ws, p.wsW, p.wW = append(p.ws, ws), append(p.wsW, wsW), append(p.wW, wW)
		if sum > share*p.total*(1+roundOff) {
			break
		}
	}
	if len(p.cosine) == 0 {
		return cannotCalibrate("too few of its scores were kept")
	}
	return nil
}

// roundOff is what sums of weights may be out by: three thirds are not one.
const roundOff = 1e-9

// at is the highest score that, with those over it, weighs more than a share of
// all; false if there is none.
func (p *top) at(share float64) (int, bool) {
	limit := share * p.total * (1 + roundOff)
	i, _ := slices.BinarySearchFunc(p.weight, limit, func(w, limit float64) int {
		if w <= limit {
			return -1
		}
		return 1
	})
	return i, i < len(p.weight)
}

// count places an anchor where no more than the rate reaches it: half way
// between the last score that may and the first that may not.
func (p *top) count(rate float64) (AnchorEstimate, bool) {
	i, ok := p.at(rate)
	switch {
	case !ok:
		return AnchorEstimate{FMR: rate}, false
	case i == 0:
		return AnchorEstimate{FMR: rate, Cosine: p.cosine[0]}, true
	}
	return AnchorEstimate{
		FMR: rate, Cosine: (p.cosine[i-1] + p.cosine[i]) / 2, Beyond: p.beyond[i-1], Effective: p.effective[i-1],
	}, true
}

// choose fits the tail to the first of shares that has pairs of people enough.
func (p *top) choose() (TailFit, error) {
	var best TailFit
	for _, share := range shares {
		fit, ok := p.fit(share)
		if ok {
			best = fit
		}
		if fit.Effective >= leastFitted {
			break
		}
	}
	if best.Effective < leastCounted {
		return best, cannotCalibrate(fmt.Sprintf("too few pairs of people lie in the tail of its scores, or their scores are too much alike: "+
			"they count as %.1f, and %d are the least", best.Effective, leastCounted))
	}
	return best, nil
}

// fit fits a generalised Pareto distribution to what the highest share has over
// the first score that is not of it, by probability-weighted moments (Hosking
// and Wallis, Technometrics 29, 1987), weighted: with a0 the mean excess and a1
// half the mean of the lesser of two, ξ = 2 − a0/(a0 − 2a1) and σ = a0(1 − ξ).
// It is false where there is nothing to fit.
//
// The mean stays as it is when ξ is drawn to priorShape, and again when it is
// moved to where the distribution ends at 1 at the latest (threshold − σ/ξ), as
// cosines do.
func (p *top) fit(share float64) (TailFit, bool) {
	i, ok := p.at(share)
	if !ok || i < 2 {
		return TailFit{}, false
	}
	u := p.cosine[i]
	i--
	f := TailFit{Share: share, Threshold: u, Beyond: p.beyond[i], Effective: p.effective[i]}
	mean := p.ws[i]/p.weight[i] - u
	lesser := p.wsW[i]/p.wW[i] - u // of two
	if !(mean > 1e-6 && u+mean < 1) {
		return f, false
	}
	f.Shape = leastShape
	if mean > lesser {
		f.Shape = min(max(2-mean/(mean-lesser), leastShape), -leastShape)
	}
	f.Shape = (f.Shape*f.Effective + priorShape*priorWeight) / (f.Effective + priorWeight)
	f.Shape = min(f.Shape, -mean/(1-u-mean))
	f.Scale = mean * (1 - f.Shape)
	return f, true
}
