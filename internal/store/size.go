package store

import (
	"context"
	"errors"
	"io/fs"
	"os"
)

// Size is how much of the disk a part of the database takes.
type Size struct {
	// Name is that of a table, or of a file.
	Name string
	// Bytes is with a table's indexes.
	Bytes int64
}

// Sizes are those of the database's parts: of an SQLite database its files, of
// a PostgreSQL database the tables about people.
func (s *Store) Sizes(ctx context.Context) ([]Size, error) {
	sizes, err := s.db.sizes(ctx)
	if err != nil {
		return nil, unavailable(ctx, "measuring the database", err)
	}
	return sizes, nil
}

func (e *sqliteEngine) sizes(context.Context) ([]Size, error) {
	var sizes []Size
	for _, suffix := range []string{"", "-wal"} {
		info, err := os.Stat(e.path + suffix)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		sizes = append(sizes, Size{FileName + suffix, info.Size()})
	}
	return sizes, nil
}

// tablesOfPeople are those that have a row for each person.
var tablesOfPeople = []string{"people", "person_keys", "templates"}

func (e *postgresEngine) sizes(ctx context.Context) ([]Size, error) {
	var sizes []Size
	for _, table := range tablesOfPeople {
		size := Size{Name: table}
		err := e.db.QueryRowContext(ctx,
			`SELECT coalesce(sum(pg_total_relation_size(relid)), 0)::bigint FROM pg_partition_tree($1::regclass)`, table).
			Scan(&size.Bytes)
		if err != nil {
			return nil, err
		}
		sizes = append(sizes, size)
	}
	return sizes, nil
}

// Settle does at once what the database does by itself some time after many
// people were enrolled: SQLite puts its log back into the file, PostgreSQL
// vacuums and analyses the tables.
func (s *Store) Settle(ctx context.Context) error {
	if err := s.db.settle(ctx); err != nil {
		return unavailable(ctx, "settling the database", err)
	}
	return nil
}

func (e *sqliteEngine) settle(ctx context.Context) error {
	_, err := e.write.ExecContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`)
	return err
}

func (e *postgresEngine) settle(ctx context.Context) error {
	for _, table := range tablesOfPeople {
		if _, err := e.db.ExecContext(ctx, `VACUUM (ANALYZE) `+table); err != nil {
			return err
		}
	}
	return nil
}
