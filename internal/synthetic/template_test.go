package synthetic_test

import (
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/synthetic"
)

const model = "synthetic"

// TestScoresAreLikeRealOnes compares the scores of synthetic people with those
// of the development photographs (LFW, docs/decisions/templates.md). It uses
// several countries, so that agreement is not luck.
func TestScoresAreLikeRealOnes(t *testing.T) {
	people, countries := 2000, []uint64{1, 2, 3}
	if testing.Short() {
		people, countries = 1000, countries[:1]
	}
	for _, seed := range countries {
		c := synthetic.New(seed)
		references, probes := make([]face.Template, people), make([]face.Template, people)
		for n := range people {
			references[n], probes[n] = c.Reference(n, model), c.Probe(n, model)
		}
		var impostors, genuine []float64
		var sum, squares float64
		for i := range references {
			genuine = append(genuine, cosine(references[i], probes[i]))
			for j := i + 1; j < people; j++ {
				s := cosine(references[i], probes[j])
				impostors = append(impostors, s)
				sum += s
				squares += s * s
			}
		}
		slices.Sort(impostors)
		slices.Sort(genuine)
		at := func(sorted []float64, share float64) float64 { return sorted[int(share*float64(len(sorted)))] }
		mean := sum / float64(len(impostors))
		for _, of := range []struct {
			name               string
			got, measured, may float64
		}{
			{"impostor mean", mean, 0.0060, 0.003},
			{"impostor standard deviation", math.Sqrt(squares/float64(len(impostors)) - mean*mean), 0.0967, 0.003},
			{"impostors at FMR 1e-2", at(impostors, 1-1e-2), 0.2436, 0.006},
			{"impostors at FMR 1e-3", at(impostors, 1-1e-3), 0.3358, 0.010},
			{"impostors at FMR 1e-4", at(impostors, 1-1e-4), 0.4134, 0.020},
			{"genuine, lowest tenth", at(genuine, 0.1), 0.5284, 0.020},
			{"genuine median", at(genuine, 0.5), 0.6968, 0.015},
			{"genuine, highest tenth", at(genuine, 0.9), 0.8216, 0.020},
		} {
			t.Logf("country %d: %s %.4f, measured %.4f", seed, of.name, of.got, of.measured)
			if math.Abs(of.got-of.measured) > of.may {
				t.Errorf("country %d: %s is %.4f, measured %.4f", seed, of.name, of.got, of.measured)
			}
		}
	}
}

// cosine is a faster Template.Score.
func cosine(a, b face.Template) float64 {
	x, y := (*[face.TemplateSize]float32)(a.Vector), (*[face.TemplateSize]float32)(b.Vector)
	var even, odd float32
	for i := 0; i < face.TemplateSize; i += 2 {
		even += x[i] * y[i]
		odd += x[i+1] * y[i+1]
	}
	return float64(even + odd)
}

// TestTemplates: templates have unit length and the model's name, are the same
// each time, and differ between people.
func TestTemplates(t *testing.T) {
	c, again, elsewhere := synthetic.New(1), synthetic.New(1), synthetic.New(2)
	for n := range 50 {
		reference, probe := c.Reference(n, model), c.Probe(n, model)
		for _, x := range []face.Template{reference, probe} {
			if s, err := x.Cosine(x); err != nil || math.Abs(s-1) > 1e-6 || x.Model != model {
				t.Fatalf("%v: of length %v, %v", x, s, err)
			}
		}
		if diff := cmp.Diff(reference.Vector, again.Reference(n, model).Vector); diff != "" {
			t.Fatal("the second reference: ", diff)
		}
		if diff := cmp.Diff(probe.Vector, again.Probe(n, model).Vector); diff != "" {
			t.Fatal("the second probe: ", diff)
		}
		for _, other := range []face.Template{c.Reference(n+1, model), elsewhere.Reference(n, model)} {
			if s, err := reference.Cosine(other); err != nil || s > 0.8 {
				t.Errorf("another's reference has a score of %v, %v", s, err)
			}
		}
	}
}

// TestCompactTemplates: storing a template changes its scores about as much as
// those of real templates, by 0.00026 on average.
func TestCompactTemplates(t *testing.T) {
	c := synthetic.New(1)
	var change float64
	const pairs = 2000
	for n := range pairs {
		reference, probe := c.Reference(n, model), c.Probe(n+n%2, model)
		b, err := reference.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		stored := face.Template{Model: model}
		if err := stored.UnmarshalBinary(b); err != nil {
			t.Fatal(err)
		}
		change += math.Abs(cosine(reference, probe)-cosine(stored, probe)) / pairs
	}
	t.Logf("cosines change by %.6f in the mean", change)
	if change < 0.0001 || change > 0.0005 {
		t.Errorf("cosines change by %.6f in the mean, those of real templates by 0.00026", change)
	}
}

func BenchmarkEnrolled(b *testing.B) {
	c := synthetic.New(1)
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		_ = c.Person(n)
		_ = c.Reference(n, model)
		n++
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "people/s")
}

func BenchmarkReference(b *testing.B) {
	c := synthetic.New(1)
	n := 0
	for b.Loop() {
		_ = c.Reference(n, model)
		n++
	}
}

func BenchmarkProbe(b *testing.B) {
	c := synthetic.New(1)
	n := 0
	for b.Loop() {
		_ = c.Probe(n, model)
		n++
	}
}
