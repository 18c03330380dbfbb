package face_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/sesuai/sesuai/internal/face"
)

// axisTemplate returns a template near one axis.
func axisTemplate(t testing.TB, model string, axis int, other float32) face.Template {
	t.Helper()
	v := make([]float32, face.TemplateSize)
	v[axis], v[511] = 3, other
	tmpl, err := face.NewTemplate(model, v)
	if err != nil {
		t.Fatal(err)
	}
	return tmpl
}

func TestTemplateIsOfUnitLength(t *testing.T) {
	tmpl := axisTemplate(t, "m", 7, 4)
	if tmpl.Vector[7] != 0.6 || tmpl.Vector[511] != 0.8 {
		t.Errorf("3 and 4 are scaled to %v and %v", tmpl.Vector[7], tmpl.Vector[511])
	}
	if tmpl.Length != 5 {
		t.Errorf("the length of 3 and 4 is %v", tmpl.Length)
	}
}

func TestNewTemplateRefuses(t *testing.T) {
	with := func(v float32) []float32 {
		s := make([]float32, face.TemplateSize)
		s[5] = v
		return s
	}
	for name, v := range map[string][]float32{
		"nothing":   nil,
		"too short": make([]float32, face.TemplateSize-1),
		"zero":      with(0),
		"NaN":       with(float32(math.NaN())),
		"infinite":  with(float32(math.Inf(-1))),
	} {
		if _, err := face.NewTemplate("m", v); err == nil {
			t.Errorf("%s makes a template", name)
		}
	}
}

func TestCosine(t *testing.T) {
	a, b := axisTemplate(t, "m", 0, 0), axisTemplate(t, "m", 0, 4)
	opposite := axisTemplate(t, "m", 0, 0)
	opposite.Vector[0] = -1
	for _, test := range []struct {
		a, b face.Template
		want float64
	}{{a, a, 1}, {b, b, 1}, {a, b, 0.6}, {b, a, 0.6}, {a, axisTemplate(t, "m", 1, 0), 0}, {a, opposite, -1}} {
		got, err := test.a.Cosine(test.b)
		if err != nil || math.Abs(got-test.want) > 1e-6 {
			t.Errorf("cosine %v, error %v, want %v", got, err, test.want)
		}
		if got < -1 || got > 1 {
			t.Errorf("%v is no cosine", got)
		}
	}
	if _, err := a.Cosine(axisTemplate(t, "n", 0, 0)); !errors.Is(err, face.ErrModelDiffers) {
		t.Errorf("comparing two models: %v", err)
	}
	if _, err := a.Cosine(face.Template{Model: "m"}); err == nil {
		t.Error("an empty template has a cosine")
	}
	if _, err := (face.Template{}).Cosine(face.Template{}); err == nil {
		t.Error("two empty templates have a cosine")
	}
}

// The shorter of the lengths that are known counts.
func TestSimilarity(t *testing.T) {
	a, b := axisTemplate(t, "m", 0, 0), axisTemplate(t, "m", 0, 4)
	got, err := a.Compare(b)
	if err != nil || math.Abs(got.Cosine-0.6) > 1e-6 || got.Reference != 3 || got.Probe != 5 {
		t.Errorf("%+v, %v", got, err)
	}
	for _, test := range []struct{ reference, probe, want float64 }{
		{3, 5, 3}, {5, 3, 3}, {0, 5, 5}, {5, 0, 5}, {0, 0, math.Inf(1)},
	} {
		if got := (face.Similarity{Reference: test.reference, Probe: test.probe}).Length(); got != test.want {
			t.Errorf("of %v and %v counts %v", test.reference, test.probe, got)
		}
	}
	if _, err := a.Compare(axisTemplate(t, "n", 0, 0)); !errors.Is(err, face.ErrModelDiffers) {
		t.Errorf("comparing two models: %v", err)
	}
}

func TestTemplateHidesItsVector(t *testing.T) {
	tmpl := axisTemplate(t, "model-id", 0, 4)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%f", "%g", "%t"} {
		for _, shown := range []string{
			fmt.Sprintf(verb, tmpl), fmt.Sprintf(verb, &tmpl), fmt.Sprintf(verb, []face.Template{tmpl}),
			fmt.Sprintf(verb, face.Probe{Template: tmpl}), fmt.Sprintf(verb, face.Extraction{Template: tmpl}),
		} {
			if strings.Contains(shown, "0.6") || strings.Contains(shown, "0.8") || strings.Contains(shown, "3f19999a") {
				t.Errorf("%s shows the vector", verb)
			}
			if !strings.Contains(shown, "model-id") {
				t.Errorf("%s does not show the model", verb)
			}
		}
	}
}
