package evaluation

import (
	"fmt"
	"math"
	"slices"
)

// docs/decisions/calibration.md has the reasons for these.
const (
	// minCounted is the effective number of pairs of people that must lie
	// beyond a score for its rate to be counted. A Poisson count of 10 has a
	// 95 % interval of 4.8 to 18.4, which is a factor of two either way.
	minCounted = 10
	// minFitted is the same number for the scores that a tail is fitted to.
	minFitted = 60
	// The shape cannot be estimated from few people: its standard error is
	// about 1.2/√n. So the estimate is drawn towards the shape that was measured
	// with many people, those of LFW, as if priorWeight pairs of people had
	// shown priorShape, give or take 0.05 (a prior as that of Martins and
	// Stedinger, Water Resources Research 36, 2000). With tens of thousands of
	// pairs in the tail it has no effect.
	priorShape, priorWeight = -0.12, 600
	// minShape is where estimators cease to be regular (Smith 1985).
	minShape = -0.5
)

// shares are the parts of the scores, by weight, to which a tail is fitted: the
// first one with minFitted pairs of people, or else the last one whose scores
// were kept.
var shares = []float64{0.01, 0.02, 0.03, 0.05, 0.10}

// TailFit is a generalised Pareto distribution of the excesses of scores over
// Threshold (peaks over threshold; ISO/IEC 5152).
type TailFit struct {
	// Share of the scores, by weight, reach Threshold.
	Share, Threshold float64
	// Shape and Scale are ξ and σ: of those scores, a share of
	// (1 + ξ(s − threshold)/σ)^(−1/ξ) reaches s.
	Shape, Scale float64
	// Beyond and Effective are as those of AnchorEstimate.
	Beyond    int
	Effective float64
}

// End returns the score that none reaches by the fit.
func (f TailFit) End() float64 { return f.Threshold - f.Scale/f.Shape }

// ScoreAt returns the extrapolated score of a rate of at most Share.
func (f TailFit) ScoreAt(rate float64) float64 {
	return f.Threshold + f.Scale/f.Shape*math.Expm1(-f.Shape*math.Log(rate/f.Share))
}

// top are the highest scores of some people.
type top struct {
	total float64 // weight of all scores of these people
	// identical and highest are those of the tail.
	identical, highest float64

	score []float64
	// For the scores from the highest to this one: their weight, the number of
	// pairs of people that they are of, and the effective number of these pairs,
	// Kish's (Σw)²/Σw² over pairs of people (Survey Sampling, 1965).
	weight    []float64
	beyond    []int
	effective []float64
	// Sums for the moments of the excesses over any of these scores: of w·s,
	// w·s·W and w·W, where W is the weight of all higher scores.
	ws, wsW, wW []float64
	pairs       []float64 // by pair of people, while gathering
}

// top collects in p the highest of the given scores that are of people in m, down
// to the first score past that share of the weight of all, or to the last score.
// Scores of nil are all scores; other scores must hold all those of the people
// in m.
func (t *tail) top(p *top, scores []int32, m []float64, by Weighting, share float64) error {
	*p = top{
		total: t.total[by].of(m), identical: t.identical, highest: t.highest,
		score: p.score[:0], weight: p.weight[:0], beyond: p.beyond[:0], effective: p.effective[:0],
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
		ws, wsW, wW = ws+w*s.score, wsW+w*s.score*sum, wW+w*sum
		sum += w
		p.score = append(p.score, s.score)
		p.weight = append(p.weight, sum)
		p.beyond = append(p.beyond, beyond)
		p.effective = append(p.effective, sum*sum/squares)
		p.ws, p.wsW, p.wW = append(p.ws, ws), append(p.wsW, wsW), append(p.wW, wW)
		if sum > share*p.total*(1+roundOff) {
			break
		}
	}
	if len(p.score) == 0 {
		return cannotCalibrate("too few of its scores were kept")
	}
	return nil
}

// roundOff is the relative error of sums of weights: three thirds are not one.
const roundOff = 1e-9

// at returns the index of the first score that makes the weight of the scores up
// to it exceed a share of the weight of all; false if there is none.
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

// count places an anchor such that no more than the rate reaches it: half way
// between the last score that may reach it and the first that may not.
func (p *top) count(rate float64) (AnchorEstimate, bool) {
	i, ok := p.at(rate)
	switch {
	case !ok:
		return AnchorEstimate{FMR: rate}, false
	case i == 0:
		return AnchorEstimate{FMR: rate, Score: p.score[0]}, true
	}
	return AnchorEstimate{
		FMR: rate, Score: (p.score[i-1] + p.score[i]) / 2, Beyond: p.beyond[i-1], Effective: p.effective[i-1],
	}, true
}

// choose fits the tail to the first of shares with enough pairs of people.
func (p *top) choose() (TailFit, error) {
	var best TailFit
	for _, share := range shares {
		fit, ok := p.fit(share)
		if ok {
			best = fit
		}
		if fit.Effective >= minFitted {
			break
		}
	}
	if best.Effective < minCounted {
		return best, cannotCalibrate(fmt.Sprintf("too few pairs of people lie in the tail of its scores, or their scores are too much alike: "+
			"they count as %.1f, and %d are needed", best.Effective, minCounted))
	}
	return best, nil
}

// fit fits a generalised Pareto distribution to the excesses of the highest share
// of scores over the first score that is not in that share. It uses weighted
// probability-weighted moments (Hosking and Wallis, Technometrics 29, 1987): with
// a0 the mean excess and a1 half the mean of the lesser of two excesses,
// ξ = 2 − a0/(a0 − 2a1) and σ = a0(1 − ξ). It returns false if there is nothing to
// fit.
//
// Then ξ is drawn towards priorShape, and lowered if the distribution would end
// above the highest score that there can be (at threshold − σ/ξ). Neither changes the mean.
func (p *top) fit(share float64) (TailFit, bool) {
	i, ok := p.at(share)
	if !ok || i < 2 {
		return TailFit{}, false
	}
	u := p.score[i]
	i--
	f := TailFit{Share: share, Threshold: u, Beyond: p.beyond[i], Effective: p.effective[i]}
	mean := p.ws[i]/p.weight[i] - u
	lesser := p.wsW[i]/p.wW[i] - u // of two
	if !(mean > 1e-6 && u+mean < p.highest) {
		return f, false
	}
	f.Shape = minShape
	if mean > lesser {
		f.Shape = min(max(2-mean/(mean-lesser), minShape), -minShape)
	}
	f.Shape = (f.Shape*f.Effective + priorShape*priorWeight) / (f.Effective + priorWeight)
	f.Shape = min(f.Shape, -mean/(p.highest-u-mean))
	f.Scale = mean * (1 - f.Shape)
	return f, true
}
