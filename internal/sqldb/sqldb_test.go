package sqldb_test

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/sqldb"
	"github.com/sesuai/sesuai/internal/sqldb/pgtest"
	"github.com/sesuai/sesuai/internal/sqldb/sqltest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(pgtest.Main{M: m}) }

//go:embed testdata
var testdata embed.FS

// owners are two owners of tables: the second has a part in the first one's
// version, too.
func owners(t testing.TB) []fs.FS {
	t.Helper()
	var all []fs.FS
	for _, name := range []string{"testdata/first", "testdata/second"} {
		part, err := fs.Sub(testdata, name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, part)
	}
	return all
}

var engines = sqltest.New(func() (all []fs.FS) {
	for _, name := range []string{"testdata/first", "testdata/second"} {
		part, _ := fs.Sub(testdata, name)
		all = append(all, part)
	}
	return all
}()...)

func assertConfiguration(t *testing.T, err error, want string) {
	t.Helper()
	if sesuai.KindOf(err) != sesuai.KindConfiguration || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want one of kind %s that contains %q", err, sesuai.KindConfiguration, want)
	}
}

func put(t testing.TB, db *sqldb.DB, id int) error {
	t.Helper()
	return db.InTx(t.Context(), func(tx *sqldb.Tx) error {
		_, err := tx.ExecContext(t.Context(), `INSERT INTO items (id, text) VALUES ($1, $2)`, id, "text")
		return err
	})
}

func count(t testing.TB, q sqldb.Querier) (n int) {
	t.Helper()
	if err := q.QueryRowContext(t.Context(), `SELECT count(*) FROM items`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestOpenAgain(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		for n := range 3 {
			db, err := sqldb.Open(t.Context(), d.Options)
			if err != nil {
				t.Fatal(err)
			}
			if err := put(t, db, n); err != nil {
				t.Error(err)
			}
			if got := count(t, db.Read()); got != n+1 {
				t.Errorf("%d rows, want %d", got, n+1)
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// TestAVersionIsMadeOfItsOwnersParts: each owner's part of each version ran
// once.
func TestAVersionIsMadeOfItsOwnersParts(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		db := d.Open(t)
		for _, table := range []string{"items", "others"} {
			var n int
			if err := db.Read().QueryRowContext(t.Context(), `SELECT count(added) FROM `+table).Scan(&n); err != nil {
				t.Error(err)
			}
		}
		s, err := sqldb.SchemaOf(t.Context(), d.Options)
		if want := (sqldb.Schema{Database: 4, Program: 4}); err != nil || s != want {
			t.Errorf("SchemaOf = %v, %v, want %v", s, err, want)
		}
	})
}

func TestOpenRefusesANewerSchema(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		d.Exec(t, `INSERT INTO schema_versions (version_id, is_applied) VALUES (9999, true)`)
		_, err := sqldb.Open(t.Context(), d.Options)
		assertConfiguration(t, err, "newer version")
	})
}

func TestOpenRefusesASchemaFromBeforeTheFirstRelease(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		d.Exec(t, `UPDATE schema_versions SET version_id = 2 WHERE version_id > 0`)
		_, err := sqldb.Open(t.Context(), d.Options)
		assertConfiguration(t, err, "cannot be migrated")
	})
}

// TestOpenAsksForAMigration: the schema of a PostgreSQL database changes only
// where that is allowed.
func TestOpenAsksForAMigration(t *testing.T) {
	o := sqldb.Options{URL: pgtest.Shared(t).Database(t), Migrations: owners(t)}
	_, err := sqldb.Open(t.Context(), o)
	assertConfiguration(t, err, "run sesuai migrate up")
	s, err := sqldb.Migrate(t.Context(), o)
	if want := (sqldb.Schema{Database: 4, Program: 4}); err != nil || s != want {
		t.Errorf("Migrate = %v, %v, want %v", s, err, want)
	}
	db, err := sqldb.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
}

func TestOpenGivesUpWithItsContext(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := sqldb.Open(ctx, d.Options); !errors.Is(err, context.Canceled) {
			t.Errorf("Open = %v", err)
		}
	})
}

func TestOpenMakesAPrivateFolder(t *testing.T) {
	// A name that means something to URLs.
	dir := filepath.Join(t.TempDir(), "a ?mode=memory&#%41;b", "data")
	d := sqltest.Database{Options: sqldb.Options{Dir: dir, Migrations: owners(t)}}
	if err := put(t, d.Open(t), 1); err != nil {
		t.Fatal(err)
	}
	assertMode(t, dir, 0o700)
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != 3 { // the database, -wal, -shm
		t.Errorf("%d files in the folder, want 3: %v", len(files), files)
	}
	for _, f := range files {
		assertMode(t, filepath.Join(dir, f.Name()), 0o600)
	}
}

func assertMode(t *testing.T, path string, want os.FileMode) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != want {
		t.Errorf("%s has mode %04o, want %04o", filepath.Base(path), got, want)
	}
}

func TestSQLiteSettings(t *testing.T) {
	d := engines.SQLite(t)
	db := d.Open(t)
	// page_size belongs to the file and must have come before the first table.
	for pragma, want := range map[string][2]int{
		"page_size":     {8192, 8192},
		"synchronous":   {2, 2}, // FULL
		"foreign_keys":  {1, 1},
		"query_only":    {0, 1},
		"secure_delete": {1, 0},
		"busy_timeout":  {5000, 5000},
	} {
		var writing, reading int
		err := db.InTx(t.Context(), func(tx *sqldb.Tx) error {
			return tx.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&writing)
		})
		err = errors.Join(err, db.Read().QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&reading))
		if err != nil || writing != want[0] || reading != want[1] {
			t.Errorf("%s is %d for writing and %d for reading, want %v; %v", pragma, writing, reading, want, err)
		}
	}
}

func TestOpenRefusesWhatIsNoDatabase(t *testing.T) {
	d := engines.SQLite(t)
	path := filepath.Join(d.Dir, sqldb.FileName)
	if err := os.WriteFile(path, []byte(strings.Repeat("not a database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := sqldb.Open(t.Context(), d.Options)
	assertConfiguration(t, err, "not a database")
}

func TestOpenRefusesAFolderThatIsAFile(t *testing.T) {
	d := engines.SQLite(t)
	d.Options.Dir = filepath.Join(d.Dir, "file")
	if err := os.WriteFile(d.Options.Dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := sqldb.Open(t.Context(), d.Options)
	assertConfiguration(t, err, "cannot be made")
}

// TestInTxChangesNothingIfItFails, whatever was written before.
func TestInTxChangesNothingIfItFails(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		db := d.Open(t)
		want := errors.New("no")
		err := db.InTx(t.Context(), func(tx *sqldb.Tx) error {
			if _, err := tx.ExecContext(t.Context(), `INSERT INTO items (id, text) VALUES (1, 'text')`); err != nil {
				return err
			}
			if got := count(t, tx); got != 1 {
				t.Errorf("the transaction sees %d rows, want 1", got)
			}
			return want
		})
		if !errors.Is(err, want) {
			t.Errorf("InTx = %v", err)
		}
		if got := count(t, db.Read()); got != 0 {
			t.Errorf("%d rows, want none", got)
		}
	})
}

// TestALockedDatabase: another process that holds a lock is an error in time.
func TestALockedDatabase(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		db, other := d.Open(t), d.Open(t)
		const key = 7
		err := other.InTx(t.Context(), func(tx *sqldb.Tx) error {
			if err := tx.Lock(t.Context(), key); err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			err := db.InTx(ctx, func(tx *sqldb.Tx) error { return tx.Lock(ctx, key) })
			if err = sqldb.Unavailable(ctx, "waiting", err); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("InTx = %v", err)
			}
			_ = count(t, db.Read()) // reading goes on
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}

func TestInsertRows(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		db := d.Open(t)
		insert := func(from, to int) error {
			var rows [][]any
			for i := to - 1; i >= from; i-- {
				rows = append(rows, []any{[]byte{byte(i)}, i})
			}
			return db.InTx(t.Context(), func(tx *sqldb.Tx) error {
				return tx.InsertRows(t.Context(), "others", []string{"id", "added"}, rows)
			})
		}
		// A few, and enough for COPY.
		for _, r := range [][2]int{{0, 0}, {0, 2}, {2, 50}} {
			if err := insert(r[0], r[1]); err != nil {
				t.Fatal(err)
			}
		}
		got, err := sqldb.Collect(t.Context(), db.Read(), func(r *sql.Rows) (n int, err error) {
			return n, r.Scan(&n)
		}, `SELECT added FROM others ORDER BY id`)
		if err != nil || len(got) != 50 || got[49] != 49 {
			t.Errorf("Collect = %v, %v", got, err)
		}
		if err := insert(49, 60); err == nil {
			t.Error("a row that is there was inserted")
		} else if d.Engine == sqldb.PostgreSQL && !db.Retryable(err) {
			t.Errorf("%v is not retryable", err)
		}
		var n int
		if err := db.Read().QueryRowContext(t.Context(), `SELECT count(*) FROM others`).Scan(&n); err != nil || n != 50 {
			t.Errorf("%d rows, want 50; %v", n, err)
		}
	})
}
