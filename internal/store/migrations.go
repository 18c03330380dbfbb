package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"

	"github.com/sesuai/sesuai"
)

//go:embed migrations
var migrationFiles embed.FS

// oldestSchema is the first schema that can be brought up to date. Those before
// it, of versions that were never released, did not hold the NIKs, without
// which nothing can be moved to another master key.
const oldestSchema = 3

// migrations are what an engine's schema is made by.
type migrations struct {
	provider *goose.Provider
	target   int64
}

// newMigrations are those in a folder of migrationFiles.
func newMigrations(dialect goose.Dialect, db *sql.DB, folder string, options ...goose.ProviderOption) (*migrations, error) {
	files, err := fs.Sub(migrationFiles, folder)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	provider, err := goose.NewProvider(dialect, db, files, append(options,
		goose.WithTableName("schema_versions"), goose.WithDisableGlobalRegistry(true))...)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	sources := provider.ListSources()
	return &migrations{provider, sources[len(sources)-1].Version}, nil
}

// check refuses a schema that cannot be brought up to date.
func (m *migrations) check(name string, current int64) error {
	switch {
	case current > m.target:
		return &sesuai.Error{
			Kind:   sesuai.KindConfiguration,
			Detail: fmt.Sprintf("%s is of a newer version of sesuai (schema %d); this one knows schema %d", name, current, m.target),
		}
	case current > 0 && current < oldestSchema:
		return &sesuai.Error{
			Kind: sesuai.KindConfiguration,
			Detail: fmt.Sprintf("%s is of a version of sesuai from before its first release (schema %d), which cannot be taken over; "+
				"enrol into a new one", name, current),
		}
	default:
		return nil
	}
}

// Schema is which form of the tables a database has, and which one this program
// needs.
type Schema struct {
	// Database is 0 if there is none.
	Database int64 `json:"database"`
	Program  int64 `json:"program"`
}

// Migrate brings the schema of a database up to date. Errors are those of Open.
// Of o only Dir and URL are used.
func Migrate(ctx context.Context, o Options) (Schema, error) {
	return withEngine(ctx, o, func(e engine) error { return e.migrate(ctx) })
}

// SchemaOf is the schema of a database. That of an SQLite database is brought
// up to date by opening it. Errors are those of Open. Of o only Dir and URL are
// used.
func SchemaOf(ctx context.Context, o Options) (Schema, error) {
	return withEngine(ctx, o, func(engine) error { return nil })
}

func withEngine(ctx context.Context, o Options, f func(engine) error) (s Schema, err error) {
	e, err := newEngine(o)
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, e.close()) }()
	if _, _, err := e.open(ctx); err != nil {
		return s, err
	}
	if err := f(e); err != nil {
		return s, err
	}
	return e.schema(ctx)
}
