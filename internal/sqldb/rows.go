package sqldb

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
)

// badConnections is how many broken connections of the pool a statement may meet, as in
// database/sql.
const badConnections = 3

// EachRow runs a query on the reading pool and calls f with the values of each row, as
// the driver has them: int64, float64, string, []byte or nil. f may keep the values but
// not the slice. Arguments are int64, float64, string or []byte. An error of f ends the
// query and is returned as it is.
//
// It is Collect for very many rows: to convert the values and to keep the rows takes as
// long as to read them.
func (db *DB) EachRow(ctx context.Context, f func(values []driver.Value) error, query string, args ...driver.Value) error {
	named := make([]driver.NamedValue, len(args))
	for i, v := range args {
		named[i] = driver.NamedValue{Ordinal: i + 1, Value: v}
	}
	for attempt := 1; ; attempt++ {
		started, err := db.eachRow(ctx, f, query, named)
		if started || attempt == badConnections || !errors.Is(err, driver.ErrBadConn) {
			return err
		}
	}
}

// eachRow runs the query on one connection. started is whether f was called.
func (db *DB) eachRow(ctx context.Context, f func([]driver.Value) error, query string, args []driver.NamedValue) (started bool, err error) {
	conn, err := db.read.Conn(ctx)
	if err != nil {
		return false, err
	}
	defer conn.Close() //nolint:errcheck // it only reports a broken connection
	err = conn.Raw(func(c any) (err error) {
		rows, err := c.(driver.QueryerContext).QueryContext(ctx, query, args)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, rows.Close()) }()
		values := make([]driver.Value, len(rows.Columns()))
		for {
			if err := ctx.Err(); err != nil {
				return err
			}
			err := rows.Next(values)
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
			started = true
			if err := f(values); err != nil {
				return err
			}
		}
	})
	return started, err
}
