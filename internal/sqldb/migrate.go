package sqldb

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/pressly/goose/v3"

	"github.com/sesuai/sesuai"
)

// oldestSchema is the oldest schema that can be migrated. Earlier ones, which
// were never released, did not hold the NIKs, which a rotation of the master key
// needs.
const oldestSchema = 3

// versionTable records which versions of the schema a database has.
const versionTable = "schema_versions"

// migrations are the versions of the schema of one engine.
type migrations struct {
	provider *goose.Provider
	target   int64
}

// newMigrations reads the owners' parts of the schema: see Options.Migrations.
func newMigrations(e Engine, db *sql.DB, owners []fs.FS, options ...goose.ProviderOption) (*migrations, error) {
	folder, dialect := "sqlite", goose.DialectSQLite3
	if e == PostgreSQL {
		folder, dialect = "postgres", goose.DialectPostgres
	}
	parts := make(map[int64][]string)
	for _, owner := range owners {
		files, err := fs.Glob(owner, path.Join("migrations", folder, "*.sql"))
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			number, _, _ := strings.Cut(path.Base(file), "_")
			version, err := strconv.ParseInt(number, 10, 64)
			if err != nil {
				return nil, fmt.Errorf("the migration %s does not begin with a version", file)
			}
			text, err := fs.ReadFile(owner, file)
			if err != nil {
				return nil, err
			}
			parts[version] = append(parts[version], string(text))
		}
	}
	var versions []*goose.Migration
	for version, texts := range parts {
		versions = append(versions, goose.NewGoMigration(version, &goose.GoFunc{RunTx: func(ctx context.Context, tx *sql.Tx) error {
			for _, text := range texts {
				if _, err := tx.ExecContext(ctx, text); err != nil {
					return err
				}
			}
			return nil
		}}, nil))
	}
	if len(versions) == 0 {
		return nil, errors.New("there are no migrations")
	}
	target := slices.MaxFunc(versions, func(a, b *goose.Migration) int { return cmp.Compare(a.Version, b.Version) }).Version
	provider, err := goose.NewProvider(dialect, db, nil, append(options,
		goose.WithGoMigrations(versions...), goose.WithTableName(versionTable), goose.WithDisableGlobalRegistry(true))...)
	if err != nil {
		return nil, err
	}
	return &migrations{provider, target}, nil
}

// check refuses a schema that cannot be migrated.
func (m *migrations) check(name string, current int64) error {
	switch {
	case current > m.target:
		return &sesuai.Error{
			Kind:   sesuai.KindConfiguration,
			Detail: fmt.Sprintf("%s was made by a newer version of sesuai (schema %d); this version needs schema %d", name, current, m.target),
		}
	case current > 0 && current < oldestSchema:
		return &sesuai.Error{
			Kind: sesuai.KindConfiguration,
			Detail: fmt.Sprintf("%s was made by a version of sesuai from before its first release (schema %d) and cannot be migrated; "+
				"enrol into a new one", name, current),
		}
	default:
		return nil
	}
}

// ready refuses a schema that cannot be migrated, or that has to be and may not.
func (m *migrations) ready(name string, s Schema, migrate bool) error {
	if err := m.check(name, s.Database); err != nil || s.Database == s.Program || migrate {
		return err
	}
	return &sesuai.Error{
		Kind:   sesuai.KindConfiguration,
		Detail: fmt.Sprintf("%s has schema %d; this program needs schema %d: run sesuai migrate up", name, s.Database, s.Program),
	}
}

// Schema is the version of the tables that a database has, and the one that
// this program needs.
type Schema struct {
	// Database is 0 if there are no tables.
	Database int64 `json:"database"`
	Program  int64 `json:"program"`
}

// Migrate migrates the schema of a database. Errors are those of Open.
func Migrate(ctx context.Context, o Options) (Schema, error) {
	o.Migrate = true
	db, err := Open(ctx, o)
	if err != nil {
		return Schema{}, err
	}
	if err := db.Close(); err != nil {
		return Schema{}, err
	}
	return SchemaOf(ctx, o)
}

// SchemaOf returns the schema of a database. That of an SQLite database is
// migrated by opening it. Errors are those of Open.
func SchemaOf(ctx context.Context, o Options) (Schema, error) {
	if o.URL != "" {
		return postgresSchema(ctx, o)
	}
	db, err := openSQLite(ctx, o)
	if err != nil {
		return Schema{}, err
	}
	s, err := sqliteSchema(ctx, db, o)
	return s, errors.Join(err, db.Close())
}
