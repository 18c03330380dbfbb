package evaluation_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/evaluation"
	"github.com/sesuai/sesuai/internal/face"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const model = "synthetic"

// album is a folder of synthetic photographs. Each is a line of numbers, the
// first components of its template, or a word that says how it is refused; and
// world extracts just that. A second line can hold its condition: see in.
type album struct {
	dir string
	// extractions is how many templates were asked for.
	extractions atomic.Int64
}

func newAlbum(t testing.TB, photographs map[string]string) *album {
	t.Helper()
	w := &album{dir: t.TempDir()}
	for name, content := range photographs {
		w.write(t, name, content)
	}
	return w
}

func (w *album) write(t testing.TB, name, content string) {
	t.Helper()
	path := filepath.Join(w.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Extract implements face.Extractor.
func (w *album) Extract(ctx context.Context, photo []byte, use face.Use) (face.Extraction, error) {
	w.extractions.Add(1)
	if err := ctx.Err(); err != nil {
		return face.Extraction{}, err
	}
	content, properties, _ := strings.Cut(string(photo), "\n")
	word, onlyAs, _ := strings.Cut(content, " as ")
	if onlyAs == "probe" && use == face.ForReference || onlyAs == "reference" && use == face.ForProbe {
		word = "nobody"
	}
	switch word {
	case "nobody":
		return face.Extraction{Finding: face.NoFace}, nil
	case "blurred":
		return face.Extraction{Finding: face.LowQuality, Failed: []face.Measure{face.Sharpness}}, nil
	case "damaged":
		return face.Extraction{}, &sesuai.Error{Kind: sesuai.KindInvalidImage}
	case "defect":
		return face.Extraction{}, fmt.Errorf("the engine is broken")
	}
	v := make([]float32, face.TemplateSize)
	for i, text := range strings.Fields(word) {
		f, err := strconv.ParseFloat(text, 32)
		if err != nil {
			return face.Extraction{}, err
		}
		v[i] = float32(f)
	}
	t, err := face.NewTemplate(model, v)
	if err != nil || properties == "" {
		return face.Extraction{Template: t}, err
	}
	var c condition
	if err := json.Unmarshal([]byte(properties), &c); err != nil {
		return face.Extraction{}, err
	}
	t.Length = c.Lengths[use]
	return face.Extraction{Template: t, Quality: c.Quality, Brightness: c.Brightness}, nil
}

// condition is what a synthetic photograph has besides its template.
type condition struct {
	face.Quality
	Brightness float64
	Lengths    [2]float64 // by face.Use
}

// in is a photograph in that condition.
func in(c condition, content string) string {
	b, err := json.Marshal(c)
	if err != nil {
		panic(err)
	}
	return content + "\n" + string(b)
}

// at is a photograph whose cosine with the one at 0 is that of the angle; two
// photographs have that of the difference of their angles.
func at(degrees float64) string {
	return fmt.Sprintf("%.9f %.9f", math.Cos(degrees*math.Pi/180), math.Sin(degrees*math.Pi/180))
}

func cosine(degrees float64) float64 { return math.Cos(degrees * math.Pi / 180) }

func (w *album) gathering(t testing.TB, list string, allPairs bool) *evaluation.Gathering {
	t.Helper()
	images, err := os.OpenRoot(w.dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = images.Close() })
	set, err := evaluation.ReadList(strings.NewReader(list))
	if err != nil {
		t.Fatal(err)
	}
	return &evaluation.Gathering{Set: set, Images: images, Extractor: w, Model: model, AllPairs: allPairs}
}

func (w *album) scores(t testing.TB, list string, allPairs bool) *evaluation.Scores {
	t.Helper()
	templates, err := w.gathering(t, list, allPairs).Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s, err := templates.Compare(t.Context(), face.Formula{}, 1)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// calibration has its anchors where the angles of synthetic photographs are easy
// to tell apart: 75 is at 45°.
func calibration() *face.Calibration {
	return &face.Calibration{ID: "synthetic", Scoring: face.Scoring{Anchors: []face.Anchor{
		{FMR: 1e-2, Score: cosine(60)}, {FMR: 1e-4, Score: cosine(45)}, {FMR: 1e-6, Score: cosine(30)},
	}}}
}

func (w *album) report(t testing.TB, list string, allPairs bool) *evaluation.Report {
	t.Helper()
	return measure(t, w.scores(t, list, allPairs))
}

func measure(t testing.TB, s *evaluation.Scores) *evaluation.Report {
	t.Helper()
	return measureOften(t, s, 0)
}

func measureOften(t testing.TB, s *evaluation.Scores, replicates int) *evaluation.Report {
	t.Helper()
	return measureBy(t, s, evaluation.Measuring{Replicates: replicates})
}

// measureBy measures at the threshold of 75 with other options.
func measureBy(t testing.TB, s *evaluation.Scores, how evaluation.Measuring) *evaluation.Report {
	t.Helper()
	how.Calibration, how.Threshold, how.Seed = calibration(), sesuai.PercentageOf(75), 1
	r, err := evaluation.Measure(t.Context(), s, how)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
