package app_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"filippo.io/age"

	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/backup"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/registry"
	"github.com/sesuai/sesuai/internal/sqldb/pgtest"
	"github.com/sesuai/sesuai/internal/synthetic"
	"github.com/sesuai/sesuai/test/process"
)

// country are the people of the tests of backups.
var country = sync.OnceValue(func() *synthetic.Country { return synthetic.New(11) })

const syntheticModel = "synthetic"

// enrolCitizen enrols the n-th person of the country with a portrait.
func enrolCitizen(ctx context.Context, s *app.Storage, n int) error {
	portrait := &registry.Portrait{Template: country().Reference(n, syntheticModel), Source: sha256.Sum256(fmt.Append(nil, n))}
	_, err := s.People.Enrol(ctx, country().Person(n), portrait)
	return err
}

// askAboutCitizens asks about so many people of the country: about some with the name or
// the face of the next one.
func askAboutCitizens(t *testing.T, s *app.Storage, people int) (all []registry.Answer) {
	t.Helper()
	for n := range people {
		p := country().Person(n)
		q := registry.Question{Probe: &face.Probe{Template: country().Probe(n+n%2, syntheticModel)}}
		q.Claim.NIK, q.Claim.DateOfBirth, q.Claim.Name = p.NIK, p.DateOfBirth, country().Person(n+n%3%2).Name
		a, err := s.People.Ask(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, a)
	}
	return all
}

// backupEngine is an engine for the tests of backups.
type backupEngine struct {
	name string
	// config is a configuration of an empty database.
	config func(t *testing.T) app.Config
}

func backupEngines() []backupEngine {
	return []backupEngine{
		{"SQLite", config},
		{"PostgreSQL", func(t *testing.T) app.Config {
			t.Helper()
			c := config(t)
			c.Registry = pgtest.WithSetting(pgtest.Database(t), "sesuai.partitions", "2")
			c.Postgres.Migrate, c.Postgres.Connections, c.Postgres.Bin = true, 4, pgtest.Binaries
			return c
		}},
	}
}

// elsewhere is a configuration of an empty database with the master key of another one.
func (e backupEngine) elsewhere(t *testing.T, c app.Config) app.Config {
	t.Helper()
	to := e.config(t)
	to.MasterKey = c.MasterKeyPath(1)
	return to
}

// filled is a database with people and a client.
func (e backupEngine) filled(t *testing.T, people int) (app.Config, *app.Storage) {
	t.Helper()
	c := e.config(t)
	s := openConfig(t, c)
	t.Cleanup(func() { closeStorage(t, s) })
	addClient(t, s, "bank", access.Client{})
	for n := range people {
		if err := enrolCitizen(t.Context(), s, n); err != nil {
			t.Fatal(err)
		}
	}
	return c, s
}

// TestBackup backs a database up while people are enrolled, whole and in two files, sealed.
// Restored elsewhere its audit trail, people and clients are those of the checkpoint in
// the manifest, and answers about people are as they were.
func TestBackup(t *testing.T) {
	const before = 12
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	for _, engine := range backupEngines() {
		t.Run(engine.name, func(t *testing.T) {
			c, s := engine.filled(t, before)
			want := askAboutCitizens(t, s, before)
			first, err := s.Trail.Verify(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			// The enrolments go on until the backups are made, and at least one precedes.
			ctx, stop := context.WithCancel(t.Context())
			var group sync.WaitGroup
			going := make(chan struct{})
			group.Go(func() {
				for n := before; ctx.Err() == nil; n++ {
					if err := enrolCitizen(t.Context(), s, n); err != nil {
						t.Error(err)
						return
					}
					if n == before {
						close(going)
					}
				}
			})
			<-going
			dir := t.TempDir()
			path := func(name string) string { return filepath.Join(dir, name) }
			for _, o := range []app.BackupOptions{
				{Path: path("whole"), Seal: backup.Seal{identity.Recipient()}},
				{Path: path("rest"), Apart: path("apart"), Seal: backup.Seal{identity.Recipient()}},
			} {
				if _, err := app.Backup(t.Context(), c, o); err != nil {
					t.Error(err)
				}
			}
			stop()
			group.Wait()
			if made, err := s.Trail.Events(t.Context(), audit.Filter{Reason: string(audit.BackedUp)}); err != nil || len(made) != 2 {
				t.Errorf("the trail has %d backups, %v", len(made), err)
			}
			for _, o := range []app.RestoreOptions{{Path: path("whole")}, {Path: path("rest"), Apart: path("apart")}} {
				o.Identities = backup.Identities{identity}
				to := engine.elsewhere(t, c)
				done, err := app.Restore(t.Context(), to, o)
				if err != nil {
					t.Fatal(err)
				}
				if done.Events <= first.Seq || !done.PeopleChecked || done.People <= before || done.Broken != "" || len(done.Checkpoints) != 0 {
					t.Errorf("restored: %+v", done)
				}
				opened, err := backup.Open(o.Path, o.Identities, filepath.Join(t.TempDir(), "opened"))
				if err != nil {
					t.Fatal(err)
				}
				r := openConfig(t, to)
				checkpoint, err := audit.OpenCheckpoint([]byte(opened.Checkpoint), r.AuditKey())
				if err != nil {
					t.Fatal(err)
				}
				if head, err := r.Trail.Verify(t.Context()); err != nil || head != checkpoint.Head || head.Seq != done.Events {
					t.Errorf("the trail ends with %+v, %v; its checkpoint is of %+v", head, err, checkpoint.Head)
				}
				if report, err := r.VerifyTrail(t.Context(), to, app.TrailCheck{}); err != nil || !report.Whole {
					t.Errorf("VerifyTrail = %+v, %v", report, err)
				}
				if got := askAboutCitizens(t, r, before); !reflect.DeepEqual(got, want) {
					t.Errorf("%s: the answers are %+v, and were %+v", o.Path, got, want)
				}
				closeStorage(t, r)
			}
		})
	}
}

// TestRestoreOverAFormerTrail: checkpoints of later events, which a restore loses, are
// moved away and reported. Those that the restored trail has stay.
func TestRestoreOverAFormerTrail(t *testing.T) {
	process.Slow(t)
	engine := backupEngines()[0]
	c, s := engine.filled(t, 1)
	checkpoint := func() []byte {
		t.Helper()
		report, err := s.VerifyTrail(t.Context(), c, app.TrailCheck{})
		if err != nil || !report.Whole {
			t.Fatal(report, err)
		}
		return []byte(report.Checkpoint)
	}
	own := checkpoint()
	path := filepath.Join(t.TempDir(), "backup")
	if _, err := app.Backup(t.Context(), c, app.BackupOptions{Path: path}); err != nil {
		t.Fatal(err)
	}
	if err := enrolCitizen(t.Context(), s, 1); err != nil {
		t.Fatal(err)
	}
	later := checkpoint()
	for _, test := range []struct {
		name, file string
		content    []byte
		lost, kept bool
	}{
		{"own", "audit-checkpoints.txt", own, false, true},
		{"later", "audit-checkpoints.txt", slices.Concat(own, []byte("\n"), later), true, false},
		{"later, of an earlier version", "audit-checkpoint.json", later, true, false},
		{"unreadable", "audit-checkpoints.txt", []byte("x"), false, false},
	} {
		to := engine.elsewhere(t, c)
		file := filepath.Join(to.Data, test.file)
		if err := errors.Join(os.MkdirAll(to.Data, 0o700), os.WriteFile(file, test.content, 0o600)); err != nil {
			t.Fatal(err)
		}
		done, err := app.Restore(t.Context(), to, app.RestoreOptions{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		_, statErr := os.Stat(file)
		if kept := statErr == nil; kept != test.kept || (done.Lost > done.Events) != test.lost || (len(done.Checkpoints) == 0) != test.kept {
			t.Errorf("%s: %+v, the file is kept: %v", test.name, done, kept)
		}
		for _, moved := range done.Checkpoints {
			if b, err := os.ReadFile(moved); err != nil || string(b) != string(test.content) {
				t.Errorf("%s: moved: %q, %v", test.name, b, err)
			}
		}
		r := openConfig(t, to)
		if report, err := r.VerifyTrail(t.Context(), to, app.TrailCheck{}); err != nil || !report.Whole {
			t.Errorf("%s: VerifyTrail = %+v, %v", test.name, report, err)
		}
		closeStorage(t, r)
	}
}

// TestBackupOfABrokenTrail: a trail that was changed is backed up, and restored if that is
// accepted. A file that was changed is not.
func TestBackupOfABrokenTrail(t *testing.T) {
	process.Slow(t)
	for _, engine := range backupEngines() {
		statements := map[string]string{"an event": `UPDATE audit_events SET actor = 'somebody' WHERE seq = 1`}
		if engine.name == "SQLite" { // it differs in nothing that this is about
			statements["the head"] = `UPDATE audit_head SET seq = seq + 1`
		}
		for name, statement := range statements {
			t.Run(engine.name+"/"+name, func(t *testing.T) {
				c, _ := engine.filled(t, 1)
				execSQL(t, database(t, c), statement)
				path := filepath.Join(t.TempDir(), "backup")
				made, err := app.Backup(t.Context(), c, app.BackupOptions{Path: path})
				if err != nil || (made.Broken != "") != (name == "the head") {
					t.Fatalf("Backup = %+v, %v", made, err)
				}
				to := engine.elsewhere(t, c)
				_, err = app.Restore(t.Context(), to, app.RestoreOptions{Path: path})
				if err == nil || !strings.Contains(err.Error(), "--accept-broken") {
					t.Errorf("Restore = %v", err)
				}
				if exists, err := app.StorageExists(t.Context(), to); exists || err != nil {
					t.Errorf("a refused restore leaves a database: %v, %v", exists, err)
				}
				done, err := app.Restore(t.Context(), to, app.RestoreOptions{Path: path, AcceptBroken: true})
				if err != nil || done.Broken == "" || done.People != 1 {
					t.Errorf("Restore = %+v, %v", done, err)
				}
			})
		}
	}
}

// TestRestoreIntoPostgres: only an empty database is restored to, and anything else stays
// as it is. One whose restore was interrupted cannot be used, and is restored by another
// one.
func TestRestoreIntoPostgres(t *testing.T) {
	process.Slow(t)
	engine := backupEngines()[1]
	c, _ := engine.filled(t, 1)
	path := filepath.Join(t.TempDir(), "backup")
	if _, err := app.Backup(t.Context(), c, app.BackupOptions{Path: path}); err != nil {
		t.Fatal(err)
	}
	for _, object := range []string{
		`CREATE TABLE theirs (n int)`, `CREATE VIEW theirs AS SELECT 1`, `CREATE FUNCTION theirs() RETURNS int LANGUAGE sql AS 'SELECT 1'`,
		`CREATE SCHEMA their; CREATE TABLE their.own (n int)`, `CREATE TYPE theirs AS ENUM ('a')`, `CREATE SEQUENCE theirs`,
	} {
		to := engine.elsewhere(t, c)
		db := database(t, to)
		execSQL(t, db, object)
		_, err := app.Restore(t.Context(), to, app.RestoreOptions{Path: path})
		assertConfiguration(t, err, "is not empty")
		var tables, marks int
		if err := db.QueryRowContext(t.Context(), `SELECT (SELECT count(*) FROM pg_class WHERE relname LIKE 'their%' OR relname = 'own')
			+ (SELECT count(*) FROM pg_proc WHERE proname = 'theirs') + (SELECT count(*) FROM pg_type WHERE typname = 'theirs' AND typtype = 'e'),
			(SELECT count(*) FROM pg_class WHERE relname = 'restore_in_progress')`).Scan(&tables, &marks); err != nil || tables == 0 || marks != 0 {
			t.Errorf("%s: %d of it remain, %d marks, %v", object, tables, marks, err)
		}
	}
	// A database in use is not empty either.
	if _, err := app.Restore(t.Context(), c, app.RestoreOptions{Path: path}); err == nil {
		t.Error("a database in use was restored to")
	}
	if exists, err := app.StorageExists(t.Context(), c); !exists || err != nil {
		t.Errorf("StorageExists = %v, %v", exists, err)
	}

	to := engine.elsewhere(t, c)
	if _, err := app.Restore(t.Context(), to, app.RestoreOptions{Path: path}); err != nil {
		t.Fatal(err)
	}
	// As pg_restore leaves it when the restore is killed after it.
	execSQL(t, database(t, to), `CREATE TABLE restore_in_progress ()`)
	_, err := app.OpenStorage(t.Context(), to)
	assertConfiguration(t, err, "is being restored")
	done, err := app.Restore(t.Context(), to, app.RestoreOptions{Path: path})
	if err != nil || done.People != 1 {
		t.Fatalf("Restore = %+v, %v", done, err)
	}
	closeStorage(t, openConfig(t, to))

	missing := engine.elsewhere(t, c)
	missing.Postgres.Bin = t.TempDir()
	_, err = app.Restore(t.Context(), missing, app.RestoreOptions{Path: path})
	assertConfiguration(t, err, "pg_restore is not there")
	if exists, err := app.StorageExists(t.Context(), missing); exists || err != nil {
		t.Errorf("StorageExists = %v, %v", exists, err)
	}
}

// TestBackupOnAFullDisk: neither the disk of the backup nor that of the data folder need
// have room. Then there is no backup, and nothing remains of it.
func TestBackupOnAFullDisk(t *testing.T) {
	engine := backupEngines()[0]
	c, _ := engine.filled(t, 1)
	full := pgtest.Mount(t, t.TempDir(), "size=64k,mode=0700")
	_, err := app.Backup(t.Context(), c, app.BackupOptions{Path: filepath.Join(full.Dir, "backup")})
	assertConfiguration(t, err, "cannot be made")
	if files, err := os.ReadDir(full.Dir); err != nil || len(files) != 0 {
		t.Errorf("on the disk remain %v, %v", files, err)
	}

	path := filepath.Join(t.TempDir(), "backup")
	if _, err := app.Backup(t.Context(), c, app.BackupOptions{Path: path}); err != nil {
		t.Fatal(err)
	}
	to := engine.elsewhere(t, c)
	to.Data = full.Dir
	_, err = app.Restore(t.Context(), to, app.RestoreOptions{Path: path})
	assertConfiguration(t, err, "MiB free")
	if files, err := os.ReadDir(full.Dir); err != nil || len(files) != 0 {
		t.Errorf("in the data folder remain %v, %v", files, err)
	}
}
