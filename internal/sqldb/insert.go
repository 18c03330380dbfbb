package sqldb

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// copyFrom is the number of rows from which PostgreSQL's COPY is faster than
// single inserts.
const copyFrom = 5

// InsertRows inserts rows into a table, on PostgreSQL by COPY if there are many.
// The first column must be a []byte and unique. Rows are inserted in its order:
// SQLite then finds pages of the index in memory more often, and two PostgreSQL
// transactions with the same rows wait for each other instead of locking each
// other up. InsertRows sorts rows in place.
func (tx *Tx) InsertRows(ctx context.Context, table string, columns []string, rows [][]any) error {
	slices.SortFunc(rows, func(a, b []any) int { return bytes.Compare(a[0].([]byte), b[0].([]byte)) })
	if tx.Engine() == PostgreSQL && len(rows) >= copyFrom {
		return tx.conn.Raw(func(driver any) error {
			conn := driver.(*stdlib.Conn).Conn()
			_, err := conn.CopyFrom(ctx, pgx.Identifier{table}, columns, pgx.CopyFromRows(rows))
			return err
		})
	}
	arguments := make([]string, len(columns))
	for i := range columns {
		arguments[i] = fmt.Sprintf("$%d", i+1)
	}
	return tx.ExecEach(ctx, fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s)",
		table, strings.Join(columns, ", "), strings.Join(arguments, ", ")), rows)
}
