// Package accuracy_test measures the default engine on the development
// photographs. It computes for a long time and shares nothing between goroutines
// of its own, so make test runs it without the race detector.
package accuracy_test

import (
	"bufio"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/evaluation"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/test/process"
)

// Limits of what storing a reference may change: a cosine in the mean, and the
// share of verdicts.
const (
	maxChange   = 0.002
	maxVerdicts = 0.001
)

// TestCompactTemplates checks what storing a reference changes against the limits,
// on the lists of development photographs. Of the largest list it takes a sample;
// docs/reference/accuracy.md has the figures of the whole list.
func TestCompactTemplates(t *testing.T) {
	const models = "../../models"
	process.Need(t, models)
	faces := process.Faces(t, "../..")
	for _, list := range []struct {
		name    string
		subject face.Subject
		every   int // takes one of so many lines
	}{
		{"london_pairs.csv", face.Largest, 1},
		{"lfw_asian_pairs.csv", face.Central, 8},
		{"lfw_pairs.csv", face.Central, 800},
	} {
		if os.Getenv("PHOTOGRAPHS") == "all" { // as in internal/face
			list.every = 1
		}
		t.Run(list.name, func(t *testing.T) {
			t.Parallel()
			c := app.DefaultConfig()
			c.Models = models
			engine, err := app.OpenEvaluationEngine(c, list.subject, false)
			if err != nil {
				t.Fatal(err)
			}
			defer engine.Close()
			images, err := os.OpenRoot(faces)
			if err != nil {
				t.Fatal(err)
			}
			defer images.Close()
			templates, err := (&evaluation.Gathering{
				Set: readPart(t, filepath.Join(faces, list.name), list.every), Images: images,
				Extractor: engine, Model: engine.Model(), AllPairs: true,
			}).Run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			how := evaluation.Measuring{
				Calibration: engine.Calibration(), Threshold: sesuai.PercentageOf(access.DefaultThreshold),
			}
			for _, form := range []struct {
				name  string
				store func(face.Template) (face.Template, error)
			}{{"int8", evaluation.AsStored}, {"float16", asFloat16}} {
				changed, err := templates.Stored(t.Context(), how, form.store)
				if err != nil {
					t.Fatal(err)
				}
				pairs, verdicts := changed.Genuine.Pairs+changed.Impostors.Pairs, changed.Genuine.Verdicts+changed.Impostors.Verdicts
				t.Logf("%s: mean %.6f, most %.6f; verdicts of %d of %d genuine pairs and %d of %d impostor pairs", form.name,
					changed.Mean(), max(changed.Genuine.Max, changed.Impostors.Max), changed.Genuine.Verdicts, changed.Genuine.Pairs,
					changed.Impostors.Verdicts, changed.Impostors.Pairs)
				if changed.Genuine.Pairs == 0 || changed.Impostors.Pairs == 0 || !(changed.Mean() > 0) {
					t.Errorf("%s: nothing was measured", form.name)
				}
				if changed.Mean() > maxChange || float64(verdicts) > maxVerdicts*float64(pairs) {
					t.Errorf("%s changes more than it may", form.name)
				}
			}
		})
	}
}

// readPart reads the header of a list and one of every lines.
func readPart(t *testing.T, path string, every int) *evaluation.Set {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var part strings.Builder
	lines := bufio.NewScanner(f)
	for n := 0; lines.Scan(); n++ {
		if n == 0 || (n-1)%every == 0 {
			part.WriteString(lines.Text() + "\n")
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	set, err := evaluation.ReadList(strings.NewReader(part.String()))
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// asFloat16 rounds each component to the 11 bits of an IEEE 754 binary16, half
// to even, which for components of a unit vector is all that form does but for
// those under 2^-14.
func asFloat16(t face.Template) (face.Template, error) {
	v := make([]float32, len(t.Vector))
	for i, x := range t.Vector {
		_, exponent := math.Frexp(float64(x))
		step := math.Ldexp(1, max(exponent, -13)-11)
		v[i] = float32(math.RoundToEven(float64(x)/step) * step)
	}
	rounded, err := face.NewTemplate(t.Model, v)
	rounded.Length = t.Length // not of the rounded vector
	return rounded, err
}
