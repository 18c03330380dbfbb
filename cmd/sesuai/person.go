package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/enrol"
	"github.com/sesuai/sesuai/internal/registry"
)

type personAdd struct {
	claimFlags
	Photo  string            `help:"The reference photograph: PNG or JPEG. Without one, faces cannot be compared." placeholder:"FILE"`
	Status string            `help:"active, deceased or inactive." default:"active"`
	Set    map[string]string `help:"An optional attribute by its name on the wire; may be given again." placeholder:"place_of_birth=JAKARTA"`
}

func (c *personAdd) Run(s *session) error {
	claim, err := c.parse()
	if err != nil {
		return err
	}
	p := registry.Person{
		NIK: claim.NIK, Name: claim.Name, DateOfBirth: claim.DateOfBirth,
		Attributes: make(map[sesuai.Attribute]sesuai.Text),
	}
	if p.Status, err = sesuai.ParseStatus(c.Status); err != nil {
		return err
	}
	for a, value := range c.Set {
		if err := enrol.SetAttribute(&p, sesuai.Attribute(a), value); err != nil {
			return err
		}
	}
	var photo []byte
	if c.Photo != "" {
		if photo, err = readPhoto(c.Photo); err != nil {
			return err
		}
	}
	return s.withEnroller(func(e *enrol.Enroller) error {
		change, err := e.Enrol(s, p, photo)
		if err != nil {
			return err
		}
		return s.print(map[string]string{"change": change.String()}, "%s\n", change)
	})
}

// nikArgument is a NIK as an argument.
type nikArgument struct {
	NIK string `arg:"" name:"nik" help:"The NIK: 16 digits."`
}

type personShow struct{ nikArgument }

func (c *personShow) Run(s *session) error {
	nik, err := sesuai.ParseNIK(c.NIK)
	if err != nil {
		return err
	}
	return s.withStorage(func(storage *app.Storage) error {
		entry, found, err := storage.People.Lookup(s, nik)
		if err != nil {
			return err
		}
		if !found {
			return s.nobody()
		}
		shown := shownPerson{
			OnRecord: true, Status: entry.Status.String(), Attributes: entry.Attributes,
			Portrait: entry.Portrait, Model: entry.Model,
			EnrolledAt: time.UnixMicro(entry.EnrolledAt).UTC(), ChangedAt: time.UnixMicro(entry.ChangedAt).UTC(),
		}
		return s.print(shown, "%s", shown.text())
	})
}

// shownPerson says that somebody is on record. The values on record are only
// compared, and never shown.
type shownPerson struct {
	OnRecord   bool               `json:"on_record"`
	Status     string             `json:"status"`
	Attributes []sesuai.Attribute `json:"attributes"`
	Portrait   bool               `json:"portrait"`
	Model      string             `json:"model,omitempty"`
	EnrolledAt time.Time          `json:"enrolled_at"`
	ChangedAt  time.Time          `json:"changed_at"`
}

func (p shownPerson) text() string {
	also := make([]string, 0, len(p.Attributes))
	for _, a := range p.Attributes {
		also = append(also, string(a))
	}
	slices.Sort(also)
	portrait := "none"
	if p.Portrait {
		portrait = "template of model " + p.Model
	}
	return fmt.Sprintf("on record   name, date_of_birth%s\nstatus      %s\nportrait    %s\nenrolled    %s\nchanged     %s\n",
		strings.Join(append([]string{""}, also...), ", "), p.Status, portrait,
		p.EnrolledAt.Format(time.RFC3339), p.ChangedAt.Format(time.RFC3339))
}

// nobody prints that nobody with the NIK is on record.
func (s *session) nobody() error {
	if err := s.print(map[string]bool{"on_record": false}, "nobody with this NIK is on record\n"); err != nil {
		return err
	}
	return negativeAnswer{}
}

type personRemove struct{ nikArgument }

func (c *personRemove) Run(s *session) error {
	nik, err := sesuai.ParseNIK(c.NIK)
	if err != nil {
		return err
	}
	return s.withStorage(func(storage *app.Storage) error {
		removed, err := storage.People.Remove(s, nik)
		if err != nil {
			return err
		}
		if !removed {
			return s.nobody()
		}
		return s.print(map[string]bool{"removed": true}, "removed\n")
	})
}

type personCount struct{}

func (personCount) Run(s *session) error {
	return s.withStorage(func(storage *app.Storage) error {
		n, err := storage.People.Count(s)
		if err != nil {
			return err
		}
		return s.print(map[string]int{"people": n}, "%d\n", n)
	})
}

type personRecount struct{}

// Help is what --help says of the command besides its flags.
func (personRecount) Help() string {
	return "Do this after sesuai audit verify has reported people and you know why, for example after rows were restored " +
		"from a backup. It is an event of the audit trail. Nobody can be put on record meanwhile."
}

func (personRecount) Run(s *session) error {
	return s.withStorage(func(storage *app.Storage) error {
		n, err := storage.People.Recount(s)
		if err != nil {
			return err
		}
		return s.print(map[string]int64{"people": n}, "%d people on record are accepted\n", n)
	})
}

// withEnroller calls f with the opened storage and face engine.
func (s *session) withEnroller(f func(*enrol.Enroller) error) error {
	engine, err := app.OpenEngine(s.config, app.ManyPhotographs, 1)
	if err != nil {
		return err
	}
	defer engine.Close()
	return s.withNewStorage(func(storage *app.Storage) error { return f(app.NewEnroller(storage, engine)) })
}
