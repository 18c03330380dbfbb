package main

import (
	"os"

	"github.com/sesuai/sesuai/internal/app"
)

type auditVerify struct {
	FromCheckpoint string `help:"Verify only the events after this checkpoint, a copy of audit-checkpoint.json in the data folder. It must be in the trail." placeholder:"FILE"`
}

// Help is what --help says of the command besides its flags.
func (auditVerify) Help() string {
	return "Reads all events and all people. Exit status: 0 if everything is as it was recorded, 1 if not, 2 if it could not be read."
}

func (c *auditVerify) Run(s *session) error {
	var from []byte
	if c.FromCheckpoint != "" {
		var err error
		if from, err = os.ReadFile(c.FromCheckpoint); err != nil {
			return err
		}
	}
	return s.withStorage(func(storage *app.Storage) error {
		r, err := storage.VerifyTrail(s, s.config, from)
		if err != nil {
			return err
		}
		if !r.Whole {
			if err := s.print(r, "%s\n", r.Why); err != nil {
				return err
			}
			return negativeAnswer{}
		}
		return s.print(r, "%d events, and all people and clients, are as they were recorded\n%s\n", r.Events, r.Checkpoint)
	})
}
