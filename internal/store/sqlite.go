package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/sesuai/sesuai"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// FileName is the database's name in a data folder. SQLite keeps two more
// files beside it while it is open, of the same name with -wal and -shm.
const FileName = "sesuai.db"

// What an import of a million people needs to stay quick: keyed hashes come in
// no order, so each batch touches pages all over the indexes.
const (
	// writeCache is how many bytes of pages the writing connection keeps.
	writeCache = 64 << 20
	// writeAhead is after how many bytes SQLite puts its log back into the
	// file: the more, the more changes of one page are written there once.
	writeAhead = 64 << 20
)

// readCache is how many bytes of pages each reading connection keeps: the upper
// pages of the indexes, which every question touches. It is emptied by every
// commit, and to keep more costs more than it spares: with 2 MB a claim on a
// million people takes as long or longer, with 8 MB its 99th percentile is half
// as much again, perhaps since this SQLite (SQLITE_ENABLE_MEMORY_MANAGEMENT)
// keeps the pages of all connections in one list. docs/scale.md has the figures.
const readCache = 512 << 10

// busyTimeout is how long SQLite waits for another process to finish writing.
const busyTimeout = 5 * time.Second

// sqliteEngine is a database in one file.
type sqliteEngine struct {
	dir         string
	path        string
	read, write *sql.DB
}

func (e *sqliteEngine) name() string { return "the database in " + e.dir }

func (e *sqliteEngine) open(ctx context.Context) (read, write *sql.DB, err error) {
	if err := os.MkdirAll(e.dir, 0o700); err != nil {
		return nil, nil, unusable(e.dir, "cannot be made", err)
	}
	// Only one process at a time sets the database up.
	unlock, err := lockFolder(ctx, e.dir)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	if e.path, err = createSQLiteFile(e.dir); err != nil {
		return nil, nil, err
	}
	if e.write, err = sqliteDB(e.path, sqliteWriting()); err != nil {
		return nil, nil, err
	}
	// One connection that stays: transactions wait for it in Go, where a
	// context can end the wait, and not for SQLite's lock.
	e.write.SetMaxOpenConns(1)
	if err := migrateSQLite(ctx, e.write, e.dir); err != nil {
		return nil, nil, err
	}
	if e.read, err = sqliteDB(e.path, sqliteReading()); err != nil {
		return nil, nil, err
	}
	readers := max(4, 2*runtime.GOMAXPROCS(0))
	e.read.SetMaxOpenConns(readers)
	e.read.SetMaxIdleConns(readers)
	return e.read, e.write, nil
}

func (e *sqliteEngine) close() error {
	var errs []error
	// The writer last: SQLite then puts its log back into the file.
	for _, db := range []*sql.DB{e.read, e.write} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
}

// prepareSchema does nothing: open did, while it kept other processes out.
func (*sqliteEngine) prepareSchema(context.Context) error { return nil }

// migrate does nothing, as prepareSchema.
func (*sqliteEngine) migrate(context.Context) error { return nil }

func (e *sqliteEngine) schema(ctx context.Context) (Schema, error) {
	m, err := newMigrations(goose.DialectSQLite3, e.write, "migrations/sqlite")
	if err != nil {
		return Schema{}, err
	}
	current, err := m.provider.GetDBVersion(ctx)
	if err != nil {
		return Schema{}, openingSQLite(ctx, e.dir, err)
	}
	return Schema{Database: current, Program: m.target}, nil
}

// lockKeys does nothing: transactions that write follow each other.
func (*sqliteEngine) lockKeys(context.Context, *transaction, bool) error { return nil }

// lockPerson does nothing, as lockKeys.
func (*sqliteEngine) lockPerson(context.Context, *transaction, int64) error { return nil }

func (*sqliteEngine) onRecord(ctx context.Context, tx *transaction, niks [][]byte) (map[int]bool, error) {
	stmt, err := tx.PrepareContext(ctx, `SELECT count(*) FROM people WHERE nik = $1`)
	if err != nil {
		return nil, err
	}
	defer stmt.Close() //nolint:errcheck // the transaction's end closes it, too
	found := make(map[int]bool)
	for i, nik := range niks {
		var n int
		if err := stmt.QueryRowContext(ctx, nik).Scan(&n); err != nil {
			return nil, err
		}
		if n > 0 {
			found[i] = true
		}
	}
	return found, nil
}

// insert adds people table by table, each in the order of its index: then a
// page of it is found in memory more often.
func (*sqliteEngine) insert(ctx context.Context, tx *transaction, people []sealedPerson, at int64) error {
	always := func(*sealedPerson) bool { return true }
	hasTemplate := func(p *sealedPerson) bool { return p.template != nil }
	tables := []struct {
		statement string
		key       func(p *sealedPerson) []byte
		has       func(p *sealedPerson) bool
		args      func(p *sealedPerson, id int64) []any
	}{
		{insertPerson, func(p *sealedPerson) []byte { return p.keys.nik[:] }, always, func(p *sealedPerson, id int64) []any {
			return []any{p.keys.nik[:], id, p.attributes, at, at}
		}},
		{insertPersonKey, func(p *sealedPerson) []byte { return p.keys.personKey[:] }, always, func(p *sealedPerson, id int64) []any {
			return []any{p.keys.personKey[:], id, p.personKey}
		}},
		{insertTemplate, func(p *sealedPerson) []byte { return p.keys.link[:] }, hasTemplate, func(p *sealedPerson, id int64) []any {
			return []any{p.keys.link[:], id, p.model, p.template}
		}},
	}
	order := make([]*sealedPerson, len(people))
	for i := range people {
		order[i] = &people[i]
	}
	for _, table := range tables {
		slices.SortFunc(order, func(a, b *sealedPerson) int { return bytes.Compare(table.key(a), table.key(b)) })
		stmt, err := tx.PrepareContext(ctx, table.statement)
		if err != nil {
			return err
		}
		for _, p := range order {
			if !table.has(p) {
				continue
			}
			if _, err = stmt.ExecContext(ctx, table.args(p, int64(p.keys.master.ID()))...); err != nil {
				break
			}
		}
		if err := errors.Join(err, stmt.Close()); err != nil {
			return err
		}
	}
	return nil
}

var sqliteJoining = strings.NewReplacer("$1", "(SELECT $1)", "$2", "(SELECT $2)", "$3", "(SELECT $3)")

// joining hides the arguments. This SQLite is built to choose its plan by what
// an argument is (SQLITE_ENABLE_STAT4), and so plans a query with an outer join
// anew whenever the argument that a row is found by is another one, which took a
// fifth of the time of such a query. At what a subquery gives it does not look.
func (*sqliteEngine) joining(query string) string { return sqliteJoining.Replace(query) }

// passOver is nothing: there is no other such transaction.
func (*sqliteEngine) passOver() string { return "" }

// confirm does nothing: what can be read is on the disk.
func (*sqliteEngine) confirm(context.Context, *transaction) error { return nil }

// retryable is never so: transactions that write follow each other.
func (*sqliteEngine) retryable(error) bool { return false }

// createSQLiteFile makes the file, so that SQLite finds one that only its
// owner can read; the files that SQLite makes beside it take after it.
func createSQLiteFile(dir string) (path string, err error) {
	if path, err = filepath.Abs(filepath.Join(dir, FileName)); err != nil {
		return "", unusable(dir, "cannot be found", err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return path, nil
	}
	if err != nil {
		return "", unusable(dir, "cannot be written to", err)
	}
	if err := errors.Join(f.Close(), syncFolder(dir)); err != nil {
		return "", unusable(dir, "cannot be written to", err)
	}
	return path, nil
}

func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// lockFolder takes the folder's advisory lock, which the kernel gives back
// when a process dies.
func lockFolder(ctx context.Context, dir string) (unlock func() error, err error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, unusable(dir, "cannot be read", err)
	}
	for {
		err := syscall.Flock(int(d.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return d.Close, nil // which unlocks
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			return nil, errors.Join(unusable(dir, "cannot be locked", err), d.Close())
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			return nil, errors.Join(unavailable(ctx, "waiting for another process to open the database", err), d.Close())
		}
	}
}

// sqliteCommon are the settings of every connection. page_size and
// journal_mode are the file's and are heeded when it is empty: page_size
// first, which is why it is a _pragma (the driver applies those before
// _journal_mode). 8 KiB hold three sealed templates; 4 KiB would hold one and
// waste the rest.
func sqliteCommon() url.Values {
	return url.Values{
		"mode":          {"rw"}, // never make a file: see createSQLiteFile
		"_busy_timeout": {fmt.Sprint(busyTimeout.Milliseconds())},
		"_journal_mode": {"WAL"},
		"_foreign_keys": {"1"},
		"_dqs":          {"0"},
		"_defensive":    {"1"},
		"_pragma": {
			"page_size(8192)", "temp_store(memory)", "trusted_schema(0)", "cell_size_check(1)",
		},
	}
}

// sqliteWriting: a commit is on the disk before it returns (FULL), a
// transaction that writes says so from its start, and what is deleted is
// overwritten.
func sqliteWriting() url.Values {
	v := sqliteCommon()
	v.Set("_synchronous", "FULL")
	v.Set("_txlock", "immediate")
	v.Add("_pragma", "secure_delete(1)")
	v.Add("_pragma", fmt.Sprintf("cache_size(-%d)", writeCache>>10))
	v.Add("_pragma", fmt.Sprintf("wal_autocheckpoint(%d)", writeAhead/8192))
	return v
}

func sqliteReading() url.Values {
	v := sqliteCommon()
	v.Set("_query_only", "1")
	v.Add("_pragma", fmt.Sprintf("cache_size(-%d)", readCache>>10))
	return v
}

func sqliteDB(path string, settings url.Values) (*sql.DB, error) {
	dsn := "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + settings.Encode()
	connector, err := sqlite.NewConnector(dsn)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	return sql.OpenDB(connector), nil
}

// migrateSQLite brings the schema up to date. The folder is locked.
func migrateSQLite(ctx context.Context, db *sql.DB, dir string) error {
	m, err := newMigrations(goose.DialectSQLite3, db, "migrations/sqlite")
	if err != nil {
		return err
	}
	current, err := m.provider.GetDBVersion(ctx)
	if err != nil {
		return openingSQLite(ctx, dir, err)
	}
	if err := m.check("the database in "+dir, current); err != nil {
		return err
	}
	if _, err := m.provider.Up(ctx); err != nil {
		return openingSQLite(ctx, dir, err)
	}
	return nil
}

// openingSQLite tells what the operator has to mend from what may pass.
func openingSQLite(ctx context.Context, dir string, err error) error {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		switch e.Code() & 0xff { // without what extends the code
		case sqlite3.SQLITE_NOTADB:
			return unusable(dir, "holds a "+FileName+" that is not a database", err)
		case sqlite3.SQLITE_CORRUPT:
			return unusable(dir, "holds a "+FileName+" that is damaged; restore it from a backup", err)
		case sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_AUTH:
			return unusable(dir, "holds a "+FileName+" that cannot be written to", err)
		}
	}
	return unavailable(ctx, "opening the database", err)
}

func unusable(dir, why string, err error) error {
	return &sesuai.Error{
		Kind:   sesuai.KindConfiguration,
		Detail: fmt.Sprintf("data folder %s %s", dir, why),
		Err:    err,
	}
}

// forget overwrites what has been deleted in SQLite's log, too, by putting the
// log back into the file. That it cannot be done now, because somebody is
// reading, is no failure: the log is put back again and again.
func (e *sqliteEngine) forget(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_, _ = e.write.ExecContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`)
}
