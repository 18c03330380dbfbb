package client

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"sort"
	"strconv"
	"strings"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
)

// Curve maps the face service's open-ended scores to percentages: straight
// lines between points, and level beyond the first and the last.
type Curve struct {
	points []curvePoint
	id     string
}

type curvePoint struct{ score, percentage float64 }

// ParseCurve reads points such as "0:0 5:75 10:100", each a score and its
// percentage. Scores rise from point to point, and percentages never fall. The
// default threshold of a client, 75, must be within them: its score is the one
// from which two faces match.
func ParseCurve(text string) (Curve, error) {
	var c Curve
	var canonical []string
	for _, field := range strings.Fields(text) {
		score, percentage, found := strings.Cut(field, ":")
		s, ok := parseNumber(score)
		p, ok2 := parseNumber(percentage)
		if !found || !ok || !ok2 || p < 0 || p > 100 {
			return Curve{}, fmt.Errorf("%q is not a score and a percentage such as 5:75", field)
		}
		if n := len(c.points); n > 0 && (s <= c.points[n-1].score || p < c.points[n-1].percentage) {
			return Curve{}, fmt.Errorf("%q: scores must rise and percentages must not fall", field)
		}
		c.points = append(c.points, curvePoint{s, p})
		canonical = append(canonical, number(s)+":"+number(p))
	}
	if len(c.points) < 2 {
		return Curve{}, errors.New("at least two points such as 0:0 5:75 are needed")
	}
	if first, last := c.points[0].percentage, c.points[len(c.points)-1].percentage; first > access.DefaultThreshold || last < access.DefaultThreshold {
		return Curve{}, fmt.Errorf("%d is not among its percentages", access.DefaultThreshold)
	}
	sum := sha256.Sum256([]byte(strings.Join(canonical, " ")))
	c.id = "dukcapil-curve-" + hex.EncodeToString(sum[:4])
	return c, nil
}

func number(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

// ID identifies the curve: two curves have the same id if they are equal.
func (c Curve) ID() string { return c.id }

// Percentage maps a score to its percentage.
func (c Curve) Percentage(score float64) sesuai.Percentage {
	n := sort.Search(len(c.points), func(i int) bool { return c.points[i].score >= score })
	switch n {
	case 0:
		return sesuai.PercentageOf(c.points[0].percentage)
	case len(c.points):
		return sesuai.PercentageOf(c.points[n-1].percentage)
	}
	a, b := c.points[n-1], c.points[n]
	part := (score - a.score) / (b.score - a.score)
	return sesuai.PercentageOf(a.percentage + part*(b.percentage-a.percentage))
}

// passes reports whether the score reaches the default threshold of a client.
func (c Curve) passes(score float64) bool {
	return c.Percentage(score).AtLeast(sesuai.PercentageOf(access.DefaultThreshold))
}
