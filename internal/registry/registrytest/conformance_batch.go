package registrytest

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/registry"
)

// TestBatch: people of a batch are enrolled as if one by one, and the changes say
// what became of each.
func (s suite) TestBatch(t *testing.T) {
	r := s.open(t)
	enrol(t, r, Person(t, 1), Portrait(t, 1), registry.Added)
	enrol(t, r, Person(t, 2), Portrait(t, 2), registry.Added)
	enrol(t, r, Person(t, 3), nil, registry.Added)
	changed := Person(t, 2)
	changed.Status = sesuai.Deceased
	people := []registry.Enrolment{
		{Person: Person(t, 1), Portrait: Portrait(t, 1)},
		{Person: changed, Portrait: Portrait(t, 2)},
		{Person: Person(t, 3), Portrait: Portrait(t, 3)},
		{Person: Person(t, 4), Portrait: Portrait(t, 4)},
		{Person: Person(t, 5)},
	}
	for _, step := range []struct {
		name    string
		replace bool
		want    []registry.Change
	}{
		{"kept", false, []registry.Change{registry.Unchanged, registry.Kept, registry.Kept, registry.Added, registry.Added}},
		{"replaced", true, []registry.Change{registry.Unchanged, registry.Replaced, registry.Replaced, registry.Unchanged, registry.Unchanged}},
		{"again", true, make([]registry.Change, 5)},
	} {
		changes, err := r.EnrolBatch(t.Context(), people, step.replace)
		if err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		if d := cmp.Diff(step.want, changes); d != "" {
			t.Errorf("%s: changes (-want +got):\n%s", step.name, d)
		}
		count(t, r, 5)
		isHeld(t, r, Person(t, 2), Portrait(t, 2), !step.replace)
		isHeld(t, r, changed, Portrait(t, 2), step.replace)
		isHeld(t, r, Person(t, 3), nil, !step.replace)
		isHeld(t, r, Person(t, 4), Portrait(t, 4), true)
	}
	for n := 1; n <= 4; n++ {
		if n == 2 {
			continue // deceased by now
		}
		comparedAt(t, r, 0.9, faceOf(t, r, n, ProbeAt(t, Template(t, Model, n), 0.9)))
	}
	if changes, err := r.EnrolBatch(t.Context(), nil, true); err != nil || len(changes) != 0 {
		t.Errorf("an empty batch: %v, %v", changes, err)
	}
}

// TestRefusedBatch: one person who cannot be enrolled keeps the whole batch from
// being enrolled.
func (s suite) TestRefusedBatch(t *testing.T) {
	r := s.open(t)
	bad := Person(t, 2)
	bad.Name = sesuai.Name{}
	for name, people := range map[string][]registry.Enrolment{
		"no name": {{Person: Person(t, 1)}, {Person: bad}},
		"twice":   {{Person: Person(t, 1)}, {Person: Person(t, 2)}, {Person: Person(t, 1)}},
	} {
		if _, err := r.EnrolBatch(t.Context(), people, true); err == nil {
			t.Errorf("%s: enrolled", name)
		}
	}
	count(t, r, 0)
}

// TestExport: every person comes out once and as enrolled.
func (s suite) TestExport(t *testing.T) {
	r := s.open(t)
	exporter, ok := r.(registry.Exporter)
	if !ok {
		t.Skip("this test needs a registry that implements registry.Exporter")
	}
	const people = 7
	for n := range people {
		portrait := Portrait(t, n)
		if n == 3 {
			portrait = nil
		}
		enrol(t, r, Person(t, n), portrait, registry.Added)
	}
	if _, err := r.Remove(t.Context(), NIK(t, 5)); err != nil {
		t.Fatal(err)
	}
	got := make(map[string]registry.Enrolment)
	err := exporter.Export(t.Context(), func(e registry.Enrolment) error {
		if _, twice := got[e.Person.NIK.Reveal()]; twice {
			t.Error("somebody was exported twice")
		}
		got[e.Person.NIK.Reveal()] = e
		return nil
	})
	if err != nil || len(got) != people-1 {
		t.Fatalf("%d people, %v", len(got), err)
	}
	for n := range people {
		e, there := got[NIK(t, n).Reveal()]
		if n == 5 {
			if there {
				t.Error("somebody who was removed is exported")
			}
			continue
		}
		// By value: an export is all that another registry gets.
		if !samePerson(e.Person, Person(t, n)) {
			t.Errorf("person %d is not as enrolled", n)
		}
		if n == 3 {
			if e.Portrait != nil {
				t.Error("a portrait that nobody enrolled")
			}
			continue
		}
		want := Portrait(t, n)
		if !e.Portrait.Same(want) || e.Portrait.Signature != want.Signature {
			t.Errorf("the portrait of person %d is not as enrolled", n)
			continue
		}
		score, err := e.Portrait.Template.Cosine(want.Template)
		if err != nil || score < 0.999 {
			t.Errorf("the template of person %d: score %v, %v", n, score, err)
		}
	}

	stop := errors.New("stop")
	calls := 0
	err = exporter.Export(t.Context(), func(registry.Enrolment) error { calls++; return stop })
	if !errors.Is(err, stop) || calls != 1 {
		t.Errorf("stopped after %d: %v", calls, err)
	}
}
