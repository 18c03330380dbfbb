// Package registrytest holds the exam that every registry passes, the invented
// people it is held with, and a registry in memory for the tests of others. It
// must not know any backend.
package registrytest

import (
	"crypto/sha256"
	"errors"
	"testing"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/registry"
)

// TestRegistry is the exam: it holds a registry to every promise of package
// registry. open returns an empty one each time, which compares on Scale under
// the id Calibration and is closed by the test's cleanup.
func TestRegistry(t *testing.T, open func(t *testing.T) registry.Enroller) {
	parts := []struct {
		name string
		run  func(t *testing.T, r registry.Enroller)
	}{
		{"unknown NIK", unknownNIK},
		{"true claim", trueClaim},
		{"false claims", falseClaims},
		{"status", status},
		{"comparison", comparison},
		{"no portrait", noPortrait},
		{"another model", anotherModel},
		{"same photograph", samePhotograph},
		{"revisions", revisions},
		{"enrolment", enrolment},
		{"enrolment is its own", enrolmentIsItsOwn},
		{"refused enrolment", refusedEnrolment},
		{"batch", batch},
		{"refused batch", refusedBatch},
		{"export", export},
		{"holds", holds},
		{"lookup", lookup},
		{"removal", removal},
		{"ended context", endedContext},
		{"concurrency", concurrency},
		{"concurrency on one person", concurrencyOnOnePerson},
	}
	for _, part := range parts {
		t.Run(part.name, func(t *testing.T) { part.run(t, open(t)) })
	}
}

func unknownNIK(t *testing.T, r registry.Enroller) {
	ctx := t.Context()
	enrol(t, r, Person(t, 1), Portrait(t, 1), registry.Added)
	unknown := Person(t, 2)
	record, err := r.Check(ctx, Claim(unknown))
	equal(t, "Check", record, err, registry.Record{})
	compared, err := r.Compare(ctx, unknown.NIK, ProbeAt(t, Template(t, Model, 2), 1))
	equal(t, "Compare", compared, err, registry.Comparison{})
	held, err := r.Holds(ctx, unknown, [32]byte{}, "")
	equal(t, "Holds", held, err, false)
	entry, found, err := r.Lookup(ctx, unknown.NIK)
	equal(t, "Lookup", entry, err, registry.Entry{})
	equal(t, "Lookup", found, err, false)
	removed, err := r.Remove(ctx, unknown.NIK)
	equal(t, "Remove", removed, err, false)
	count(t, r, 1)
}

func trueClaim(t *testing.T, r registry.Enroller) {
	for n := range 5 {
		enrol(t, r, Person(t, n), Portrait(t, n), registry.Added)
	}
	for n := range 5 {
		record, err := r.Check(t.Context(), Claim(Person(t, n)))
		equal(t, "Check", record, err, told(r, registry.Record{
			Found: true, Status: sesuai.Active, NameScore: 100, DateOfBirth: sesuai.Match, Portrait: true,
		}))
	}
	count(t, r, 5)
}

func falseClaims(t *testing.T, r registry.Enroller) {
	p := Person(t, 1)
	enrol(t, r, p, Portrait(t, 1), registry.Added)

	claim := Claim(p)
	claim.DateOfBirth = Date(t, "09-09-1999")
	record, err := r.Check(t.Context(), claim)
	equal(t, "Check with another date", record, err, registry.Record{
		Found: true, NameScore: 100, DateOfBirth: sesuai.NonMatch, Portrait: true,
	})

	claim = Claim(p)
	claim.Name = Person(t, 2).Name
	record, err = r.Check(t.Context(), claim)
	if record.NameScore >= 80 {
		t.Errorf("another name has a score of %d", record.NameScore)
	}
	record.NameScore = 0
	equal(t, "Check with another name", record, err, registry.Record{
		Found: true, DateOfBirth: sesuai.Match, Portrait: true,
	})
}

func status(t *testing.T, r registry.Enroller) {
	p := Person(t, 1)
	for i, status := range []sesuai.Status{sesuai.Deceased, sesuai.Inactive, sesuai.Active} {
		p.Status = status
		want := registry.Replaced
		if i == 0 {
			want = registry.Added
		}
		enrol(t, r, p, Portrait(t, 1), want)
		record, err := r.Check(t.Context(), Claim(p))
		equal(t, "Check", record, err, told(r, registry.Record{
			Found: true, Status: status, NameScore: 100, DateOfBirth: sesuai.Match, Portrait: true,
		}))
	}
}

func comparison(t *testing.T, r registry.Enroller) {
	portrait := Portrait(t, 1)
	enrol(t, r, Person(t, 1), portrait, registry.Added)
	enrol(t, r, Person(t, 2), Portrait(t, 2), registry.Added)
	for _, cosine := range []float64{1, 0.8, 0.41, 0.1, 0, -0.5} {
		compared, err := r.Compare(t.Context(), NIK(t, 1), ProbeAt(t, portrait.Template, cosine))
		comparedAt(t, r, cosine, compared, err)
	}
	genuine, err := r.Compare(t.Context(), NIK(t, 2), ProbeAt(t, Template(t, Model, 2), 0.9))
	comparedAt(t, r, 0.9, genuine, err)
	impostor, err := r.Compare(t.Context(), NIK(t, 2), ProbeAt(t, portrait.Template, 0.9))
	if err != nil || impostor.Percentage.Value() > 30 {
		t.Errorf("impostor %v (%v)", impostor.Percentage, err)
	}
}

func noPortrait(t *testing.T, r registry.Enroller) {
	p := Person(t, 1)
	enrol(t, r, p, nil, registry.Added)
	record, err := r.Check(t.Context(), Claim(p))
	equal(t, "Check", record, err, told(r, registry.Record{Found: true, NameScore: 100, DateOfBirth: sesuai.Match}))
	compared, err := r.Compare(t.Context(), p.NIK, ProbeAt(t, Template(t, Model, 1), 1))
	equal(t, "Compare", compared, err, registry.Comparison{})
}

func anotherModel(t *testing.T, r registry.Enroller) {
	ownMatcher(t, r)
	enrol(t, r, Person(t, 1), Portrait(t, 1), registry.Added)
	compared, err := r.Compare(t.Context(), NIK(t, 1), face.Probe{Template: Template(t, "other@111111111111", 1)})
	unanswered(t, "Compare with a probe of another model", err)
	if !errors.Is(err, face.ErrModelDiffers) {
		t.Errorf("error %v does not say that the models differ", err)
	}
	equal(t, "Compare", compared, nil, registry.Comparison{})
}

func enrolment(t *testing.T, r registry.Enroller) {
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
	compared, err := r.Compare(t.Context(), p.NIK, ProbeAt(t, portrait.Template, 1))
	comparedAt(t, r, 1, compared, err)
}

// enrolmentIsItsOwn: what the caller does to its values later is none of the
// registry's.
func enrolmentIsItsOwn(t *testing.T, r registry.Enroller) {
	p, portrait := Person(t, 1), Portrait(t, 1)
	enrol(t, r, p, portrait, registry.Added)
	p.Attributes[sesuai.City] = sesuai.NewText("Kota Karangan")
	clear(portrait.Template.Vector)
	portrait.Source = [32]byte{1}
	isHeld(t, r, Person(t, 1), Portrait(t, 1), true)
	compared, err := r.Compare(t.Context(), NIK(t, 1), ProbeAt(t, Template(t, Model, 1), 1))
	comparedAt(t, r, 1, compared, err)
}

func refusedEnrolment(t *testing.T, r registry.Enroller) {
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

func holds(t *testing.T, r registry.Enroller) {
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

func lookup(t *testing.T, r registry.Enroller) {
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

func removal(t *testing.T, r registry.Enroller) {
	for n := range 3 {
		enrol(t, r, Person(t, n), Portrait(t, n), registry.Added)
	}
	removed, err := r.Remove(t.Context(), NIK(t, 1))
	equal(t, "Remove", removed, err, true)
	removed, err = r.Remove(t.Context(), NIK(t, 1))
	equal(t, "Remove again", removed, err, false)
	count(t, r, 2)
	record, err := r.Check(t.Context(), Claim(Person(t, 1)))
	equal(t, "Check", record, err, registry.Record{})
	compared, err := r.Compare(t.Context(), NIK(t, 1), ProbeAt(t, Template(t, Model, 1), 1))
	equal(t, "Compare", compared, err, registry.Comparison{})
	isHeld(t, r, Person(t, 1), Portrait(t, 1), false)

	// Whoever comes back without a portrait has none.
	enrol(t, r, Person(t, 1), nil, registry.Added)
	compared, err = r.Compare(t.Context(), NIK(t, 1), ProbeAt(t, Template(t, Model, 1), 1))
	equal(t, "Compare", compared, err, registry.Comparison{})
	isHeld(t, r, Person(t, 0), Portrait(t, 0), true)
}
