package app_test

import (
	"testing"

	"github.com/sesuai/sesuai/internal/sqldb/pgtest"
	"github.com/sesuai/sesuai/test/process"
)

// onPostgres is whether services get a database in PostgreSQL. Tests of this
// package do not run in parallel.
var onPostgres bool

// TestOnPostgres runs the tests of the whole service once more with a registry
// in PostgreSQL.
func TestOnPostgres(t *testing.T) {
	process.Slow(t)
	pgtest.Shared(t)
	onPostgres = true
	defer func() { onPostgres = false }()
	for _, test := range []struct {
		name string
		run  func(t *testing.T)
	}{
		{"verification", TestVerification},
		{"replays", TestReplays},
		{"clients", TestClientsOfAnotherProcess},
		{"readiness", TestReadiness},
		{"locked", TestNotReadyWhileLocked},
		{"shutdown", TestShutdown},
		{"another model", TestTemplateOfAnotherModel},
		{"administration", TestAdministrationIsRecorded},
		{"broken trail", TestBrokenTrail},
		{"copied clients", TestCopyClients},
	} {
		t.Run(test.name, test.run)
	}
}
