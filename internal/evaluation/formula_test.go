package evaluation_test

import (
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sesuai/sesuai/internal/evaluation"
	"github.com/sesuai/sesuai/internal/face"
)

// atLength is a photograph as at makes, whose template has that length.
func atLength(degrees, length float64) string {
	return fmt.Sprintf("%.9f %.9f", length*math.Cos(degrees*math.Pi/180), length*math.Sin(degrees*math.Pi/180))
}

const lengthsList = "same,reference,probe,reference_person,probe_person\n" +
	"1,a1,a2,a,a\n0,a1,b1,a,b\n0,b1,c1,b,c\n0,a2,c1,a,c\n"

// lengths and angles, in degrees, are those of the photographs of the list.
var (
	lengths = map[string]float64{"a1": 3, "a2": 1.5, "b1": 3.5, "c1": 8}
	angles  = map[string]float64{"a1": 0, "a2": 20, "b1": 40, "c1": 60}
)

func lengthsAlbum(t *testing.T) *album {
	photographs := make(map[string]string)
	for name, length := range lengths {
		photographs[name] = atLength(angles[name], length)
	}
	return newAlbum(t, photographs)
}

// TestScoresOfLengths: the score of every pair has the term of the length that
// counts, whether all pairs are compared or the listed ones, and whether the
// templates come from the engine or from the cache.
func TestScoresOfLengths(t *testing.T) {
	formula := face.Formula{LengthWeight: 0.1, MinLength: 2, MaxLength: 4}
	cache := filepath.Join(t.TempDir(), "templates.cache")
	for _, test := range []struct{ all, without bool }{{false, false}, {true, false}, {false, true}, {true, true}} {
		g := lengthsAlbum(t).gathering(t, lengthsList, test.all)
		g.Cache = cache
		templates, err := g.Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if test.without {
			templates = templates.WithoutLengths()
		}
		s, err := templates.Compare(t.Context(), formula, -2)
		if err != nil {
			t.Fatal(err)
		}
		if want := map[bool]int{false: 3, true: 5}[test.all]; len(s.Impostors.Tail) != want || len(s.Genuine) != 1 {
			t.Fatalf("%+v: %d and %d scores", test, len(s.Impostors.Tail), len(s.Genuine))
		}
		for _, score := range append(s.Impostors.Tail, s.Genuine...) {
			reference, probe := s.Set.Samples[score.Reference].File, s.Set.Samples[score.Probe].File
			length := min(lengths[reference], lengths[probe])
			if test.without {
				length = lengths[probe]
			}
			if got := s.Shorter(score); math.Abs(got-length) > 1e-6 {
				t.Errorf("%+v: of %s and %s the length %v counts, want %v", test, reference, probe, got, length)
			}
			if want := cosine(angles[reference]-angles[probe]) - 0.1*min(max(length, 2), 4); math.Abs(float64(score.Value)-want) > 1e-6 {
				t.Errorf("%+v: %s and %s score %v, want %v", test, reference, probe, score.Value, want)
			}
		}
	}
}

func TestFormulaOf(t *testing.T) {
	templates, err := lengthsAlbum(t).gathering(t, lengthsList, true).Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := evaluation.FormulaOf(0.03, templates)
	if diff := cmp.Diff(face.Formula{LengthWeight: 0.03, MinLength: 1.5, MaxLength: 8}, got, cmp.Comparer(func(a, b float64) bool {
		return math.Abs(a-b) < 0.011 // rounded outwards
	})); diff != "" {
		t.Error(diff)
	}
	if got.MinLength > 1.5 || got.MaxLength < 8 {
		t.Errorf("%+v leaves out a length", got)
	}
	if got := evaluation.FormulaOf(0, templates); got != (face.Formula{}) {
		t.Errorf("without a weight: %+v", got)
	}
	if got := evaluation.WithoutLengths(face.Formula{LengthWeight: 0.0001, MinLength: 2, MaxLength: 4}); got != (face.Formula{}) {
		t.Errorf("of a weight that is rounded to 0: %+v", got)
	}
	if got := evaluation.WithoutLengths(face.Formula{LengthWeight: 0.03, MinLength: 2, MaxLength: 4}); got != (face.Formula{LengthWeight: 0.01, MinLength: 2, MaxLength: 4}) {
		t.Errorf("without lengths: %+v", got)
	}
}

// TestCalibrateRefusesIdentical: one photograph under two people is noticed though
// its score is under 1.
func TestCalibrateRefusesIdentical(t *testing.T) {
	usual := drawn(3, normal(0, 0.1))
	s := world(once(142), func(a, i, b, j int) float64 {
		if score := usual(a, i, b, j); score < 0.18 {
			return score
		}
		return 0.86 + 0.0001*float64((a*31+b*17)%400)
	})
	s.Formula = face.Formula{LengthWeight: 0.03, MinLength: 2, MaxLength: 5}
	_, err := evaluation.Calibrate(s, evaluation.CalibrateOptions{Replicates: 5})
	if err == nil || !strings.Contains(err.Error(), "score as identical ones do") {
		t.Errorf("%v", err)
	}
}

// TestMeasuringWithoutLengths: references without a length are measured by the entry
// of the calibration that is for them.
func TestMeasuringWithoutLengths(t *testing.T) {
	for id, has := range map[string]bool{"asia-2026-11b": true, "asia-2026-11": false} {
		c, err := face.ShippedCalibration(id)
		if err != nil {
			t.Fatal(err)
		}
		m, err := evaluation.Measuring{Calibration: c}.WithoutLengths()
		if (err == nil) != has {
			t.Errorf("%s: %v", id, err)
		}
		if has {
			if diff := cmp.Diff(*c.WithoutLength, m.Calibration.Scoring); diff != "" || m.Calibration == c {
				t.Errorf("%s: %s", id, diff)
			}
		}
	}
}
