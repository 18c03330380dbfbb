package evaluation_test

import (
	"errors"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/evaluation"
	"github.com/sesuai/sesuai/internal/face"
)

// turned is a template of an album turned by so many degrees.
func turned(t face.Template, degrees float64) (face.Template, error) {
	sin, cos := math.Sincos(degrees * math.Pi / 180)
	v := append([]float32(nil), t.Vector...)
	x, y := float64(v[0]), float64(v[1])
	v[0], v[1] = float32(cos*x-sin*y), float32(sin*x+cos*y)
	return face.NewTemplate(t.Model, v)
}

// TestStored: with every reference stored 2° further on, and 75 at 45°, the
// changes are those that were worked out by hand. The references are the
// samples that come first; b1 is at 20° and not a reference unless all pairs
// are compared.
func TestStored(t *testing.T) {
	w := newAlbum(t, map[string]string{
		"a1": at(0), "a2": at(46), "a3": at(60), "b1": at(20), "c1": at(-44), "d1": "nobody",
	})
	const list = "same,reference,probe\n1,a1,a2\n1,a1,a3\n0,a1,b1\n0,a1,c1\n0,d1,a1\n"
	// change is that of a pair so many degrees apart when the reference turns
	// towards the probe.
	change := func(apart float64) float64 { return math.Abs(cosine(apart-2) - cosine(apart)) }
	for _, test := range []struct {
		all  bool
		want evaluation.Stored
	}{
		{false, evaluation.Stored{
			Genuine: evaluation.Change{Pairs: 2, Mean: (change(46) + change(60)) / 2, Max: change(60), Verdicts: 1},
			// c1 lies on the other side: -44 becomes 46 apart.
			Impostors: evaluation.Change{Pairs: 2, Mean: (change(20) + change(46)) / 2, Max: change(46), Verdicts: 1},
		}},
		{true, evaluation.Stored{
			Genuine: evaluation.Change{Pairs: 2, Mean: (change(46) + change(60)) / 2, Max: change(60), Verdicts: 1},
			// a1, a2 and a3 with b1, with c1, and b1 with c1. d1 is nobody.
			Impostors: evaluation.Change{
				Pairs: 7,
				Mean: (change(20) + change(28) + change(42) + change(46) +
					change(92) + change(106) + change(66)) / 7,
				Max: change(92), Verdicts: 1,
			},
		}},
	} {
		templates, err := w.gathering(t, list, test.all).Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		how := evaluation.Measuring{Calibration: calibration(), Threshold: sesuai.PercentageOf(75)}
		got, err := templates.Stored(t.Context(), how, func(x face.Template) (face.Template, error) { return turned(x, 2) })
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(test.want, *got, cmpopts.EquateApprox(0, 1e-6)); diff != "" {
			t.Errorf("all pairs %v: %s", test.all, diff)
		}
		if mean := (float64(got.Genuine.Pairs)*got.Genuine.Mean + float64(got.Impostors.Pairs)*got.Impostors.Mean) /
			float64(got.Genuine.Pairs+got.Impostors.Pairs); math.Abs(got.Mean()-mean) > 1e-12 {
			t.Errorf("the mean of all is %v, want %v", got.Mean(), mean)
		}
	}
}

// TestAsStored: it is what a registry opens, no more and no less than int8.
func TestAsStored(t *testing.T) {
	v := make([]float32, face.TemplateSize)
	for i := range v {
		v[i] = float32(math.Sin(float64(i * i)))
	}
	extracted, err := face.NewTemplate(model, v)
	if err != nil {
		t.Fatal(err)
	}
	stored, err := evaluation.AsStored(extracted)
	if err != nil {
		t.Fatal(err)
	}
	score, err := extracted.Cosine(stored)
	if err != nil || score < 0.9999 || score == 1 {
		t.Errorf("its cosine with what was extracted is %v, %v", score, err)
	}
	if math.Abs(stored.Length-extracted.Length) > 1.0/512 {
		t.Errorf("its length is %v, and was %v", stored.Length, extracted.Length)
	}
	again, err := evaluation.AsStored(stored)
	if err != nil {
		t.Fatal(err)
	}
	for i, x := range stored.Vector {
		if again.Vector[i] != x {
			t.Fatal("it is another one the second time")
		}
	}
}

// TestStoredFails: a template that cannot be stored ends it.
func TestStoredFails(t *testing.T) {
	w := newAlbum(t, map[string]string{"a1": at(0), "a2": at(46)})
	templates, err := w.gathering(t, "same,reference,probe\n1,a1,a2\n", false).Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	how := evaluation.Measuring{Calibration: calibration(), Threshold: sesuai.PercentageOf(75)}
	full := errors.New("no room")
	for _, err := range []error{full, nil} { // without an error, but without a template
		store := func(face.Template) (face.Template, error) { return face.Template{}, err }
		if got, err := templates.Stored(t.Context(), how, store); err == nil {
			t.Errorf("Stored = %+v", got)
		}
	}
}
