package face

import (
	"errors"
	"fmt"
	"math"

	"github.com/sesuai/sesuai"
)

// Formula defines the comparison score of a pair, which is higher the more
// similar the two faces are:
//
//	score = cosine − LengthWeight · length
//
// length is Similarity.Length, but at least MinLength and at most MaxLength,
// which are those of the templates that the weight was measured with. Poor
// photographs have short templates, and a pair of poor photographs of two people
// reaches a given cosine less often than a pair of sharp ones does. The weight
// makes the false match rate at a score about the same for all lengths
// (docs/decisions/accuracy.md). The zero Formula makes the score the cosine.
type Formula struct {
	LengthWeight float64 `json:"length_weight,omitempty"`
	MinLength    float64 `json:"min_length,omitempty"`
	MaxLength    float64 `json:"max_length,omitempty"`
}

// Score returns the score of a pair with that cosine and Similarity.Length.
func (f Formula) Score(cosine, length float64) float64 { return cosine - f.Term(length) }

// Term returns what is subtracted from the cosine for a length. It does not fall
// as the length rises.
func (f Formula) Term(length float64) float64 {
	return f.LengthWeight * min(max(length, f.MinLength), f.MaxLength)
}

// Identical returns the least score that identical templates can have: that of
// templates of MaxLength.
func (f Formula) Identical() float64 { return f.Score(1, f.MaxLength) }

func (f Formula) check() error {
	switch {
	case f == Formula{}:
	case !(f.LengthWeight > 0 && f.MinLength > 0 && f.MaxLength >= f.MinLength && f.Term(f.MaxLength) < 1):
		return errors.New("length_weight, min_length and max_length must be positive, the lengths in this order, and length_weight · max_length under 1; " +
			"or all three must be missing")
	}
	return nil
}

// Scoring is a formula for scores, and the false match rates (FMR) at them.
type Scoring struct {
	Formula
	// ImpostorMedian is the median score of two different people.
	ImpostorMedian float64 `json:"impostor_median"`
	// Anchors are scores with the false match rate measured at each, from the
	// highest rate to the lowest. They must include the rates 1e-2, 1e-4 and
	// 1e-6.
	Anchors []Anchor `json:"anchors"`
	// Tail is the distribution from which anchors are extrapolated. It is
	// required if any anchor is.
	Tail *Tail `json:"tail,omitempty"`
}

// Anchor is a score and the share of pairs of different people that reach it.
type Anchor struct {
	FMR   float64 `json:"fmr"`
	Score float64 `json:"score"`
	// Source says how the score was found.
	Source Source `json:"source,omitempty"`
	// Low and High bound the score with 95 % confidence; 0 and 0 if the file
	// does not say.
	Low  float64 `json:"low,omitempty"`
	High float64 `json:"high,omitempty"`
}

// Source is how an anchor's score was found; "" if not known.
type Source string

const (
	// Counted: enough pairs of people reach the score to count them.
	Counted Source = "counted"
	// Extrapolated: the score is that of a distribution fitted to the tail.
	Extrapolated Source = "extrapolated"
)

// Tail is a generalised Pareto distribution of the excess of the highest
// scores over Threshold. Share is the share of all pairs that reach Threshold.
// Of these pairs, the share (1 + ξ(s − Threshold)/σ)^(−1/ξ) reaches s, where ξ
// is Shape and σ is Scale.
type Tail struct {
	Share     float64 `json:"share"`
	Threshold float64 `json:"threshold"`
	Shape     float64 `json:"shape"`
	Scale     float64 `json:"scale"`
}

// check validates the formula and the figures.
func (s *Scoring) check() error {
	if err := s.Formula.check(); err != nil {
		return err
	}
	lowest, identical := s.Score(-1, s.MaxLength), s.Identical()
	last := Anchor{FMR: 0.5, Score: s.ImpostorMedian}
	if !(last.Score > lowest && last.Score < identical) {
		return fmt.Errorf("impostor_median must be between %g and %g", lowest, identical)
	}
	extrapolated := false
	for _, a := range s.Anchors {
		switch {
		case !(a.FMR > 0 && a.FMR < last.FMR && a.Score > last.Score && a.Score < identical):
			return fmt.Errorf("anchors must have falling rates and rising scores, from the impostor median to under %g", identical)
		case a.Source != "" && a.Source != Counted && a.Source != Extrapolated:
			return errors.New("an anchor's source must be counted or extrapolated")
		case (a.Low != 0 || a.High != 0) && !(a.Low > lowest && a.Low <= a.Score && a.Score <= a.High && a.High <= 1):
			return errors.New("an anchor's score must lie from low to high")
		}
		extrapolated = extrapolated || a.Source == Extrapolated
		last = a
	}
	switch t := s.Tail; {
	case t == nil && extrapolated:
		return errors.New("anchors are extrapolated, and tail is missing")
	case t != nil && !(t.Share > 0 && t.Share < 1 && t.Scale > 0 && t.Shape < 1 && t.Threshold > lowest && t.Threshold < 1):
		return errors.New("tail must have a share from 0 to 1, a positive scale, a shape under 1 and a threshold that is a score")
	}
	for _, p := range percentageAt {
		if !s.hasAnchor(p.fmr) {
			return fmt.Errorf("the anchor at FMR %g is missing", p.fmr)
		}
	}
	return nil
}

func (s *Scoring) hasAnchor(fmr float64) bool {
	for _, a := range s.Anchors {
		if math.Abs(a.FMR/fmr-1) < 1e-9 {
			return true
		}
	}
	return false
}

// percentageAt defines the percentage by its values at these false match rates.
// Between them it is linear in log10 FMR. It is 0 at the impostor median, and 100
// at Formula.Identical.
var percentageAt = [...]struct{ fmr, percentage float64 }{{1e-2, 50}, {1e-4, 75}, {1e-6, 95}}

// Percentage maps a score to the calibrated scale: 0 to 100 in steps of 0.01,
// rising with the score. NaN gives an unknown percentage.
//
// Between the first and the last anchor, the score's false match rate is
// log-linear in the score between neighbouring anchors, and percentageAt maps
// it to the percentage. Outside of the anchors, the percentage is linear in the
// score.
func (s *Scoring) Percentage(score float64) sesuai.Percentage {
	from, atFrom := s.ImpostorMedian, 0.0
	for _, a := range s.Anchors {
		at := percentageOfFMR(a.FMR)
		if score < a.Score {
			return sesuai.PercentageOf(between(score, from, a.Score, atFrom, at))
		}
		from, atFrom = a.Score, at
	}
	return sesuai.PercentageOf(between(score, from, s.Identical(), atFrom, 100))
}

// percentageOfFMR returns the percentage of a false match rate. A calibration may
// have anchors outside of the rates of percentageAt. There the line through the
// two nearest of those rates is extended.
func percentageOfFMR(fmr float64) float64 {
	l := math.Log10(fmr)
	i := 1
	for i < len(percentageAt)-1 && fmr < percentageAt[i].fmr {
		i++
	}
	a, b := percentageAt[i-1], percentageAt[i]
	return min(max(between(l, math.Log10(a.fmr), math.Log10(b.fmr), a.percentage, b.percentage), 0), 100)
}

// FMROfPercentage returns the false match rate that a percentage stands for, from 50 to 95.
// Below it is more than that of 50, and above less than that of 95: false.
func FMROfPercentage(percentage float64) (fmr float64, ok bool) {
	for i, b := range percentageAt[1:] {
		if a := percentageAt[i]; percentage >= a.percentage && percentage <= b.percentage {
			return math.Pow(10, between(percentage, a.percentage, b.percentage, math.Log10(a.fmr), math.Log10(b.fmr))), true
		}
	}
	return 0, false
}

// between maps x0..x1 to y0..y1 linearly.
func between(x, x0, x1, y0, y1 float64) float64 { return y0 + (x-x0)/(x1-x0)*(y1-y0) }
