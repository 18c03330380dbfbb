package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
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

// busyTimeout is how long SQLite waits for another process to finish writing.
const busyTimeout = 5 * time.Second

//go:embed migrations/sqlite/*.sql
var sqliteMigrations embed.FS

func existsSQLite(dir string) (bool, error) {
	_, err := os.Stat(filepath.Join(dir, FileName))
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	default:
		return false, unusable(dir, "cannot be read", err)
	}
}

// openSQLite opens the database for reading and for writing, and brings its
// schema up to date.
func openSQLite(ctx context.Context, dir string) (read, write *sql.DB, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, nil, unusable(dir, "cannot be made", err)
	}
	// Only one process at a time sets the database up.
	unlock, err := lockFolder(ctx, dir)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	path, err := createSQLiteFile(dir)
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		if err != nil && write != nil {
			err = errors.Join(err, write.Close())
			read, write = nil, nil
		}
	}()
	if write, err = sqliteDB(path, sqliteWriting()); err != nil {
		return nil, write, err
	}
	// One connection that stays: transactions wait for it in Go, where a
	// context can end the wait, and not for SQLite's lock.
	write.SetMaxOpenConns(1)
	if err := migrateSQLite(ctx, write, dir); err != nil {
		return nil, write, err
	}
	if read, err = sqliteDB(path, sqliteReading()); err != nil {
		return nil, write, err
	}
	readers := max(4, 2*runtime.GOMAXPROCS(0))
	read.SetMaxOpenConns(readers)
	read.SetMaxIdleConns(readers)
	return read, write, nil
}

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
	return v
}

func sqliteReading() url.Values {
	v := sqliteCommon()
	v.Set("_query_only", "1")
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
	migrations, err := fs.Sub(sqliteMigrations, "migrations/sqlite")
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, migrations,
		goose.WithTableName("schema_versions"), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	current, target, err := provider.GetVersions(ctx)
	if err != nil {
		return openingSQLite(ctx, dir, err)
	}
	if current > target {
		return &sesuai.Error{
			Kind: sesuai.KindConfiguration,
			Detail: fmt.Sprintf("the database in %s is of a newer version of sesuai (schema %d); this one knows schema %d",
				dir, current, target),
		}
	}
	if _, err := provider.Up(ctx); err != nil {
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
func (s *Store) forget(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_, _ = s.write.ExecContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`)
}
