package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/sesuai/sesuai"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// FileName is the name of the database in a data folder. While it is open SQLite
// keeps two more files beside it, with -wal and -shm appended to the name.
const FileName = "sesuai.db"

// These keep an import of a million people fast. Keyed hashes arrive in random
// order, so each batch touches pages all over the indexes.
const (
	// writeCache is the size of the writing connection's page cache, in bytes.
	writeCache = 64 << 20
	// writeAhead is the size of the write-ahead log, in bytes, from which
	// SQLite checkpoints it. A page that changes several times before that is
	// written to the file once.
	writeAhead = 64 << 20
)

// readCache is the size of each reading connection's page cache, in bytes. It
// holds the upper pages of the indexes. Every commit empties it. A larger cache
// is slower: with 8 MB the 99th percentile of a question about one of a million
// people is half as much again. docs/reference/scale.md has the figures.
const readCache = 512 << 10

const (
	// busyTimeout is how long SQLite waits for another process's transaction. A
	// command's transaction takes a fraction of that. Whoever keeps the lock for
	// longer does so for minutes. A request waits for the lock once, to record
	// its event, and is still answered in time.
	busyTimeout = 5 * time.Second
	// busyRetryAfter is when a request makes sense again that was not answered
	// because of such a transaction.
	busyRetryAfter = time.Second
)

// openSQLite opens the database of a data folder. Only one process at a time
// sets a database up.
func openSQLite(ctx context.Context, o Options) (_ *DB, err error) {
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, unusable(o.Dir, "cannot be made", err)
	}
	unlock, err := lockFolder(ctx, o.Dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	path, err := createSQLiteFile(o.Dir)
	if err != nil {
		return nil, err
	}
	write, err := sqlitePool(path, sqliteWriting())
	if err != nil {
		return nil, err
	}
	// There is one writing connection. Transactions wait for it in Go, where a
	// context can end the wait, and not for SQLite's lock.
	write.SetMaxOpenConns(1)
	if err := migrateSQLite(ctx, write, o); err != nil {
		return nil, errors.Join(err, write.Close())
	}
	read, err := sqlitePool(path, sqliteReading())
	if err != nil {
		return nil, errors.Join(err, write.Close())
	}
	background, err := sqlitePool(path, sqliteBackground())
	if err != nil {
		return nil, errors.Join(err, write.Close(), read.Close())
	}
	background.SetMaxOpenConns(1)
	readers := max(4, 2*runtime.GOMAXPROCS(0))
	read.SetMaxOpenConns(readers)
	read.SetMaxIdleConns(readers)
	return &DB{engine: sqliteEngine, name: sqliteName(o), read: read, write: write, background: background}, nil
}

func sqliteName(o Options) string { return "the database in " + o.Dir }

// migrateSQLite migrates the schema. The folder is locked.
func migrateSQLite(ctx context.Context, db *sql.DB, o Options) error {
	m, err := newMigrations(SQLite, db, o.Migrations)
	if err != nil {
		return err
	}
	current, err := m.provider.GetDBVersion(ctx)
	if err != nil {
		return openingSQLite(ctx, o.Dir, err)
	}
	if err := m.check(sqliteName(o), current); err != nil {
		return err
	}
	if _, err := m.provider.Up(ctx); err != nil {
		return openingSQLite(ctx, o.Dir, err)
	}
	return nil
}

func sqliteSchema(ctx context.Context, db *DB, o Options) (Schema, error) {
	m, err := newMigrations(SQLite, db.write, o.Migrations)
	if err != nil {
		return Schema{}, err
	}
	current, err := m.provider.GetDBVersion(ctx)
	if err != nil {
		return Schema{}, openingSQLite(ctx, o.Dir, err)
	}
	return Schema{Database: current, Program: m.target}, nil
}

// createSQLiteFile creates the file if it does not exist, with mode 0600. The
// files that SQLite creates beside it get the same mode.
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

// lockFolder takes the folder's advisory lock. The kernel releases it when the
// process dies.
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
			return nil, errors.Join(Unavailable(ctx, "waiting for another process to open the database", err), d.Close())
		}
	}
}

// sqliteCommon are the settings of every connection. page_size and journal_mode
// belong to the file and take effect while it is empty. page_size must come
// first; it is a _pragma because the driver applies those before _journal_mode.
// A page of 8 KiB holds three sealed templates; one of 4 KiB would hold one and
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

// sqliteWriting are the settings of the writing connection. A commit is durable
// when it returns (FULL), a transaction takes the write lock when it starts, and
// deleted content is overwritten.
func sqliteWriting() url.Values {
	v := sqliteBackground()
	v.Add("_pragma", fmt.Sprintf("cache_size(-%d)", writeCache>>10))
	v.Add("_pragma", fmt.Sprintf("wal_autocheckpoint(%d)", writeAhead/8192))
	return v
}

// sqliteBackground are the settings of the connection for work that nobody waits for.
func sqliteBackground() url.Values {
	v := sqliteCommon()
	v.Set("_synchronous", "FULL")
	v.Set("_txlock", "immediate")
	v.Add("_pragma", "secure_delete(1)")
	return v
}

func sqliteReading() url.Values {
	v := sqliteCommon()
	v.Set("_query_only", "1")
	v.Add("_pragma", fmt.Sprintf("cache_size(-%d)", readCache>>10))
	return v
}

// sqliteUnchanged is sqliteReading for a file that may not be a database yet: setting
// the journal mode would make it one.
func sqliteUnchanged() url.Values {
	v := sqliteReading()
	v.Del("_journal_mode")
	return v
}

func sqlitePool(path string, settings url.Values) (*sql.DB, error) {
	dsn := "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + settings.Encode()
	connector, err := sqlite.NewConnector(dsn)
	if err != nil {
		return nil, fmt.Errorf("opening the database: %w", err)
	}
	return sql.OpenDB(connector), nil
}

// openingSQLite tells errors that the operator has to fix from those that may
// pass.
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
	return Unavailable(ctx, "opening the database", err)
}

// busySQLite reports whether a statement failed because another process kept the
// lock for longer than busyTimeout.
func busySQLite(err error) bool {
	e, ok := errors.AsType[*sqlite.Error](err)
	return ok && e.Code()&0xff == sqlite3.SQLITE_BUSY
}

func unusable(dir, why string, err error) error {
	return &sesuai.Error{
		Kind:   sesuai.KindConfiguration,
		Detail: fmt.Sprintf("data folder %s %s", dir, why),
		Err:    err,
	}
}
