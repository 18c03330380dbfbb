package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/evaluation"
	"github.com/sesuai/sesuai/internal/face"
)

// synthetic is the scores of people with one photograph each, about normal.
func synthetic(people int) *evaluation.Scores {
	s := &evaluation.Scores{Set: &evaluation.Set{SHA256: strings.Repeat("ab", 32)}}
	s.Impostors.Floor = -1
	s.Impostors.PerPair = func(int, int) int { return 1 }
	random := rand.New(rand.NewPCG(1, 0))
	for a := range people {
		s.Set.People = append(s.Set.People, fmt.Sprint(a))
		s.Set.Samples = append(s.Set.Samples, evaluation.Sample{File: fmt.Sprintf("%d.jpg", a), Person: a, Group: -1})
		for b := range a {
			cosine := 0.09 * random.NormFloat64()
			s.Impostors.Tail = append(s.Impostors.Tail, evaluation.Score{Reference: int32(b), Probe: int32(a), Value: float32(cosine)})
			s.Impostors.Weights[int((cosine+1)/2*evaluation.Bins)]++
			s.Impostors.Pairs++
			s.Impostors.PeoplePairs++
		}
	}
	slices.SortFunc(s.Impostors.Tail, func(a, b evaluation.Score) int {
		if a.Value > b.Value {
			return -1
		}
		return 1
	})
	return s
}

// calibrateCommand runs face calibrate on synthetic scores.
func calibrateCommand(t *testing.T, asJSON bool, change func(*faceCalibrate)) (out, path string, err error) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "made.json")
	c := faceCalibrate{ID: "made-2026-11", DataSet: "synthetic", Out: path, Repeats: 3, Seed: 1}
	change(&c)
	var stdout bytes.Buffer
	s := &session{Context: t.Context(), config: app.DefaultConfig(), json: asJSON, stdout: &stdout, stderr: &stdout}
	scores := scoresToCalibrate{with: synthetic(150)}
	if c.Weight == nil {
		scores.without = synthetic(150)
		scores.with.Formula = evaluation.BuiltInFormula()
		scores.without.Formula = evaluation.WithoutLengths(scores.with.Formula)
	}
	err = c.run(s, func() (scoresToCalibrate, error) { return scores, nil })
	return stdout.String(), path, err
}

func TestCalibrateWritesAFileThatIsRead(t *testing.T) {
	out, path, err := calibrateCommand(t, false, func(c *faceCalibrate) { c.Validate = 2 })
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	c, err := face.ParseCalibration(b)
	if err != nil {
		t.Fatal(err)
	}
	if c.ID != "made-2026-11" || c.People != 150 || c.ModelSHA256 != face.DefaultManifest().Template.SHA256 {
		t.Errorf("%s", b)
	}
	for _, says := range []string{
		"150 photographs of 150 people: 11175 pairs of photographs and 11175 pairs of people who differ",
		"score: cosine − 0.03 · length of the shorter template", "stored without a length: cosine − 0.01 · length of the probe",
		fmt.Sprintf("%.4f", c.Anchors[2].Score), fmt.Sprintf("%.4f", c.WithoutLength.Anchors[2].Score), "counted", "extrapolated", "1 of their 1 pairs", "People left out: 2 parts, 3 times", path,
	} {
		if !strings.Contains(out, says) {
			t.Errorf("it does not say %q:\n%s", says, out)
		}
	}
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(left) != 1 {
		t.Errorf("%v is left beside it, %v", left, err)
	}
}

func TestCalibrateAsJSON(t *testing.T) {
	out, _, err := calibrateCommand(t, true, func(c *faceCalibrate) { c.Validate = 3 })
	if err != nil {
		t.Fatal(err)
	}
	var made madeCalibration
	if err := json.Unmarshal([]byte(out), &made); err != nil {
		t.Fatal(err)
	}
	if len(made.Calibration.Anchors) != 5 || len(made.Dominating) == 0 || made.Validation.Parts != 3 ||
		len(made.Calibration.WithoutLength.Anchors) != 5 || made.WithoutLength.Validation.Parts != 3 {
		t.Errorf("%s", out)
	}
}

// With a weight of 0 the score is the cosine, and references without a length have
// no entry.
func TestCalibrateWithoutAWeight(t *testing.T) {
	out, path, err := calibrateCommand(t, false, func(c *faceCalibrate) { c.Weight = new(float64) })
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	c, err := face.ParseCalibration(b)
	if err != nil || c.LengthWeight != 0 || c.WithoutLength != nil || !strings.Contains(out, "score: the cosine\n") {
		t.Errorf("%v, %s\n%s", err, b, out)
	}
}

func TestCalibrateRefuses(t *testing.T) {
	for name, change := range map[string]func(*faceCalibrate){
		"an id that is a path":      func(c *faceCalibrate) { c.ID = "a/b" },
		"an id that ends as a file": func(c *faceCalibrate) { c.ID = "b.json" },
		"no data set":               func(c *faceCalibrate) { c.DataSet = " " },
		"one part":                  func(c *faceCalibrate) { c.Validate = 1 },
		"too many parts":            func(c *faceCalibrate) { c.Validate = 100 },
		"a negative weight":         func(c *faceCalibrate) { w := -0.01; c.Weight = &w },
		"fewer than no repeats":     func(c *faceCalibrate) { c.Repeats = -1 },
	} {
		t.Run(name, func(t *testing.T) {
			_, path, err := calibrateCommand(t, false, change)
			if sesuai.KindOf(err) != sesuai.KindConfiguration {
				t.Errorf("want an error of kind %s, got %v", sesuai.KindConfiguration, err)
			}
			if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
				t.Error("a file is written")
			}
		})
	}
}

// TestCheckFormula: a weight that leaves no room for a cosine is refused before
// anything is compared.
func TestCheckFormula(t *testing.T) {
	for _, test := range []struct {
		weight float64
		ok     bool
	}{{0, true}, {0.03, true}, {0.19, true}, {0.2, false}, {0.9, false}} {
		err := checkFormula(face.Formula{LengthWeight: test.weight, MinLength: 2, MaxLength: 5})
		if (err == nil) != test.ok || err != nil && sesuai.KindOf(err) != sesuai.KindConfiguration {
			t.Errorf("a weight of %v: %v", test.weight, err)
		}
	}
}
