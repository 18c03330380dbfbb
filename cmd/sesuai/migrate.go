package main

import (
	"github.com/sesuai/sesuai/internal/app"
)

type migrateUp struct{}

// Help is what --help says of the command besides its flags.
func (migrateUp) Help() string {
	return "Do this once for a new database and after an upgrade, before the new version serves. Nodes of the version before " +
		"go on meanwhile where its notes say so."
}

func (migrateUp) Run(s *session) error {
	schema, err := app.MigrateStorage(s, s.config)
	if err != nil {
		return err
	}
	return s.print(schema, "schema %d\n", schema.Database)
}

type migrateStatus struct{}

// Help is what --help says of the command besides its flags.
func (migrateStatus) Help() string {
	return "Exit status: 0 if the schema is the one that this program needs, else 1."
}

func (migrateStatus) Run(s *session) error {
	schema, err := app.SchemaOf(s, s.config)
	if err != nil {
		return err
	}
	if err := s.print(schema, "the database has schema %d, this program needs schema %d\n", schema.Database, schema.Program); err != nil {
		return err
	}
	if schema.Database != schema.Program {
		return negativeAnswer{}
	}
	return nil
}
