package app_test

import (
	"testing"

	"github.com/sesuai/sesuai/internal/app"
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
		{"sandbox", TestSandbox},
		{"refused sandbox", TestSandboxRefuses},
		{"webhooks", TestWebhooks},
		{"batch webhook", TestBatchWebhook},
	} {
		t.Run(test.name, test.run)
	}
}

// TestOpenExistingStorage: a command that only reads makes nothing where there is
// no registry, also if the service may make it.
func TestOpenExistingStorage(t *testing.T) {
	for _, engine := range []struct {
		name string
		url  func(t *testing.T) string
	}{
		{"SQLite", func(*testing.T) string { return "" }},
		{"PostgreSQL", func(t *testing.T) string { return pgtest.Database(t) }},
	} {
		t.Run(engine.name, func(t *testing.T) {
			c := config(t)
			c.Registry, c.Postgres.Migrate = engine.url(t), true
			s, err := app.OpenExistingStorage(t.Context(), c)
			if err == nil {
				s.Close()
			}
			assertConfiguration(t, err, "no registry ")
			if exists, err := app.StorageExists(t.Context(), c); exists || err != nil {
				t.Errorf("StorageExists = %v, %v after it", exists, err)
			}
		})
	}
}
