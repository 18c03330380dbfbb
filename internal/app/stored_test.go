package app_test

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
)

// The most that storing a reference may change: a cosine in the mean, and the
// share of verdicts.
const (
	mostChange   = 0.002
	mostVerdicts = 0.001
)

// TestCompactTemplates holds what storing a reference changes to its bars, on
// the lists of development photographs, of the largest on a part:
// docs/reference/accuracy.md has all of it.
func TestCompactTemplates(t *testing.T) {
	const faces = "../../../shared/faces"
	need(t, realModels)
	if _, err := os.Stat(faces); err != nil {
		t.Skip("../shared/faces, the photographs for development, is not there")
	}
	for _, list := range []struct {
		name    string
		subject face.Subject
		every   int // one line in so many
	}{
		{"london_pairs.csv", face.Largest, 1},
		{"lfw_asian_pairs.csv", face.Central, 1},
		{"lfw_pairs.csv", face.Central, 400},
	} {
		t.Run(list.name, func(t *testing.T) {
			if testing.Short() {
				list.every *= 10
			}
			engine, err := app.OpenEvaluationEngine(config(t), list.subject, false)
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
				if changed.Mean() > mostChange || float64(verdicts) > mostVerdicts*float64(pairs) {
					t.Errorf("%s changes more than it may", form.name)
				}
			}
		})
	}
}

// readPart reads the header of a list and one line in so many.
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
	return face.NewTemplate(t.Model, v)
}
