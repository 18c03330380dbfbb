package console_test

import (
	"context"
	"net/url"
	"strings"
	"testing"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/console"
	"github.com/sesuai/sesuai/internal/registry"
)

// fakePeople is console.People.
type fakePeople struct {
	entry registry.Entry
	found bool

	change registry.Change
	err    error
	added  []registry.Person
	photos []string
}

func (f *fakePeople) Lookup(context.Context, sesuai.NIK) (registry.Entry, bool, error) {
	return f.entry, f.found, nil
}

func (f *fakePeople) Add(_ context.Context, p registry.Person, photo []byte) (registry.Change, error) {
	f.added, f.photos = append(f.added, p), append(f.photos, string(photo))
	return f.change, f.err
}

// TestFindPerson: names of what is on record, never values nor the NIK. It is an event about the person.
func TestFindPerson(t *testing.T) {
	w := open(t)
	b := w.signIn(t, "admin")
	if page := b.post("/people", url.Values{"nik": {claimed["nik"]}}); !strings.Contains(page.text, "Nobody with this NIK is on record.") {
		t.Errorf("nobody: %d %s", page.status, page.text)
	}
	w.people = fakePeople{found: true, entry: registry.Entry{
		Status: sesuai.Inactive, Attributes: []sesuai.Attribute{"place_of_birth"}, Portrait: true, Model: "model-1", EnrolledAt: 1e15, ChangedAt: 1e15,
	}}
	page := b.post("/people", url.Values{"nik": {claimed["nik"]}})
	for _, text := range []string{"Name, Date of birth, Place of birth", "inactive", "template of model model-1", "2001-09-09"} {
		if !strings.Contains(page.text, text) {
			t.Errorf("no %q in %s", text, page.text)
		}
	}
	if strings.Contains(page.text, claimed["nik"]) {
		t.Error("the NIK is shown")
	}
	nik, err := sesuai.ParseNIK(claimed["nik"])
	if err != nil {
		t.Fatal(err)
	}
	events, err := w.trail.Events(t.Context(), audit.Filter{NIK: nik, Reason: string(audit.PersonSought)})
	if err != nil || len(events) != 2 || events[0].Actor != "operator:admin" {
		t.Errorf("%d events: %v", len(events), err)
	}
	if page := b.post("/people", url.Values{"nik": {hostile}}); page.status != 400 || strings.Contains(page.text, "alert(1)") {
		t.Errorf("no NIK: %d", page.status)
	}
}

// TestAddPerson: with and without a photograph. Who is on record stays as before.
func TestAddPerson(t *testing.T) {
	w := open(t)
	b := w.signIn(t, "admin")
	add := func(photo string) answer {
		contentType, body := b.trial(t, claimed, photo)
		page := b.sendBody("POST", "/people/add", contentType, body)
		assertHeaders(t, "adding a person", page)
		for _, text := range []string{claimed["nik"], claimed["name"], "alert(1)"} {
			if strings.Contains(page.text, text) {
				t.Errorf("the page has %q", text)
			}
		}
		return page
	}
	for _, test := range []struct {
		photo  string
		change registry.Change
		err    error
		status int
		text   string
	}{
		{"a photograph", registry.Added, nil, 200, "The person is on record."},
		{"", registry.Unchanged, nil, 200, "The person was on record just so."},
		{"a photograph", registry.Kept, nil, 409, "Nothing has changed."},
		{"a photograph", 0, &sesuai.Error{Kind: sesuai.KindFaceQuality, Measures: []string{"sharpness"}}, 400, "blurred: hold the camera still"},
		{"a photograph", 0, &sesuai.Error{Kind: sesuai.KindUnavailable}, 503, "Nothing has changed."},
	} {
		w.people = fakePeople{change: test.change, err: test.err}
		if page := add(test.photo); page.status != test.status || !strings.Contains(page.text, test.text) {
			t.Errorf("%v, %v: %d %s", test.change, test.err, page.status, page.text)
		}
		if len(w.people.added) != 1 || w.people.photos[0] != test.photo || w.people.added[0].DateOfBirth.Reveal() != "12-03-1990" || w.people.added[0].Status != sesuai.Active {
			t.Errorf("added are %+v", w.people.added)
		}
	}
	b.token = ""
	if page := add("x"); page.status != 403 {
		t.Errorf("without a token: %d", page.status)
	}
}

// TestPeopleElsewhere: with another registry there is no such page, and the menu has none.
func TestPeopleElsewhere(t *testing.T) {
	w := open(t)
	w.options.People = nil
	var err error
	if w.Console, err = console.New(w.options); err != nil {
		t.Fatal(err)
	}
	b := w.signIn(t, "admin")
	if page := b.get("/people"); page.status != 404 || strings.Contains(page.text, `href="/people"`) {
		t.Errorf("%d %s", page.status, page.text)
	}
	contentType, body := b.trial(t, claimed, "x")
	for what, page := range map[string]answer{"finding": b.post("/people", url.Values{"nik": {claimed["nik"]}}), "adding": b.sendBody("POST", "/people/add", contentType, body)} {
		if page.status != 404 {
			t.Errorf("%s: %d", what, page.status)
		}
	}
}
