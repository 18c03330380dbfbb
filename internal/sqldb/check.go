package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
)

// Check reports why Open would fail, without making or changing a database. An
// SQLite database that does not exist is no error. Errors are those of Open.
func Check(ctx context.Context, o Options) error {
	if o.URL != "" {
		return checkPostgres(ctx, o)
	}
	path := filepath.Join(o.Dir, FileName)
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return checkSQLite(ctx, path, o)
}

func checkPostgres(ctx context.Context, o Options) error {
	db, err := connectPostgres(ctx, o)
	if err != nil {
		return err
	}
	m, s, err := schemaOf(ctx, db, o)
	if err == nil {
		err = m.ready(db.name, s, o.Migrate)
	}
	return errors.Join(err, db.Close())
}

func checkSQLite(ctx context.Context, path string, o Options) error {
	db, err := sqlitePool(path, sqliteReading())
	if err != nil {
		return err
	}
	err = checkSQLiteSchema(ctx, db, o)
	return errors.Join(err, db.Close())
}

// checkSQLiteSchema reads goose's table itself: goose would create it.
func checkSQLiteSchema(ctx context.Context, db *sql.DB, o Options) error {
	m, err := newMigrations(SQLite, db, o.Migrations)
	if err != nil {
		return err
	}
	var tables, current int64
	err = db.QueryRowContext(ctx, `SELECT count(*) FROM sqlite_master WHERE name = '`+versionTable+`'`).Scan(&tables)
	if err == nil && tables > 0 {
		err = db.QueryRowContext(ctx, `SELECT coalesce(max(version_id), 0) FROM `+versionTable+` WHERE is_applied`).Scan(&current)
	}
	if err != nil {
		return openingSQLite(ctx, o.Dir, err)
	}
	return m.check(sqliteName(o), current)
}
