package sqldb

import (
	"context"
	"database/sql"
)

// CountRows returns the number of rows of a table, and the smallest value of a column of
// integers; 0 if there is no row, or column is "". The names must be the program's own.
// The error has kind sesuai.KindUnavailable.
func (db *DB) CountRows(ctx context.Context, table, column string) (rows, smallest int64, err error) {
	if column == "" {
		column = "NULL"
	}
	var value sql.NullInt64
	err = db.Read().QueryRowContext(ctx, `SELECT count(*), min(`+column+`) FROM `+table).Scan(&rows, &value)
	if err != nil {
		return 0, 0, Unavailable(ctx, "counting rows", err)
	}
	return rows, value.Int64, nil
}
