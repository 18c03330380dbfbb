package registrytest

import (
	"crypto/sha256"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/registry"
)

// Model is the model of the tests' templates.
const Model = "test@000000000000"

// Calibration is the id of Scale.
const Calibration = "test"

// Scale is a stand-in for a calibrated scale: a hundred times the cosine.
type Scale struct{}

// Percentage is the score on the scale.
func (Scale) Percentage(score float64) sesuai.Percentage { return sesuai.PercentageOf(100 * score) }

// Assess implements registry.Scale.
func (s Scale) Assess(of face.Similarity) (float64, sesuai.Percentage) {
	return of.Cosine, s.Percentage(of.Cosine)
}

// Person is the n-th synthetic person. The NIK, which nobody has, is 9999 and n in
// twelve digits.
func Person(t testing.TB, n int) registry.Person {
	t.Helper()
	return registry.Person{
		NIK:         NIK(t, n),
		Name:        Name(t, names[n%len(names)]),
		DateOfBirth: Date(t, fmt.Sprintf("%02d-%02d-%d", 1+n%28, 1+n%12, 1950+n%50)),
		Attributes: map[sesuai.Attribute]sesuai.Text{
			sesuai.PlaceOfBirth: sesuai.NewText("Negeri Karangan"),
			sesuai.Gender:       sesuai.NewText("PEREMPUAN"),
		},
	}
}

// names are synthetic and differ much from one another.
var names = [...]string{
	"Wirasaba Tembalang", "Kenanga Purwodadi", "Galuh Sekarwangi", "Jatmiko Rawalumbu", "Prameswari Ndalem", "Soeroto",
}

// Portrait is a portrait of the n-th person.
func Portrait(t testing.TB, n int) *registry.Portrait {
	t.Helper()
	source := sha256.Sum256(fmt.Appendf(nil, "photograph of person %d", n))
	return &registry.Portrait{Template: Template(t, Model, n), Source: source, Signature: Signature(n)}
}

// Signature is that of Portrait's photograph of the n-th person; those of two
// n are not near each other.
func Signature(n int) face.Signature {
	random := rand.New(rand.NewPCG(uint64(n), 1)) //nolint:gosec // the same every time is the point
	s := face.Signature{File: sha256.Sum256(fmt.Appendf(nil, "photograph of person %d", n))}
	for i := range s.Look {
		s.Look[i] = random.Uint64()
	}
	for i := range s.Sketch {
		s.Sketch[i] = random.Uint64()
	}
	return s
}

// NIK is 9999 and n in twelve digits.
func NIK(t testing.TB, n int) sesuai.NIK {
	t.Helper()
	nik, err := sesuai.ParseNIK(fmt.Sprintf("9999%012d", n))
	return must(t, nik, err)
}

// Name is a name.
func Name(t testing.TB, s string) sesuai.Name {
	t.Helper()
	name, err := sesuai.ParseName(s)
	return must(t, name, err)
}

// Date is a date of birth, dd-mm-yyyy.
func Date(t testing.TB, s string) sesuai.Date {
	t.Helper()
	date, err := sesuai.ParseDate(s, time.Now())
	return must(t, date, err)
}

// Claim is the true claim about a person.
func Claim(p registry.Person) sesuai.Claim {
	return sesuai.Claim{NIK: p.NIK, Name: p.Name, DateOfBirth: p.DateOfBirth}
}

// ReferenceLength and ProbeLength are the lengths of the templates of Template and
// of ProbeAt.
const ReferenceLength, ProbeLength = 3.5, 2.75

// Template is the same unit vector for the same n; those of two n are close to
// orthogonal.
func Template(t testing.TB, model string, n int) face.Template {
	t.Helper()
	template, err := face.NewTemplate(model, direction(uint64(n)))
	template.Length = ReferenceLength
	return must(t, template, err)
}

// ProbeAt is a probe whose template has that cosine with the given one. Its
// picture shows the template: see PictureReader.
func ProbeAt(t testing.TB, template face.Template, cosine float64) *face.Probe {
	t.Helper()
	// A direction at a right angle, by Gram and Schmidt.
	aside := direction(math.MaxUint64)
	var dot float64
	for i, x := range template.Vector {
		dot += float64(x) * float64(aside[i])
	}
	for i, x := range template.Vector {
		aside[i] -= float32(dot) * x
	}
	right, err := face.NewTemplate(template.Model, aside)
	must(t, right, err)

	v := make([]float32, face.TemplateSize)
	sine := math.Sqrt(1 - cosine*cosine)
	for i := range v {
		v[i] = float32(cosine*float64(template.Vector[i]) + sine*float64(right.Vector[i]))
	}
	probe, err := face.NewTemplate(template.Model, v)
	probe.Length = ProbeLength
	return &face.Probe{Template: must(t, probe, err), Picture: picture(t, probe)}
}

func direction(seed uint64) []float32 {
	random := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // the same every time is the point
	v := make([]float32, face.TemplateSize)
	for i := range v {
		v[i] = float32(random.NormFloat64())
	}
	return v
}

func must[T any](t testing.TB, v T, err error) T {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return v
}
