// Package backup_test backs the built program up while it verifies and enrols people,
// restores it elsewhere, and holds it to the checkpoint of the backup and to the verdicts
// of before. It kills backups and restores, and upgrades what the version before has
// stored, and goes back. make backup-load runs it.
package backup_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/registry"
	"github.com/sesuai/sesuai/internal/sqldb/pgtest"
	"github.com/sesuai/sesuai/internal/synthetic"
	"github.com/sesuai/sesuai/test/process"
)

const (
	root      = "../.."
	photosDir = root + "/build/demo/photos"
	// patience is how long these tests wait for an event.
	patience = 2 * time.Minute
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(pgtest.Main{M: m}) }

// people is how many people the verdicts are about: BACKUP_PEOPLE.
func people(t *testing.T) int {
	t.Helper()
	text := os.Getenv("BACKUP_PEOPLE")
	if text == "" {
		t.Skip("this test takes minutes: it needs BACKUP_PEOPLE, which make backup-load sets")
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 10 {
		t.Fatalf("BACKUP_PEOPLE is %q: a number of at least 10 is needed", text)
	}
	return n
}

// country are the people who are on record.
var country = synthetic.New(23)

// portraits are the references of the people, used in turn, each with another photograph
// of the same face.
var portraits = [...]struct{ reference, probe string }{
	{"ayu-reference.jpg", "ayu-selfie.jpg"}, {"rani-reference.jpg", "rani-selfie.jpg"},
}

// place is where an installation is: a data folder and, on PostgreSQL, a database.
type place struct {
	config app.Config
	sesuai process.Runner
}

// newPlace returns an empty place. It has a master key of its own if key is empty.
func newPlace(t *testing.T, url, key string) place {
	t.Helper()
	c := app.DefaultConfig()
	c.Data, c.Registry, c.MasterKey = filepath.Join(t.TempDir(), "data"), url, key
	c.Models = filepath.Join(root, "models")
	c.Postgres.Migrate, c.Postgres.Bin = true, pgtest.Binaries
	env := append(process.Exact(), "SESUAI_LOG_LEVEL=error", "SESUAI_REGISTRY="+url, "SESUAI_POSTGRES_MIGRATE=true", "SESUAI_POSTGRES_BIN="+pgtest.Binaries)
	if key != "" {
		env = append(env, "SESUAI_MASTER_KEY="+key)
	}
	return place{c, process.Runner{Program: process.Program(t, root, "build/demo/photos/ayu-selfie.jpg"), Args: []string{"--data", c.Data}, Env: env}}
}

// elsewhere returns an empty place on the same engine, with the master key of this one.
func (p place) elsewhere(t *testing.T) place {
	t.Helper()
	return newPlace(t, emptyDatabase(t, p.config.Registry != ""), p.config.MasterKeyPath(1))
}

// emptyDatabase is the URL of a new database; "" is SQLite. A crowded machine may take long
// to connect.
func emptyDatabase(t *testing.T, postgres bool) string {
	t.Helper()
	if !postgres {
		return ""
	}
	return pgtest.Database(t) + "&connect_timeout=60"
}

// each runs a test on both engines.
func each(t *testing.T, f func(t *testing.T, p place)) {
	t.Run("SQLite", func(t *testing.T) { f(t, newPlace(t, "", "")) })
	t.Run("PostgreSQL", func(t *testing.T) { f(t, newPlace(t, emptyDatabase(t, true), "")) })
}

// open opens the database in this process, as another one beside the service.
func (p place) open(t *testing.T) *app.Storage {
	t.Helper()
	s, err := app.OpenStorage(t.Context(), p.config)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func closeStorage(t *testing.T, s *app.Storage) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// references are the extracted references of portraits.
func references(t *testing.T, c app.Config) (all []*registry.Portrait) {
	t.Helper()
	engine, err := app.OpenEngine(c, app.OnePhotograph, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	for _, p := range portraits {
		photo := photograph(t, p.reference)
		x, err := engine.Extract(t.Context(), photo, face.ForReference)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, &registry.Portrait{Template: x.Template, Source: sha256.Sum256(photo), Signature: x.Signature})
	}
	return all
}

// enrol enrols the n-th person of the country.
func enrol(ctx context.Context, s *app.Storage, n int, references []*registry.Portrait) error {
	_, err := s.People.Enrol(ctx, country.Person(n), references[n%len(references)])
	return err
}

func photograph(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(photosDir, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// milliseconds is a time for the log.
func milliseconds(d time.Duration) string { return fmt.Sprintf("%d ms", d.Milliseconds()) }
