package enrol_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/enrol"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/registry"
	"github.com/sesuai/sesuai/internal/registry/registrytest"
)

// TestEnrol: a person who is on record unchanged costs no extraction, and every
// change is reported.
func TestEnrol(t *testing.T) {
	memory, x := registrytest.NewMemory(), &extractor{}
	e := newEnroller(memory, x)
	p := registrytest.Person(t, 1)
	deceased := registrytest.Person(t, 1)
	deceased.Status = sesuai.Deceased
	other := enrol.New(enrol.Options{Registry: memory, Extractor: x, Model: "another@000000000000"})

	for _, step := range []struct {
		about       string
		e           *enrol.Enroller
		person      registry.Person
		photo       []byte
		want        registry.Change
		extractions int64
		portrait    bool
	}{
		{"new, without a portrait", e, p, nil, registry.Added, 0, false},
		{"the same", e, p, nil, registry.Unchanged, 0, false},
		{"a portrait comes", e, p, []byte("one"), registry.Replaced, 1, true},
		{"the same", e, p, []byte("one"), registry.Unchanged, 1, true},
		{"another photograph", e, p, []byte("two"), registry.Replaced, 2, true},
		{"another status", e, deceased, []byte("two"), registry.Replaced, 3, true},
		{"the same", e, deceased, []byte("two"), registry.Unchanged, 3, true},
		// The template that comes is of the old model all the same, so the
		// registry finds nothing changed; what counts is that it was made.
		{"another model", other, deceased, []byte("two"), registry.Unchanged, 4, true},
		{"the portrait goes", e, deceased, nil, registry.Replaced, 4, false},
	} {
		got, err := step.e.Enrol(t.Context(), step.person, step.photo)
		if err != nil || got != step.want {
			t.Fatalf("%s: Enrol = %v, %v, want %v", step.about, got, err, step.want)
		}
		if n := x.calls.Load(); n != step.extractions {
			t.Errorf("%s: %d extractions so far, want %d", step.about, n, step.extractions)
		}
		entry, found, err := memory.Lookup(t.Context(), p.NIK)
		if err != nil || !found || entry.Portrait != step.portrait || entry.Status != step.person.Status {
			t.Errorf("%s: on record %+v, %v, %v", step.about, entry, found, err)
		}
	}
}

// TestAdd: who is on record with other values, or another portrait, stays as before.
func TestAdd(t *testing.T) {
	memory := registrytest.NewMemory()
	e := newEnroller(memory, &extractor{})
	p, other := registrytest.Person(t, 1), registrytest.Person(t, 1)
	other.Status = sesuai.Deceased
	for _, step := range []struct {
		person registry.Person
		photo  []byte
		want   registry.Change
	}{
		{p, []byte("one"), registry.Added},
		{p, []byte("one"), registry.Unchanged},
		{p, []byte("two"), registry.Kept},
		{p, nil, registry.Kept},
		{other, []byte("one"), registry.Kept},
	} {
		if got, err := e.Add(t.Context(), step.person, step.photo); err != nil || got != step.want {
			t.Errorf("Add = %v, %v, want %v", got, err, step.want)
		}
	}
	entry, found, err := memory.Lookup(t.Context(), p.NIK)
	if err != nil || !found || !entry.Portrait || entry.Status != p.Status {
		t.Errorf("on record %+v, %v, %v", entry, found, err)
	}
}

// TestEnrolKeepsWhatWasExtracted: the registry gets the template and the digest of
// the photograph.
func TestEnrolKeepsWhatWasExtracted(t *testing.T) {
	memory, x := registrytest.NewMemory(), &extractor{}
	p := registrytest.Person(t, 1)
	if _, err := newEnroller(memory, x).Enrol(t.Context(), p, []byte("photograph")); err != nil {
		t.Fatal(err)
	}
	same, err := x.Extract(t.Context(), []byte("photograph"), face.ForReference)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := memory.Ask(t.Context(), registry.Question{Claim: registrytest.Claim(p), Probe: &face.Probe{Template: same.Template}})
	if c := answer.Face; err != nil || !c.Portrait || c.Score < 0.9999 {
		t.Errorf("the same photograph is compared as %+v, %v", c, err)
	}
}

// TestEnrolRefuses: a photograph that cannot be used changes nothing, and the
// error says why.
func TestEnrolRefuses(t *testing.T) {
	invalid := &sesuai.Error{Kind: sesuai.KindInvalidImage}
	for _, test := range []struct {
		about string
		x     *extractor
		want  sesuai.Kind
	}{
		{"no face", &extractor{finding: face.Extraction{Finding: face.NoFace}}, sesuai.KindFaceNotDetected},
		{"several faces", &extractor{finding: face.Extraction{Finding: face.SeveralFaces}}, sesuai.KindMultipleFaces},
		{"a poor one", &extractor{finding: face.Extraction{Finding: face.LowQuality}}, sesuai.KindFaceQuality},
		{"no photograph", &extractor{hook: func(context.Context, int) error { return invalid }}, sesuai.KindInvalidImage},
		{"a defect", &extractor{hook: func(context.Context, int) error { return errors.New("broken") }}, sesuai.KindInternal},
	} {
		t.Run(test.about, func(t *testing.T) {
			memory := registrytest.NewMemory()
			p := registrytest.Person(t, 1)
			before := registrytest.Portrait(t, 1)
			if _, err := memory.Enrol(t.Context(), p, before); err != nil {
				t.Fatal(err)
			}
			change, err := newEnroller(memory, test.x).Enrol(t.Context(), p, []byte("new"))
			if change != registry.Unchanged || sesuai.KindOf(err) != test.want {
				t.Errorf("Enrol = %v, %v, want kind %s", change, err, test.want)
			}
			if held, err := memory.Holds(t.Context(), p, before); err != nil || !held {
				t.Errorf("the record is not what it was: %v", err)
			}
		})
	}
}

// TestEnrolWithAFailingRegistry: its error is returned, and nothing is extracted.
func TestEnrolWithAFailingRegistry(t *testing.T) {
	memory, x := registrytest.NewMemory(), &extractor{}
	down := errors.New("down")
	memory.FailBefore(down)
	e := newEnroller(memory, x)
	for _, photo := range [][]byte{nil, []byte("photograph")} {
		_, err := e.Enrol(t.Context(), registrytest.Person(t, 1), photo)
		if !errors.Is(err, down) || sesuai.KindOf(err) != sesuai.KindUnavailable {
			t.Errorf("Enrol = %v", err)
		}
	}
	memory.FailBefore(nil)
	if n := x.calls.Load(); n != 0 || count(t, memory) != 0 {
		t.Errorf("%d extractions, %d people", n, count(t, memory))
	}
}

// TestSetAttribute: every attribute by its name, an empty value is none, and
// what is refused is not repeated.
func TestSetAttribute(t *testing.T) {
	p := registry.Person{Attributes: make(map[sesuai.Attribute]sesuai.Text)}
	want := make(map[sesuai.Attribute]string)
	for _, a := range sesuai.Attributes {
		want[a] = "value of " + string(a)
		if err := enrol.SetAttribute(&p, a, want[a]); err != nil {
			t.Errorf("%s: %v", a, err)
		}
	}
	got := make(map[sesuai.Attribute]string)
	for a, text := range p.Attributes {
		got[a] = text.Reveal()
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("attributes (-want +got):\n%s", diff)
	}
	empty := registry.Person{Attributes: make(map[sesuai.Attribute]sesuai.Text)}
	if err := enrol.SetAttribute(&empty, sesuai.City, ""); err != nil || len(empty.Attributes) != 0 {
		t.Errorf("an empty value = %v, %d attributes", err, len(empty.Attributes))
	}
	for _, bad := range []struct {
		attribute sesuai.Attribute
		value     string
	}{
		{"canary", "x"},
		{"", "x"},
		{sesuai.City, "canary\xff"},
		{sesuai.City, "canary\nCONTOH"},
		{sesuai.City, "canary\x00"},
		{sesuai.City, "canary" + string(make([]byte, 500))},
	} {
		err := enrol.SetAttribute(&empty, bad.attribute, bad.value)
		if sesuai.KindOf(err) != sesuai.KindInvalidAttribute || len(empty.Attributes) != 0 {
			t.Errorf("SetAttribute(%q) = %v", bad.value, err)
		}
		assertNoCanary(t, err.Error())
	}
}
