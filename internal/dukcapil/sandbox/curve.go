package sandbox

import (
	"errors"
	"strconv"
)

// Point is a point of a Curve: a matchScore and the percentage it stands for.
type Point struct {
	// Score is the matchScore at the point.
	Score float64 `yaml:"score"`
	// Percentage is the percentage at the point, 0 to 100.
	Percentage float64 `yaml:"percentage"`
}

// Curve maps percentages to matchScores. It is piecewise linear, and its points
// strictly increase in both. A percentage outside of it gets the score of the
// nearer end.
type Curve []Point

// DefaultCurve maps 75 percent to 5, the usual threshold of matchScores.
var DefaultCurve = Curve{{0, 0}, {5, 75}, {10, 100}}

func (c Curve) check() error {
	if len(c) < 2 {
		return errors.New("a curve needs at least two points")
	}
	for i, p := range c {
		if i > 0 && !(p.Score > c[i-1].Score && p.Percentage > c[i-1].Percentage) {
			return errors.New("a curve's points must increase in score and percentage")
		}
	}
	return nil
}

// score returns the matchScore for a percentage.
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

// scoreText returns a score with Options.Decimals decimals, as it is sent.
func (s *Server) scoreText(score float64) string {
	return strconv.FormatFloat(score, 'f', s.o.Decimals, 64)
}
