package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sesuai/sesuai"
)

// CopyApart is Copy with the rows of some tables in another folder, apart: the copy in
// to has the tables without a row. Both are of one moment.
func CopyApart(ctx context.Context, dir, to, apart string, tables []string) error {
	if err := Copy(ctx, dir, apart); err != nil {
		return err
	}
	if err := Copy(ctx, apart, to); err != nil {
		return err
	}
	err := keepRows(ctx, filepath.Join(to, FileName), func(table string) bool { return !slices.Contains(tables, table) })
	if err == nil {
		err = keepRows(ctx, filepath.Join(apart, FileName), func(table string) bool { return slices.Contains(tables, table) || table == pairTable })
	}
	if err != nil {
		return openingSQLite(ctx, dir, err)
	}
	return nil
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

// Join puts the rows of the tables of the copy in the folder apart back into the one in
// dir, where CopyApart did not copy them. An error says why the two do not fit.
func Join(ctx context.Context, dir, apart string, tables []string) error {
	absolute, err := filepath.Abs(filepath.Join(apart, FileName))
	if err != nil {
		return err
	}
	return join(ctx, filepath.Join(dir, FileName), absolute, tables)
}

// CheckVacant returns an error of kind sesuai.KindConfiguration if the folder dir has a
// database, or files of a former one: SQLite would take the log of that for
// the log of this one.
func CheckVacant(dir string) error {
	const former = "belongs to a former database"
	for _, file := range [][2]string{{"", "is there already"}, {"-wal", former}, {"-shm", former}, {"-journal", former}} {
		path := filepath.Join(dir, FileName+file[0])
		if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
			return &sesuai.Error{
				Kind: sesuai.KindConfiguration, Detail: path + " " + file[1] + ": move the files of that database away",
			}
		}
	}
	return nil
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
