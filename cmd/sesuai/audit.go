package main

import (
	"fmt"
	"os"

	"github.com/sesuai/sesuai/internal/app"
)

type auditVerify struct {
	Checkpoint     string `help:"Compare the trail with these checkpoints too, which were kept elsewhere: audit-checkpoints.txt, a file of the checkpoint folder, or the JSON of versions before schema 14." placeholder:"FILE"`
	FromCheckpoint string `help:"Verify only the events after the last of these checkpoints. It must be in the trail." placeholder:"FILE" xor:"checkpoint"`
	PublicKey      string `help:"The key that the trail must have, as sesuai audit key has shown it: the line, or the path of a file with it." placeholder:"KEY|FILE"`
}

// Help is what --help says of the command besides its flags.
func (auditVerify) Help() string {
	return "Reads all events and all people. Exit status: 0 if everything is as it was recorded, 1 if not, 2 if it could not be read."
}

func (c *auditVerify) Run(s *session) error {
	with := app.TrailCheck{PublicKey: c.PublicKey, After: c.FromCheckpoint != ""}
	var err error
	if path := c.Checkpoint + c.FromCheckpoint; path != "" {
		if with.Checkpoints, err = os.ReadFile(path); err != nil {
			return err
		}
	}
	if b, err := os.ReadFile(c.PublicKey); err == nil {
		with.PublicKey = string(b)
	}
	return s.withStorage(func(storage *app.Storage) error {
		r, err := storage.VerifyTrail(s, s.config, with)
		if err != nil {
			return err
		}
		if !r.Whole {
			if err := s.print(r, "%s\n", r.Why); err != nil {
				return err
			}
			return negativeAnswer{}
		}
		events := fmt.Sprintf("%d events", r.Events)
		if r.First > 1 {
			events = fmt.Sprintf("the events from %d to %d", r.First, r.Events)
		}
		return s.print(r, "%s, and all people and clients, are as they were recorded\n\n%s", events, r.Checkpoint)
	})
}

type auditKey struct{}

// Help is what --help says of the command besides its flags.
func (auditKey) Help() string {
	return "Keep it where nobody can change it who can change the database. It stays the same for as long as the database exists. " +
		"It is a verifier key of c2sp.org/signed-note."
}

func (auditKey) Run(s *session) error {
	return s.withStorage(func(storage *app.Storage) error {
		return s.print(struct {
			PublicKey string `json:"public_key"`
		}{storage.AuditKey()}, "%s\n", storage.AuditKey())
	})
}
