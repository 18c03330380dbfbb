package registrytest

import (
	"crypto/sha256"
	"testing"

	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/registry"
)

// samePhotograph: the reference's own photograph is known as such, also sent
// in another form, and another photograph is not.
func samePhotograph(t *testing.T, r registry.Enroller) {
	ownMatcher(t, r)
	portrait := Portrait(t, 1)
	unsigned := Portrait(t, 2) // as from before there were signatures
	unsigned.Signature = face.Signature{}
	enrol(t, r, Person(t, 1), portrait, registry.Added)
	enrol(t, r, Person(t, 2), unsigned, registry.Added)

	otherFile := Signature(1)
	otherFile.File = sha256.Sum256([]byte("the same, re-encoded"))
	otherFile.Look[0] ^= 1
	otherFile.Sketch[1] ^= 1 << 63
	sameFile := Signature(3)
	sameFile.File = unsigned.Source
	otherFileOf2 := Signature(2)
	otherFileOf2.File = otherFile.File
	for _, test := range []struct {
		name   string
		person int
		probe  face.Signature
		want   bool
	}{
		{"the file itself", 1, Signature(1), true},
		{"re-encoded", 1, otherFile, true},
		{"another photograph", 1, Signature(3), false},
		{"no signature", 1, face.Signature{}, false},
		{"the file, and none but its digest is known", 2, sameFile, true},
		{"re-encoded, and none but the digest is known", 2, otherFileOf2, false},
		{"no signature on either side", 2, face.Signature{}, false},
	} {
		probe := ProbeAt(t, Template(t, Model, test.person), 0.9)
		probe.Signature = test.probe
		compared, err := r.Compare(t.Context(), NIK(t, test.person), probe)
		if err != nil || !compared.Portrait || compared.SamePhotograph != test.want {
			t.Errorf("%s: the same photograph %v, want %v (%v)", test.name, compared.SamePhotograph, test.want, err)
		}
	}
}

// revisions: Check and Compare give one revision of one state of a record,
// another after every change, and none of somebody who is not there. A
// registry that can be written to can always tell.
func revisions(t *testing.T, r registry.Enroller) {
	ownMatcher(t, r)
	p := Person(t, 1)
	now := func(portrait *registry.Portrait) string {
		t.Helper()
		record, err := r.Check(t.Context(), Claim(p))
		if err != nil {
			t.Fatal(err)
		}
		probe := ProbeAt(t, Template(t, Model, 1), 1)
		compared, err := r.Compare(t.Context(), p.NIK, probe)
		if err != nil {
			t.Fatal(err)
		}
		if record.Revision != compared.Revision || (record.Revision == "") == record.Found ||
			compared.Portrait != (portrait != nil) {
			t.Errorf("Check is about revision %q, Compare about %q", record.Revision, compared.Revision)
		}
		return record.Revision
	}
	seen := map[string]bool{now(nil): true}
	changes := []struct {
		name     string
		portrait *registry.Portrait
	}{
		{p.Name.Reveal(), Portrait(t, 1)},
		{"Rahayuning Candrakirana", Portrait(t, 1)},
		{"Rahayuning Candrakirana", Portrait(t, 2)},
		{"Rahayuning Candrakirana", nil},
		{p.Name.Reveal(), Portrait(t, 1)}, // as at first, and yet a change
	}
	for i, change := range changes {
		p.Name = Name(t, change.name)
		want := registry.Replaced
		if i == 0 {
			want = registry.Added
		}
		enrol(t, r, p, change.portrait, want)
		revision := now(change.portrait)
		if seen[revision] {
			t.Errorf("change %d has a revision that was there before", i)
		}
		seen[revision] = true
		enrol(t, r, Person(t, 2+i), Portrait(t, 2+i), registry.Added)
		if now(change.portrait) != revision {
			t.Errorf("a change to another person has changed the revision")
		}
	}
	if _, err := r.Remove(t.Context(), p.NIK); err != nil {
		t.Fatal(err)
	}
	if now(nil) != "" {
		t.Error("somebody who was removed has a revision")
	}
	enrol(t, r, p, Portrait(t, 1), registry.Added)
	if seen[now(Portrait(t, 1))] {
		t.Error("somebody who was removed and came back has an old revision")
	}
}
