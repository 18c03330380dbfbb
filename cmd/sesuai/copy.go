package main

import (
	"fmt"
	"strings"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/enrol"
)

type copyCommand struct {
	To         string `help:"The configuration file of the other registry." required:"" placeholder:"FILE"`
	PeopleOnly bool   `help:"Leave the clients here: every caller of the other registry needs credentials of its own."`
}

// Help is what --help says of the command besides its flags.
func (copyCommand) Help() string {
	return "Moves a registry, for example from the data folder to PostgreSQL. The clients of this one are clients of the other one " +
		"then, with the credentials that they have; the other one must have no clients of its own before. Everybody on record here " +
		"is put on record there, and both are compared as wholes. It can be stopped and run again. The audit trail, the photographs " +
		"that were sent, Dukcapil's call log and outbox, and what is yet to be delivered to webhooks stay here: keep this registry for as long as they are needed."
}

func (c *copyCommand) Run(s *session) error {
	other, err := app.LoadConfig(c.To, nil)
	if err != nil {
		return err
	}
	return s.withStorage(func(from *app.Storage) error {
		to, err := app.OpenStorage(s, other)
		return use(to, err, func(to *app.Storage) error { return c.copy(s, from, to) })
	})
}

func (c *copyCommand) copy(s *session, from, to *app.Storage) error {
	var result copied
	var err error
	if !c.PeopleOnly {
		if result.CopiedClients, err = s.copyClients(from, to); err != nil {
			return err
		}
	}
	if result.Copied, err = s.copyPeople(from, to); err != nil {
		return err
	}
	result.People, result.Digest = result.To.People, result.To.String()
	result.Stays = []string{"the audit trail", "the photographs that were sent", "Dukcapil's call log and outbox", "what is yet to be delivered to webhooks"}
	if c.PeopleOnly {
		result.Stays = append([]string{"the clients, so that every caller needs new credentials"}, result.Stays...)
	}
	return s.printCopied(result)
}

// copyClients copies the clients. What follows from it is said at once: another run,
// after one that failed later, does not see it.
func (s *session) copyClients(from, to *app.Storage) (app.CopiedClients, error) {
	done, err := app.CopyClients(s, from, to)
	if sesuai.KindOf(err) == sesuai.KindConflict {
		return done, fmt.Errorf("%s; --people-only leaves the clients", describe(err))
	}
	if err == nil && done.NewHash {
		fmt.Fprintln(s.stderr, "nodes that serve the other registry already must be started again: they do not know its clients")
	}
	return done, err
}

// copyPeople copies everybody on record.
func (s *session) copyPeople(from, to *app.Storage) (enrol.Copied, error) {
	people, err := from.People.Count(s)
	if err != nil {
		return enrol.Copied{}, err
	}
	if err := from.RecordPeopleExport(s); err != nil {
		return enrol.Copied{}, err
	}
	progress, err := s.newProgress("copying", "people")
	if err != nil {
		return enrol.Copied{}, err
	}
	defer progress.finish()
	job := enrol.Copy{From: from.People, To: to.People, Progress: func(done int) { progress.set(done, people) }}
	return job.Run(s)
}

// copied is what the command prints.
type copied struct {
	app.CopiedClients
	enrol.Copied
	People int    `json:"people"`
	Digest string `json:"digest"`
	// Stays is what is not copied.
	Stays []string `json:"stays"`
}

func (s *session) printCopied(c copied) error {
	var onlyThere string
	if len(c.OnlyThere) > 0 {
		onlyThere = "only the other registry has these clients, which stay valid there: " + strings.Join(c.OnlyThere, ", ") + "\n"
	}
	var hooks string
	if c.Webhooks > 0 {
		hooks = fmt.Sprintf("%d webhooks, with the secrets that they have\n", c.Webhooks)
	}
	return s.print(c,
		"%d clients, with the credentials that they have: %d added or changed\n"+
			"%s%s"+
			"%d added, %d replaced, %d unchanged; both have %d people and the digest %s\n"+
			"stays here: %s\n",
		c.Clients, c.Changed, hooks, onlyThere, c.Added, c.Replaced, c.Unchanged, c.People, c.Digest, strings.Join(c.Stays, ", "))
}
