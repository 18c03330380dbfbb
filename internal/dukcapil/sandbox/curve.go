package sandbox

import (
	"errors"
	"strconv"
)

// Point says which percentage a matchScore stands for.
type Point struct {
	Score      float64 `yaml:"score"`
	Percentage float64 `yaml:"percentage"`
}

// Curve is piecewise linear and strictly increasing in both. What lies outside
// of it gets the score of its nearer end.
type Curve []Point

// DefaultCurve has the usual pass mark, a matchScore of 5, at 75 percent.
var DefaultCurve = Curve{{0, 0}, {5, 75}, {10, 100}}

func (c Curve) check() error {
	if len(c) < 2 {
		return errors.New("a curve has at least two points")
	}
	for i, p := range c {
		if i > 0 && !(p.Score > c[i-1].Score && p.Percentage > c[i-1].Percentage) {
			return errors.New("a curve's points increase in score and percentage")
		}
	}
	return nil
}

// score is the matchScore that stands for the percentage.
func (c Curve) score(percentage float64) float64 {
	if percentage <= c[0].Percentage {
		return c[0].Score
	}
	for i, p := range c[1:] {
		if percentage <= p.Percentage {
			before := c[i]
			return before.Score + (percentage-before.Percentage)*(p.Score-before.Score)/(p.Percentage-before.Percentage)
		}
	}
	return c[len(c)-1].Score
}

// scoreText is a score as it is sent.
func (s *Server) scoreText(score float64) string {
	return strconv.FormatFloat(score, 'f', s.o.Decimals, 64)
}
