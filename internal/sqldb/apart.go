package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sesuai/sesuai"
)

// BackupApart is Backup with the rows of some tables in another file, at apart: the
// one at path has the tables without a row. Both are of one moment. It returns the
// sizes of both. Nothing of the rows is ever in the folder of path.
func BackupApart(ctx context.Context, dir, path, apart string, tables []string) (size, sizeApart int64, err error) {
	source, err := sourceOf(dir)
	if err != nil {
		return 0, 0, err
	}
	sizeApart, err = newFile("backup", apart, func(whole string) error {
		if err := vacuumInto(ctx, source, whole); err != nil {
			return openingSQLite(ctx, dir, err)
		}
		rest := whole + ".rest"
		f, err := os.OpenFile(rest, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return openingSQLite(ctx, dir, err)
		}
		defer os.Remove(rest) //nolint:errcheck // a backup is there or not all the same
		if err := errors.Join(f.Close(), vacuumInto(ctx, whole, rest)); err != nil {
			return openingSQLite(ctx, dir, err)
		}
		err = keepRows(ctx, rest, func(table string) bool { return !slices.Contains(tables, table) })
		if err == nil {
			size, err = newFile("backup", path, func(temporary string) error { return vacuumInto(ctx, rest, temporary) })
		}
		if err == nil {
			err = keepRows(ctx, whole, func(table string) bool { return slices.Contains(tables, table) || table == pairTable })
		}
		own, isOwn := errors.AsType[*sesuai.Error](err)
		switch {
		case err == nil:
			return nil
		case isOwn:
			return own
		default:
			return openingSQLite(ctx, dir, err)
		}
	})
	if err != nil {
		return 0, 0, err
	}
	return size, sizeApart, nil
}

// pairTable is a table that both files have: they belong together if its rows are the
// same. It changes with every event of the audit trail.
const pairTable = "audit_head"

// keepRows deletes the rows of all tables of a file but those of which keep holds, and
// what they leave in it.
func keepRows(ctx context.Context, path string, keep func(table string) bool) (err error) {
	db, err := alone(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	names, err := Collect(ctx, db, scanText, `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name`)
	if err != nil {
		return err
	}
	for _, name := range names {
		if keep(name) {
			continue
		}
		// The file may be somebody else's, and so may the names in it.
		quoted := `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
		// #nosec G202 -- the name is quoted
		if _, err := db.ExecContext(ctx, `DELETE FROM `+quoted); err != nil {
			return err
		}
	}
	_, err = db.ExecContext(ctx, `VACUUM`)
	return err
}

func scanText(rows *sql.Rows) (text string, err error) { return text, rows.Scan(&text) }

// alone opens a file that nobody else uses, with one connection.
func alone(path string) (*sql.DB, error) {
	db, err := sqlitePool(path, url.Values{"mode": {"rw"}, "_journal_mode": {"MEMORY"}, "_foreign_keys": {"0"}, "_pragma": {"secure_delete(1)"}})
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	return db, nil
}

// Restore puts the copy at path into the folder dir as its database. If apart is not
// empty, it is the file that BackupApart wrote with it, whose rows of the tables are
// put back. Errors are those of Backup: there must be no database in the folder, and
// the two files must belong together.
func Restore(ctx context.Context, dir, path, apart string, tables []string) (size int64, err error) {
	unusableCopy := func(err error) error {
		return &sesuai.Error{Kind: sesuai.KindConfiguration, Detail: "the backup cannot be used", Err: err}
	}
	// SQLite would take the log of a former database for that of this one.
	for _, suffix := range []string{"-wal", "-shm", "-journal"} {
		path := filepath.Join(dir, FileName+suffix)
		if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
			return 0, &sesuai.Error{
				Kind: sesuai.KindConfiguration, Detail: path + " belongs to a former database: remove it, or move it away with that database",
			}
		}
	}
	return newFile("database", filepath.Join(dir, FileName), func(temporary string) error {
		if err := copyFile(path, temporary); err != nil {
			return unusableCopy(err)
		}
		if apart == "" {
			return nil
		}
		absolute, err := filepath.Abs(apart)
		if err != nil {
			return unusableCopy(err)
		}
		if _, err := os.Stat(absolute); err != nil { // SQLite would make it
			return unusableCopy(err)
		}
		if err := join(ctx, temporary, absolute, tables); err != nil {
			return unusableCopy(err)
		}
		return nil
	})
}

// join puts the rows of tables of the file at apart into the file at path.
func join(ctx context.Context, path, apart string, tables []string) (err error) {
	db, err := alone(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if _, err := db.ExecContext(ctx, `ATTACH $1 AS apart`, apart); err != nil {
		return err
	}
	var same bool
	err = db.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM apart.audit_head) = 1 AND NOT EXISTS (
		SELECT seq, hash FROM main.audit_head EXCEPT SELECT seq, hash FROM apart.audit_head)`).Scan(&same)
	if err == nil && !same {
		err = errors.New("its two files are not of one backup")
	}
	if err != nil {
		return err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // an error after a commit
	for _, table := range tables {
		if _, err := tx.ExecContext(ctx, fmt.Sprintf(`INSERT INTO main.%[1]s SELECT * FROM apart.%[1]s`, table)); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// copyFile writes what is in a file into another, which is there.
func copyFile(from, to string) (err error) {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := os.OpenFile(to, os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	_, err = io.Copy(target, source)
	return err
}
