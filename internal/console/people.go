package console

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/registry"
)

// People are those of the built-in registry.
type People interface {
	// Lookup returns what is on record of a person, without values.
	Lookup(ctx context.Context, nik sesuai.NIK) (registry.Entry, bool, error)
	// Add puts a person on record who is not: see enrol.Enroller. Without a photograph
	// there is no portrait.
	Add(ctx context.Context, p registry.Person, photo []byte) (registry.Change, error)
}

// enrolTimeout is the time for putting a person on record.
const enrolTimeout = 60 * time.Second

// peoplePage is what is on record of the person that was looked up; Entry is nil if
// nobody was.
type peoplePage struct {
	Entry *registry.Entry
	// Attributes are the names of what is on record, and Status is its state.
	Attributes, Status    string
	EnrolledAt, ChangedAt time.Time
}

func (c *call) people() error { return c.showPeople(http.StatusOK, page{}, peoplePage{}) }

func (c *call) showPeople(status int, p page, data peoplePage) error {
	if c.o.People == nil { // people are elsewhere
		return notFound(c)
	}
	p.Data = data
	return c.renderWith(status, "people", p)
}

// findPerson says what is on record of a person. It is recorded.
func (c *call) findPerson() error {
	if c.o.People == nil {
		return notFound(c)
	}
	nik, err := sesuai.ParseNIK(c.input("nik"))
	if err != nil {
		return c.failPeople(err)
	}
	if err := c.o.Record(c.ctx, audit.Change{Action: audit.PersonSought, NIK: nik}); err != nil {
		return err
	}
	entry, found, err := c.o.People.Lookup(c.ctx, nik)
	if err != nil {
		return err
	}
	if !found {
		return c.showPeople(http.StatusOK, page{Notice: c.language.text("people.nobody")}, peoplePage{})
	}
	x := explainer{language: c.language}
	names := []string{x.attributeName(sesuai.NameAttribute), x.attributeName(sesuai.DateOfBirthAttribute)}
	for _, a := range slices.Sorted(slices.Values(entry.Attributes)) {
		names = append(names, x.attributeName(a))
	}
	return c.showPeople(http.StatusOK, page{}, peoplePage{
		&entry, strings.Join(names, ", "), c.language.text("status." + entry.Status.String()),
		time.UnixMicro(entry.EnrolledAt), time.UnixMicro(entry.ChangedAt),
	})
}

// addPerson puts somebody on record. Who is on record already stays as before: replacing a
// portrait lets another face pass, which one admin alone must not do here.
func (c *call) addPerson() error {
	if c.o.People == nil {
		return notFound(c)
	}
	claim, err := c.claim()
	if err != nil {
		return c.failPeople(err)
	}
	ctx, cancel := context.WithTimeout(audit.WithActor(c.r.Context(), c.operator.Actor()), enrolTimeout)
	defer cancel()
	person := registry.Person{NIK: claim.NIK, Name: claim.Name, DateOfBirth: claim.DateOfBirth, Status: sesuai.Active}
	var photo []byte
	if len(c.file) > 0 {
		photo = c.file
	}
	change, err := c.o.People.Add(ctx, person, photo)
	switch {
	case err != nil:
		return c.failPeople(err)
	case change == registry.Kept:
		return c.showPeople(http.StatusConflict, page{Problem: c.language.text("people.kept")}, peoplePage{})
	case change == registry.Unchanged:
		return c.showPeople(http.StatusOK, page{Notice: c.language.text("people.unchanged")}, peoplePage{})
	default:
		return c.showPeople(http.StatusOK, page{Notice: c.language.text("people.added")}, peoplePage{})
	}
}

// failPeople shows the page with why nothing was done, which of a photograph says what to do.
func (c *call) failPeople(err error) error {
	status, text := c.problem(err)
	if refusal, ok := errors.AsType[*sesuai.Error](err); ok {
		if _, known := c.language.find("reason." + string(refusal.Kind)); known && status < http.StatusInternalServerError {
			f := explainer{language: c.language}.refusal(audit.Entry{Reason: string(refusal.Kind), Measures: strings.Join(refusal.Measures, " ")})[0]
			text = strings.TrimSpace(f.What + ": " + f.Outcome + ". " + f.Meaning)
		}
	}
	c.note(err, status)
	return c.showPeople(status, page{Problem: text}, peoplePage{})
}
