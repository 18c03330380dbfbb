package app_test

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/doctor"
	"github.com/sesuai/sesuai/internal/sqldb/pgtest"
	"github.com/sesuai/sesuai/test/process"
)

// found returns what a check found.
func found(t *testing.T, r app.Diagnosis, check string) doctor.Finding {
	t.Helper()
	for _, f := range r.Findings {
		if f.Check == check {
			return f
		}
	}
	t.Fatalf("there is no check %q", check)
	return doctor.Finding{}
}

func assertFound(t *testing.T, r app.Diagnosis, check string, state doctor.State, seen string) {
	t.Helper()
	if f := found(t, r, check); f.State != state || !regexp.MustCompile(seen).MatchString(f.Seen) || (f.Do == "") != (state == doctor.OK || state == doctor.Skipped) {
		t.Errorf("%+v, want %s %q", f, state, seen)
	}
}

// folder returns the files of a folder with their contents.
func folder(t *testing.T, path string) map[string]string {
	t.Helper()
	all := make(map[string]string)
	entries, err := os.ReadDir(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(path, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all[e.Name()] = string(b)
	}
	return all
}

// TestDiagnose: beside a service that runs nothing is wrong, and after it nothing has
// changed. The page names every check.
func TestDiagnose(t *testing.T) {
	process.Slow(t)
	process.Need(t, realModels, photosDir)
	s := start(t, config(t), ayu)
	s.awaitReadiness(t, http.StatusOK)
	r := app.Diagnose(t.Context(), s.config, nil)
	for _, check := range []string{"configuration", "database", "schema", "master key", "audit trail", "models", "certificate", "dukcapil", "open files"} {
		assertFound(t, r, check, doctor.OK, "")
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	before := folder(t, s.config.Data)
	r = app.Diagnose(t.Context(), s.config, nil)
	assertFound(t, r, "audit trail", doctor.OK, `^the head is signed, at event \d+; the last checkpoint is of event \d+, which is as it was$`)
	if diff := cmp.Diff(before, folder(t, s.config.Data)); diff != "" {
		t.Error("the data folder has changed")
	}
	page, err := os.ReadFile("../../docs/operate/doctor.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range r.Findings {
		if !strings.Contains(string(page), "\n| "+f.Check+" |") {
			t.Errorf("docs/operate/doctor.md has no row for the check %q", f.Check)
		}
	}
}

// TestDiagnosePostgres: the tests' server loses what is acknowledged, and a database
// without tables stays one.
func TestDiagnosePostgres(t *testing.T) {
	c := config(t)
	c.Models = t.TempDir() // not loaded: other tests have it
	c.Registry = pgtest.Database(t)
	assertFound(t, app.Diagnose(t.Context(), c, nil), "database", doctor.Warning, "no registry in the PostgreSQL database")
	if exists, err := app.StorageExists(t.Context(), c); exists || err != nil {
		t.Errorf("StorageExists = %v, %v after it", exists, err)
	}
	if _, err := app.MigrateStorage(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	assertFound(t, app.Diagnose(t.Context(), c, nil), "master key", doctor.Failed, "master.key is not there")
	c.Postgres.Migrate = true
	s, err := app.OpenStorage(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	closeStorage(t, s)
	r := app.Diagnose(t.Context(), c, nil)
	assertFound(t, r, "database", doctor.Failed, `^PostgreSQL \d+.* answers in .*, but synchronous_commit is off, fsync is off$`)
	assertFound(t, r, "schema", doctor.OK, "")
	assertFound(t, r, "master key", doctor.OK, "opens the database")
	assertFound(t, r, "models", doctor.Failed, "ONNX Runtime cannot be loaded")

	c.Registry = pgtest.WithSetting(c.Registry, "default_transaction_read_only", "on")
	assertFound(t, app.Diagnose(t.Context(), c, nil), "database", doctor.Failed, "it is a standby, or read-only$")
	c.Registry = "postgres://127.0.0.1:1/x"
	assertFound(t, app.Diagnose(t.Context(), c, nil), "database", doctor.Failed, "PostgreSQL at 127.0.0.1:1 does not answer")
}
