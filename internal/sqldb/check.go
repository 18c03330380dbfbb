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
	db, err := sqlitePool(path, sqliteUnchanged())
	if err != nil {
		return err
	}
	err = checkSQLiteSchema(ctx, db, o)
	return errors.Join(err, db.Close())
}

// checkSQLiteSchema reads goose's table itself: goose would create it.
func checkSQLiteSchema(ctx context.Context, db *sql.DB, o Options) error {
	m, s, err := readSQLiteSchema(ctx, db, o)
	if err != nil {
		return err
	}
	return m.check(sqliteName(o), s.Database)
}

func readSQLiteSchema(ctx context.Context, db *sql.DB, o Options) (*migrations, Schema, error) {
	m, err := newMigrations(SQLite, db, o.Migrations)
	if err != nil {
		return nil, Schema{}, err
	}
	s := Schema{Program: m.target}
	var tables int64
	err = db.QueryRowContext(ctx, `SELECT count(*) FROM sqlite_master WHERE name = '`+versionTable+`'`).Scan(&tables)
	if err == nil && tables > 0 {
		err = db.QueryRowContext(ctx, `SELECT coalesce(max(version_id), 0) FROM `+versionTable+` WHERE is_applied`).Scan(&s.Database)
	}
	if err != nil {
		return nil, Schema{}, openingSQLite(ctx, o.Dir, err)
	}
	return m, s, nil
}

// OpenUnmigrated opens a database as it is, without making or migrating it, and
// returns its schema. Statements are to read only: with SQLite others fail. The
// caller must close the result. Errors are those of Open.
func OpenUnmigrated(ctx context.Context, o Options) (*DB, Schema, error) {
	var db *DB
	var s Schema
	var err error
	if o.URL != "" {
		if db, err = connectPostgres(ctx, o); err != nil {
			return nil, Schema{}, err
		}
		_, s, err = schemaOf(ctx, db, o)
	} else {
		pool, err := sqlitePool(filepath.Join(o.Dir, FileName), sqliteUnchanged())
		if err != nil {
			return nil, Schema{}, err
		}
		db = &DB{engine: sqliteEngine, name: sqliteName(o), read: pool, write: pool, background: pool}
		if _, s, err = readSQLiteSchema(ctx, pool, o); err != nil {
			return nil, Schema{}, errors.Join(err, db.Close())
		}
	}
	if err != nil {
		return nil, Schema{}, errors.Join(err, db.Close())
	}
	return db, s, nil
}
