// Package registrytest holds the conformance tests of registry.Registry and
// registry.Enroller, the synthetic people that they use, and a registry in memory
// for the tests of other packages. It is for tests only, and leaves every backend
// to its own package.
package registrytest

import (
	"crypto/sha256"
	"errors"
	"testing"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/conformance"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/registry"
)

// Run runs the conformance tests. open returns an empty registry each time, which
// compares on Scale under the id Calibration, and closes it when the test ends.
func Run(t *testing.T, open func(t *testing.T) registry.Enroller) { conformance.Run(t, suite{open}) }

type suite struct {
	open func(t *testing.T) registry.Enroller
}

// ask asks about a claim and, if there is one, a probe.
func ask(t *testing.T, r registry.Registry, claim sesuai.Claim, probe *face.Probe) registry.Answer {
	t.Helper()
	answer, err := r.Ask(t.Context(), registry.Question{Claim: claim, Probe: probe})
	if err != nil {
		t.Fatalf("Ask: %v", err)
	}
	if p, ok := r.(registry.Preparer); ok {
		prepared, err := prepare(t, p, claim)(probe)
		equal(t, "Prepare", prepared, err, answer)
	}
	return answer
}

// prepare has a Preparer read the record.
func prepare(t *testing.T, r registry.Preparer, claim sesuai.Claim) func(*face.Probe) (registry.Answer, error) {
	t.Helper()
	answer, err := r.Prepare(t.Context(), registry.Question{Claim: claim})
	if err != nil {
		t.Fatalf("Prepare: %v", err)
	}
	return answer
}

// faceOf asks about the n-th person with a probe, and returns the comparison.
func faceOf(t *testing.T, r registry.Registry, n int, probe *face.Probe) registry.Comparison {
	t.Helper()
	return ask(t, r, Claim(Person(t, n)), probe).Face
}

func (s suite) TestUnknownNIK(t *testing.T) {
	r := s.open(t)
	ctx := t.Context()
	enrol(t, r, Person(t, 1), Portrait(t, 1), registry.Added)
	unknown := Person(t, 2)
	equal(t, "Ask", ask(t, r, Claim(unknown), nil), nil, registry.Answer{})
	equal(t, "Ask", ask(t, r, Claim(unknown), ProbeAt(t, Template(t, Model, 2), 1)), nil, registry.Answer{})
	held, err := r.Holds(ctx, unknown, nil)
	equal(t, "Holds", held, err, false)
	entry, found, err := r.Lookup(ctx, unknown.NIK)
	equal(t, "Lookup", entry, err, registry.Entry{})
	equal(t, "Lookup", found, err, false)
	removed, err := r.Remove(ctx, unknown.NIK)
	equal(t, "Remove", removed, err, false)
	count(t, r, 1)
}

func (s suite) TestTrueClaim(t *testing.T) {
	r := s.open(t)
	for n := range 5 {
		enrol(t, r, Person(t, n), Portrait(t, n), registry.Added)
	}
	for n := range 5 {
		equal(t, "Ask", ask(t, r, Claim(Person(t, n)), nil), nil, registry.Answer{
			Found: true, Status: sesuai.Active, NameScore: 100, DateOfBirth: sesuai.Match,
		})
	}
	count(t, r, 5)
}

func (s suite) TestFalseClaims(t *testing.T) {
	r := s.open(t)
	p := Person(t, 1)
	enrol(t, r, p, Portrait(t, 1), registry.Added)

	claim := Claim(p)
	claim.DateOfBirth = Date(t, "09-09-1999")
	equal(t, "Ask with another date", ask(t, r, claim, nil), nil, registry.Answer{
		Found: true, NameScore: 100, DateOfBirth: sesuai.NonMatch,
	})

	claim = Claim(p)
	claim.Name = Person(t, 2).Name
	answer := ask(t, r, claim, nil)
	if answer.NameScore >= 80 {
		t.Errorf("another name has a score of %d", answer.NameScore)
	}
	answer.NameScore = 0
	equal(t, "Ask with another name", answer, nil, registry.Answer{Found: true, DateOfBirth: sesuai.Match})
}

// TestPartOfAClaim: what is not claimed is not compared.
func (s suite) TestPartOfAClaim(t *testing.T) {
	r := s.open(t)
	p := Person(t, 1)
	enrol(t, r, p, Portrait(t, 1), registry.Added)
	for _, test := range []struct {
		name  string
		claim sesuai.Claim
		want  registry.Answer
	}{
		{"the NIK alone", sesuai.Claim{NIK: p.NIK}, registry.Answer{Found: true, NameScore: registry.NotScored}},
		{"a name", sesuai.Claim{NIK: p.NIK, Name: p.Name}, registry.Answer{Found: true, NameScore: 100}},
		{
			"a date",
			sesuai.Claim{NIK: p.NIK, DateOfBirth: p.DateOfBirth},
			registry.Answer{Found: true, NameScore: registry.NotScored, DateOfBirth: sesuai.Match},
		},
	} {
		equal(t, "Ask with "+test.name, ask(t, r, test.claim, nil), nil, test.want)
	}
}

func (s suite) TestStatus(t *testing.T) {
	r := s.open(t)
	p := Person(t, 1)
	for i, status := range []sesuai.Status{sesuai.Deceased, sesuai.Inactive, sesuai.Active} {
		p.Status = status
		want := registry.Replaced
		if i == 0 {
			want = registry.Added
		}
		enrol(t, r, p, Portrait(t, 1), want)
		answer := ask(t, r, Claim(p), ProbeAt(t, Portrait(t, 1).Template, 1))
		if answer.Face.Portrait != (status == sesuai.Active) {
			t.Errorf("the face of a person who is %s was compared: %v", status, answer.Face.Portrait)
		}
		answer.Face = registry.Comparison{}
		equal(t, "Ask", answer, nil, told(r, registry.Answer{
			Found: true, Status: status, NameScore: 100, DateOfBirth: sesuai.Match,
		}))
	}
}

func (s suite) TestComparison(t *testing.T) {
	r := s.open(t)
	portrait := Portrait(t, 1)
	enrol(t, r, Person(t, 1), portrait, registry.Added)
	enrol(t, r, Person(t, 2), Portrait(t, 2), registry.Added)
	for _, cosine := range []float64{1, 0.8, 0.41, 0.1, 0, -0.5} {
		comparedAt(t, r, cosine, faceOf(t, r, 1, ProbeAt(t, portrait.Template, cosine)))
	}
	comparedAt(t, r, 0.9, faceOf(t, r, 2, ProbeAt(t, Template(t, Model, 2), 0.9)))
	if impostor := faceOf(t, r, 2, ProbeAt(t, portrait.Template, 0.9)); impostor.Percentage.Value() > 30 {
		t.Errorf("impostor %v", impostor.Percentage)
	}
	// A template without a length does not get one.
	without := Portrait(t, 3)
	without.Template.Length = 0
	enrol(t, r, Person(t, 3), without, registry.Added)
	if got := faceOf(t, r, 3, ProbeAt(t, without.Template, 0.9)).Similarity; got.Reference != 0 {
		t.Errorf("a template without a length is compared as one of length %v", got.Reference)
	}
	// Enrolled again, with the same photograph, the person has one.
	enrol(t, r, Person(t, 3), without, registry.Unchanged)
	enrol(t, r, Person(t, 3), Portrait(t, 3), registry.Replaced)
	comparedAt(t, r, 0.9, faceOf(t, r, 3, ProbeAt(t, without.Template, 0.9)))
}

func (s suite) TestNoPortrait(t *testing.T) {
	r := s.open(t)
	p := Person(t, 1)
	enrol(t, r, p, nil, registry.Added)
	equal(t, "Ask", ask(t, r, Claim(p), ProbeAt(t, Template(t, Model, 1), 1)), nil,
		registry.Answer{Found: true, NameScore: 100, DateOfBirth: sesuai.Match})
}

func (s suite) TestAnotherModel(t *testing.T) {
	r := s.open(t)
	ownMatcher(t, r)
	enrol(t, r, Person(t, 1), Portrait(t, 1), registry.Added)
	probe := &face.Probe{Template: Template(t, "other@111111111111", 1)}
	answer, err := r.Ask(t.Context(), registry.Question{Claim: Claim(Person(t, 1)), Probe: probe})
	unanswered(t, "Ask with a probe of another model", err)
	if !errors.Is(err, face.ErrModelDiffers) {
		t.Errorf("error %v does not say that the models differ", err)
	}
	equal(t, "Ask", answer, nil, registry.Answer{})
}

func (s suite) TestEnrolment(t *testing.T) {
	r := s.open(t)
	p, portrait := Person(t, 1), Portrait(t, 1)
	enrol(t, r, p, portrait, registry.Added)
	enrol(t, r, Person(t, 1), Portrait(t, 1), registry.Unchanged)

	changes := []struct {
		name  string
		apply func()
	}{
		{"name", func() { p.Name = Name(t, "Rahayuning Candrakirana") }},
		{"date of birth", func() { p.DateOfBirth = Date(t, "17-08-1955") }},
		{"status", func() { p.Status = sesuai.Deceased }},
		{"attribute added", func() { p.Attributes[sesuai.City] = sesuai.NewText("Kota Karangan") }},
		{"attribute changed", func() { p.Attributes[sesuai.City] = sesuai.NewText("Kota Lain") }},
		{"attribute removed", func() { delete(p.Attributes, sesuai.City) }},
		{"all attributes removed", func() { p.Attributes = nil }},
		{"photograph", func() { portrait = Portrait(t, 2) }},
		{"model", func() { portrait.Template.Model = "other@111111111111" }},
		{"portrait removed", func() { portrait = nil }},
		{"portrait added", func() { portrait = Portrait(t, 3) }},
	}
	for _, change := range changes {
		change.apply()
		enrol(t, r, p, portrait, registry.Replaced)
		enrol(t, r, p, portrait, registry.Unchanged)
		isHeld(t, r, p, portrait, true)
	}
	p.Attributes = map[sesuai.Attribute]sesuai.Text{sesuai.RT: {}}
	enrol(t, r, p, portrait, registry.Unchanged) // an empty attribute is none
	count(t, r, 1)
	p.Status = sesuai.Active
	enrol(t, r, p, portrait, registry.Replaced)
	comparedAt(t, r, 1, ask(t, r, Claim(p), ProbeAt(t, portrait.Template, 1)).Face)
}

// TestEnrolmentIsItsOwn: what the caller does to its values later is none of the
// registry's.
func (s suite) TestEnrolmentIsItsOwn(t *testing.T) {
	r := s.open(t)
	p, portrait := Person(t, 1), Portrait(t, 1)
	enrol(t, r, p, portrait, registry.Added)
	p.Attributes[sesuai.City] = sesuai.NewText("Kota Karangan")
	clear(portrait.Template.Vector)
	portrait.Source = [32]byte{1}
	isHeld(t, r, Person(t, 1), Portrait(t, 1), true)
	comparedAt(t, r, 1, faceOf(t, r, 1, ProbeAt(t, Template(t, Model, 1), 1)))
}

func (s suite) TestRefusedEnrolment(t *testing.T) {
	r := s.open(t)
	tests := []struct {
		name   string
		change func(p *registry.Person, portrait *registry.Portrait)
		want   sesuai.Kind
	}{
		{"no NIK", func(p *registry.Person, _ *registry.Portrait) { p.NIK = sesuai.NIK{} }, sesuai.KindInvalidNIK},
		{"no name", func(p *registry.Person, _ *registry.Portrait) { p.Name = sesuai.Name{} }, sesuai.KindInvalidName},
		{"no date", func(p *registry.Person, _ *registry.Portrait) { p.DateOfBirth = sesuai.Date{} }, sesuai.KindInvalidDate},
		{"unknown status", func(p *registry.Person, _ *registry.Portrait) { p.Status = 99 }, sesuai.KindInvalidAttribute},
		{"unknown attribute", func(p *registry.Person, _ *registry.Portrait) {
			p.Attributes["shoe_size"] = sesuai.NewText("38")
		}, sesuai.KindInvalidAttribute},
		{"no model", func(_ *registry.Person, q *registry.Portrait) { q.Template.Model = "" }, sesuai.KindInternal},
		{"no vector", func(_ *registry.Person, q *registry.Portrait) { q.Template.Vector = nil }, sesuai.KindInternal},
		{"no source", func(_ *registry.Person, q *registry.Portrait) { q.Source = [32]byte{} }, sesuai.KindInternal},
	}
	for _, test := range tests {
		p, portrait := Person(t, 1), Portrait(t, 1)
		test.change(&p, portrait)
		if _, err := r.Enrol(t.Context(), p, portrait); sesuai.KindOf(err) != test.want {
			t.Errorf("%s: Enrol = %v, want an error of kind %s", test.name, err, test.want)
		}
	}
	count(t, r, 0)
}

func (s suite) TestHolds(t *testing.T) {
	r := s.open(t)
	p, portrait := Person(t, 1), Portrait(t, 1)
	isHeld(t, r, p, portrait, false)
	enrol(t, r, p, portrait, registry.Added)
	isHeld(t, r, p, portrait, true)
	isHeld(t, r, p, nil, false)

	other := *portrait
	other.Source = sha256.Sum256([]byte("another photograph"))
	isHeld(t, r, p, &other, false)
	other = *portrait
	other.Template.Model = "other@111111111111"
	isHeld(t, r, p, &other, false)

	other = *portrait
	other.Template.Length = 0
	isHeld(t, r, p, &other, false)

	differs := Person(t, 1)
	differs.Name = Person(t, 2).Name
	isHeld(t, r, differs, portrait, false)
	differs = Person(t, 1)
	differs.Attributes = nil
	isHeld(t, r, differs, portrait, false)
	isHeld(t, r, Person(t, 2), portrait, false)

	enrol(t, r, Person(t, 3), nil, registry.Added)
	isHeld(t, r, Person(t, 3), nil, true)
	isHeld(t, r, Person(t, 3), Portrait(t, 3), false)
}

func (s suite) TestLookup(t *testing.T) {
	r := s.open(t)
	before := time.Now().Add(-time.Minute).UnixMicro()
	p := Person(t, 1)
	p.Status = sesuai.Inactive
	enrol(t, r, p, Portrait(t, 1), registry.Added)
	first, found, err := r.Lookup(t.Context(), p.NIK)
	equal(t, "Lookup", found, err, true)
	if first.EnrolledAt < before || first.ChangedAt != first.EnrolledAt {
		t.Errorf("enrolled at %d, changed at %d, not after %d and the same", first.EnrolledAt, first.ChangedAt, before)
	}
	equal(t, "Lookup", first, err, registry.Entry{
		Status:     sesuai.Inactive,
		Attributes: []sesuai.Attribute{sesuai.PlaceOfBirth, sesuai.Gender},
		Portrait:   true, Model: Model,
		EnrolledAt: first.EnrolledAt, ChangedAt: first.ChangedAt,
	})

	time.Sleep(time.Millisecond)
	enrol(t, r, p, Portrait(t, 1), registry.Unchanged)
	same, _, err := r.Lookup(t.Context(), p.NIK)
	equal(t, "Lookup after an enrolment that changed nothing", same, err, first)

	p.Status, p.Attributes = sesuai.Active, nil
	enrol(t, r, p, nil, registry.Replaced)
	second, _, err := r.Lookup(t.Context(), p.NIK)
	if second.ChangedAt <= first.ChangedAt {
		t.Errorf("changed at %d, not after %d", second.ChangedAt, first.ChangedAt)
	}
	equal(t, "Lookup", second, err, registry.Entry{EnrolledAt: first.EnrolledAt, ChangedAt: second.ChangedAt})
}

func (s suite) TestRemoval(t *testing.T) {
	r := s.open(t)
	for n := range 3 {
		enrol(t, r, Person(t, n), Portrait(t, n), registry.Added)
	}
	removed, err := r.Remove(t.Context(), NIK(t, 1))
	equal(t, "Remove", removed, err, true)
	removed, err = r.Remove(t.Context(), NIK(t, 1))
	equal(t, "Remove again", removed, err, false)
	count(t, r, 2)
	probe := ProbeAt(t, Template(t, Model, 1), 1)
	equal(t, "Ask", ask(t, r, Claim(Person(t, 1)), probe), nil, registry.Answer{})
	isHeld(t, r, Person(t, 1), Portrait(t, 1), false)

	// A person who is enrolled again without a portrait has none.
	enrol(t, r, Person(t, 1), nil, registry.Added)
	equal(t, "Ask", faceOf(t, r, 1, probe), nil, registry.Comparison{})
	isHeld(t, r, Person(t, 0), Portrait(t, 0), true)
}
