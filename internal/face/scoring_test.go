package face_test

import (
	"crypto/sha256"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"pgregory.net/rapid"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/face"
)

func TestFormula(t *testing.T) {
	f := face.Formula{LengthWeight: 0.1, MinLength: 2, MaxLength: 5}
	for _, test := range []struct{ cosine, length, want float64 }{
		{0.5, 3, 0.2},
		{0.5, 2, 0.3},
		{0.5, 1, 0.3}, // as for the shortest
		{0.5, 5, 0},
		{0.5, 6, 0}, // as for the longest
		{0.5, math.Inf(1), 0},
		{-1, 4, -1.4},
	} {
		if got := f.Score(test.cosine, test.length); math.Abs(got-test.want) > 1e-12 {
			t.Errorf("the score at cosine %v and length %v is %v, want %v", test.cosine, test.length, got, test.want)
		}
	}
	if got := f.Identical(); got != 0.5 {
		t.Errorf("identical templates have at least %v", got)
	}
	if f := (face.Formula{}); f.Score(0.5, math.Inf(1)) != 0.5 || f.Identical() != 1 {
		t.Error("without a weight the score is not the cosine")
	}
}

// Which entry of the calibration counts depends on the reference alone.
func TestAssess(t *testing.T) {
	c := parse(t, func(c map[string]any) { withLengths(c) })
	for _, test := range []struct {
		of              face.Similarity
		score, expected float64
	}{
		{face.Similarity{Cosine: 0.5, Reference: 3, Probe: 4}, 0.44, 77},
		{face.Similarity{Cosine: 0.5, Reference: 4, Probe: 3}, 0.44, 77},
		{face.Similarity{Cosine: 0.5, Probe: 3}, 0.47, 77},
		{face.Similarity{Cosine: 0.5, Reference: 3}, 0.44, 77}, // as if the probe were no shorter
		{face.Similarity{Cosine: 0.5}, 0.45, 75},               // as if it were the longest
		{face.Similarity{Cosine: 1, Reference: 9, Probe: 9}, 0.9, 100},
	} {
		score, percentage := c.Assess(test.of)
		if math.Abs(score-test.score) > 1e-12 || percentage != sesuai.PercentageOf(test.expected) {
			t.Errorf("%+v: %v and %v, want %v and %v", test.of, score, percentage, test.score, test.expected)
		}
	}
}

// With every shipped calibration identical templates are at 100, and a percentage
// does not fall as the cosine rises or as the photographs get poorer.
func TestAssessIsMonotonous(t *testing.T) {
	for _, id := range face.ShippedCalibrations() {
		c, err := face.ShippedCalibration(id)
		if err != nil {
			t.Fatal(err)
		}
		length := rapid.OneOf(rapid.Just(0.0), rapid.Float64Range(0.01, 300))
		rapid.Check(t, func(t *rapid.T) {
			s := face.Similarity{
				Cosine: rapid.Float64Range(-1, 1).Draw(t, "cosine"), Reference: length.Draw(t, "reference"), Probe: length.Draw(t, "probe"),
			}
			_, before := c.Assess(s)
			higher, shorter, identical := s, s, s
			higher.Cosine = rapid.Float64Range(s.Cosine, 1).Draw(t, "higher")
			if _, after := c.Assess(higher); !after.AtLeast(before) {
				t.Fatalf("%s: %+v is %v, and %+v %v", id, s, before, higher, after)
			}
			if s.Probe > 0 {
				shorter.Probe = rapid.Float64Range(0.001, s.Probe).Draw(t, "shorter")
				if _, after := c.Assess(shorter); !after.AtLeast(before) {
					t.Fatalf("%s: %+v is %v, and %+v %v", id, s, before, shorter, after)
				}
			}
			identical.Cosine = 1
			if _, p := c.Assess(identical); p != sesuai.PercentageOf(100) {
				t.Fatalf("%s: %+v is %v", id, identical, p)
			}
		})
	}
}

// withLengths makes a file one of scores with a term of the length.
func withLengths(c map[string]any) {
	c["length_weight"], c["min_length"], c["max_length"] = 0.02, 2, 5
	c["anchors"] = []any{anchor(1e-2, 0.2), anchor(1e-4, 0.42), anchor(1e-6, 0.62)}
	c["reference_without_length"] = map[string]any{
		"length_weight": 0.01, "min_length": 2, "max_length": 5, "impostor_median": 0.01,
		"anchors": []any{anchor(1e-2, 0.2), anchor(1e-4, 0.45), anchor(1e-6, 0.65)},
	}
}

// cosineAnchor is an anchor of a file from before scores had a term of the length.
func cosineAnchor(fmr, cosine float64) any { return map[string]any{"fmr": fmr, "cosine": cosine} }

// A file from before scores had a term of the length gives the same percentages,
// to every pair with that cosine.
func TestParseCalibrationOfCosines(t *testing.T) {
	now := parse(t, func(map[string]any) {})
	old := parse(t, func(c map[string]any) {
		c["anchors"] = []any{cosineAnchor(1e-2, 0.2), cosineAnchor(1e-4, 0.4), cosineAnchor(1e-6, 0.6)}
	})
	for cosine := -1.0; cosine <= 1; cosine += 0.01 {
		for _, s := range []face.Similarity{{Cosine: cosine}, {Cosine: cosine, Probe: 3}, {Cosine: cosine, Reference: 4, Probe: 3}} {
			score, percentage := old.Assess(s)
			if score != cosine || percentage != now.Percentage(cosine) {
				t.Fatalf("%+v: %v and %v, want %v", s, score, percentage, now.Percentage(cosine))
			}
		}
	}
}

func TestParseCalibrationOfLengthsRefuses(t *testing.T) {
	parse(t, withLengths) // the unchanged file is good
	set := func(key string, v any) func(map[string]any) {
		return func(c map[string]any) {
			withLengths(c)
			if c[key] = v; v == nil {
				delete(c, key)
			}
		}
	}
	inEntry := func(key string, v any) func(map[string]any) {
		return func(c map[string]any) {
			withLengths(c)
			c["reference_without_length"].(map[string]any)[key] = v
		}
	}
	for name, change := range map[string]func(map[string]any){
		"a negative weight":               set("length_weight", -0.02),
		"no weight":                       set("length_weight", nil),
		"no shortest length":              set("min_length", nil),
		"no longest length":               set("max_length", nil),
		"the lengths the other way round": set("min_length", 6),
		"a term of 1":                     set("max_length", 50),
		"no entry without a length":       set("reference_without_length", nil),
		"an entry, but no weight": func(c map[string]any) {
			withLengths(c)
			delete(c, "length_weight")
			delete(c, "min_length")
			delete(c, "max_length")
		},
		"anchors of cosines": set("anchors", []any{cosineAnchor(1e-2, 0.2), cosineAnchor(1e-4, 0.4), cosineAnchor(1e-6, 0.6)}),
		"anchors of a cosine and of scores": func(c map[string]any) {
			c["anchors"] = []any{cosineAnchor(1e-2, 0.2), anchor(1e-4, 0.4), anchor(1e-6, 0.6)}
		},
		"an anchor of both": func(c map[string]any) {
			c["anchors"] = []any{map[string]any{"fmr": 1e-2, "cosine": 0.2, "score": 0.2}, anchor(1e-4, 0.4), anchor(1e-6, 0.6)}
		},
		"an anchor without a score":          set("anchors", []any{map[string]any{"fmr": 1e-2}, anchor(1e-4, 0.42), anchor(1e-6, 0.62)}),
		"an anchor that identical ones miss": set("anchors", []any{anchor(1e-2, 0.2), anchor(1e-4, 0.42), anchor(1e-6, 0.9)}),
		"a median that is no score":          set("impostor_median", -1.11),
		"in the entry: anchors of cosines":   inEntry("anchors", []any{cosineAnchor(1e-2, 0.2), cosineAnchor(1e-4, 0.4), cosineAnchor(1e-6, 0.6)}),
		"in the entry: no anchors":           inEntry("anchors", []any{}),
		"in the entry: a negative weight":    inEntry("length_weight", -1),
		"in the entry: an unknown key":       inEntry("weight", 0.1),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := face.ParseCalibration(calibrationFile(t, change))
			wantKind(t, err, sesuai.KindConfiguration)
		})
	}
}

// The ids of shipped calibrations are in audit events, so what an id stands for
// never changes.
func TestShippedCalibrationsStay(t *testing.T) {
	for id, want := range map[string]string{
		"asia-2026-11":     "5f6f80067ef0f2d847e166c14882f97b6c849690cd117a9243c86abf4562e624",
		"general-2026-11":  "269c5e1af50cf7ee9513ba0ed5f18402ff5debabe4e8d6e24ce2604e31d1d66f",
		"asia-2026-11b":    "9a8c002105619f1d0426ba8f44e29d3e54dd2e1a8bcc6310a16e4f3792ef07aa",
		"general-2026-11b": "cd69248511aa025c83dcfef17338386f1f8642e650314cace551b9d7e2ec5bd5",
	} {
		b, err := os.ReadFile(filepath.Join("calibrations", id+".json"))
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprintf("%x", sha256.Sum256(b)); got != want {
			t.Errorf("%s is %s, and was %s", id, got, want)
		}
	}
}
