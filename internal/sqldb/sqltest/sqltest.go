// Package sqltest runs tests on every engine that sqldb has: on a new SQLite
// database, and on a new one of a real PostgreSQL server. It is for tests only,
// and leaves what the tables mean to the packages that own them.
//
// The TestMain of a package that uses it runs pgtest.Main.
package sqltest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/sesuai/sesuai/internal/sqldb"
	"github.com/sesuai/sesuai/internal/sqldb/pgtest"
)

// Engines makes databases with the tables of some owners, on each engine.
type Engines struct {
	migrations []fs.FS
	// template returns the file of an SQLite database with the tables, of which
	// all others are copies: to make the tables takes longer than many tests.
	template func() ([]byte, error)
}

// New returns the engines for databases with the tables of these migrations.
func New(migrations ...fs.FS) *Engines {
	return &Engines{migrations, sync.OnceValues(func() (file []byte, err error) {
		dir, err := os.MkdirTemp("", "sesuai-sqltest-")
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
		db, err := sqldb.Open(context.Background(), sqldb.Options{Dir: dir, Migrations: migrations})
		if err != nil {
			return nil, err
		}
		if err := db.Close(); err != nil {
			return nil, err
		}
		return os.ReadFile(filepath.Join(dir, sqldb.FileName))
	})}
}

// Migrations returns the migrations of the databases, for a test that opens one in
// another process.
func (e *Engines) Migrations() []fs.FS { return e.migrations }

// Each runs f as a parallel subtest for each engine, with a database of its own.
func (e *Engines) Each(t *testing.T, f func(t *testing.T, d Database)) {
	t.Helper()
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		f(t, e.SQLite(t))
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		f(t, e.PostgreSQL(t))
	})
}

// Database is a database that can be opened, several times too.
type Database struct {
	// Options are those to open it with.
	Options sqldb.Options
	// Dir is a folder for files that belong to the database, such as its master
	// keys. It is the data folder of an SQLite database.
	Dir    string
	Engine sqldb.Engine
}

// SQLite is a new SQLite database.
func (e *Engines) SQLite(t testing.TB) Database {
	t.Helper()
	dir := t.TempDir()
	file, err := e.template()
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, sqldb.FileName), file, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return Database{sqldb.Options{Dir: dir, Migrations: e.migrations}, dir, sqldb.SQLite}
}

// New is another new database on the given engine.
func (e *Engines) New(t testing.TB, engine sqldb.Engine) Database {
	t.Helper()
	if engine == sqldb.PostgreSQL {
		return e.PostgreSQL(t)
	}
	return e.SQLite(t)
}

// PostgreSQL is a new database on the shared server. It is a copy of one with
// the tables.
func (e *Engines) PostgreSQL(t testing.TB) Database {
	t.Helper()
	options := func(url string) sqldb.Options {
		return sqldb.Options{URL: url, Migrate: true, Migrations: e.migrations}
	}
	url := pgtest.Shared(t).Copy(t, fmt.Sprintf("tables of %p", e), func(ctx context.Context, url string) error {
		_, err := sqldb.Migrate(ctx, options(url))
		return err
	})
	return Database{options(url), t.TempDir(), sqldb.PostgreSQL}
}

// Open opens the database until the test ends.
func (d Database) Open(t testing.TB) *sqldb.DB {
	t.Helper()
	db, err := sqldb.Open(t.Context(), d.Options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// Exec runs a statement, on either engine, behind the back of the package that
// owns the table. In it x'…' is a literal of bytes.
func (d Database) Exec(t testing.TB, query string, args ...any) {
	t.Helper()
	d.briefly(t, query, func(db *sqldb.DB, query string) error {
		return db.InTx(t.Context(), func(tx *sqldb.Tx) error {
			_, err := tx.ExecContext(t.Context(), query, args...)
			return err
		})
	})
}

// QueryRow scans the one row of a query into dest.
func (d Database) QueryRow(t testing.TB, query string, dest ...any) {
	t.Helper()
	d.briefly(t, query, func(db *sqldb.DB, query string) error {
		return db.Read().QueryRowContext(t.Context(), query).Scan(dest...)
	})
}

// briefly opens the database for one statement, in the words of the engine.
func (d Database) briefly(t testing.TB, query string, run func(db *sqldb.DB, query string) error) {
	t.Helper()
	db, err := sqldb.Open(t.Context(), d.Options)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(run(db, d.Dialect(query)), db.Close()); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

// Dialect returns a statement written for SQLite in the words of the engine.
func (d Database) Dialect(query string) string {
	if d.Engine == sqldb.SQLite {
		return query
	}
	return toPostgres.Replace(query)
}

var toPostgres = strings.NewReplacer(
	"x''", `'\x'::bytea`, "x'00'", `'\x00'::bytea`, "x'01'", `'\x01'::bytea`, "x'02'", `'\x02'::bytea`,
	"x'0000000000000000'", `'\x0000000000000000'::bytea`,
	"AS BLOB", "AS bytea",
	"zeroblob(32)", "decode(repeat('00', 32), 'hex')", "zeroblob(3)", `'\x000000'::bytea`,
	"group_concat(request_id)", "string_agg(request_id, ',')",
)
