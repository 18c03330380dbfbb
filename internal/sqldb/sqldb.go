// Package sqldb opens SQL databases and runs transactions on them: an SQLite
// file or a PostgreSQL server, through the same statements. It also migrates
// schemas and commits groups of small writes together. It leaves what is stored,
// and what the rows mean, to the packages that own the tables.
//
// Statements use $1…$n on both engines. Times are Unix microseconds in a 64-bit
// integer column.
package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"github.com/sesuai/sesuai"
)

// Options say which database to open. Dir or URL is required.
type Options struct {
	// Dir is the data folder of an SQLite database. Open creates it with mode
	// 0700. It is not used if URL is set.
	Dir string
	// URL is the address of a PostgreSQL database in libpq's form
	// (postgres://user@host:port,host:port/name?…). It must not hold a password:
	// the passfile parameter names the file with it.
	URL string
	// Connections is the maximum number of connections to a PostgreSQL
	// database; DefaultConnections if 0.
	Connections int
	// Migrate lets Open migrate the schema of a PostgreSQL database. Open
	// always migrates that of an SQLite database.
	Migrate bool
	// Restoring opens a PostgreSQL database that StartRestore has marked, too.
	Restoring bool
	// Migrations are the parts of the schema, one for each package that owns
	// tables. Each has the folders migrations/sqlite and migrations/postgres with
	// files of plain SQL, named by version: 00003_people.sql. A version of the
	// schema is made of all parts with its number, in one transaction.
	Migrations []fs.FS `json:"-"`
}

// DB is an open database. It is safe for concurrent use. Several processes may
// have the same database open.
type DB struct {
	engine      engine
	name        string
	read, write *sql.DB
	background  *sql.DB // write, unless that has one connection

	mu       sync.Mutex
	prepared []*sql.Stmt
	hot      sync.Map // statement text → *sql.Stmt on write
}

// Open opens the database. It creates an SQLite database that does not exist,
// and migrates the schema or reports that it has to be migrated. The caller must
// close the result.
//
// Errors have kind sesuai.KindConfiguration if the operator has to act: the
// folder or file cannot be used, the server refuses the user, the schema is too
// new or too old. All others have kind sesuai.KindUnavailable.
func Open(ctx context.Context, o Options) (*DB, error) {
	if o.URL != "" {
		return openPostgres(ctx, o)
	}
	return openSQLite(ctx, o)
}

// Close closes the database. Nothing may use it afterwards.
func (db *DB) Close() error {
	var errs []error
	for _, stmt := range db.prepared {
		errs = append(errs, stmt.Close())
	}
	// The writer of an SQLite database is last: it then checkpoints the
	// write-ahead log.
	errs = append(errs, db.read.Close())
	if db.background != db.write {
		errs = append(errs, db.background.Close())
	}
	if db.write != db.read {
		errs = append(errs, db.write.Close())
	}
	if err := errors.Join(errs...); err != nil {
		return &sesuai.Error{Kind: sesuai.KindUnavailable, Err: fmt.Errorf("closing the database: %w", err)}
	}
	return nil
}

// Name describes the database in messages, without anything secret.
func (db *DB) Name() string { return db.name }

// Engine reports which engine the database runs on.
func (db *DB) Engine() Engine { return db.engine.kind }

// Read returns the pool for statements that only read. It sees what has been
// committed.
func (db *DB) Read() *sql.DB { return db.read }

// Background returns a pool for a library that runs transactions which nobody waits
// for. On SQLite it has a connection of its own: on that of InTx, requests would wait
// behind it for the lock of another process.
func (db *DB) Background() *sql.DB { return db.background }

// PrepareRead prepares a statement on the reading pool. Close closes it.
func (db *DB) PrepareRead(ctx context.Context, query string) (*sql.Stmt, error) {
	return db.prepare(ctx, db.read, query)
}

// PrepareHot prepares statements of transactions that requests wait for. From
// then on a Tx that is given the same text runs the prepared statement: planning
// it again takes as long as running it.
func (db *DB) PrepareHot(ctx context.Context, queries ...string) error {
	for _, query := range queries {
		stmt, err := db.prepare(ctx, db.write, query)
		if err != nil {
			return err
		}
		db.hot.Store(query, stmt)
	}
	return nil
}

func (db *DB) prepare(ctx context.Context, pool *sql.DB, query string) (*sql.Stmt, error) {
	stmt, err := pool.PrepareContext(ctx, query)
	if err != nil {
		return nil, Unavailable(ctx, "preparing statements", err)
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	db.prepared = append(db.prepared, stmt)
	return stmt, nil
}

// Unavailable returns err as an error of kind sesuai.KindUnavailable. An error
// of that kind, or of kind sesuai.KindConfiguration, stays as it is. If ctx has
// ended, its error is in the chain: drivers report that in words of their own.
// If another process kept the database locked, the error has a RetryAfter.
func Unavailable(ctx context.Context, doing string, err error) error {
	switch own, _ := errors.AsType[*sesuai.Error](err); sesuai.KindOf(err) {
	case sesuai.KindConfiguration, sesuai.KindUnavailable:
		return own
	}
	ended := ctx.Err()
	if deadline, ok := ctx.Deadline(); ended == nil && ok && !time.Now().Before(deadline) {
		ended = context.DeadlineExceeded // a connection has noticed it first
	}
	if ended != nil && !errors.Is(err, ended) {
		err = fmt.Errorf("%w: %w", ended, err)
	}
	e := &sesuai.Error{Kind: sesuai.KindUnavailable, Err: fmt.Errorf("%s: %w", doing, err)}
	if busySQLite(err) {
		e.RetryAfter = busyRetryAfter
	}
	return e
}
