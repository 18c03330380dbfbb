package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// Querier is what reads: DB.Read, or a Tx to read what it has written.
type Querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// Tx is a transaction that writes. Packages that own tables take one, so that a
// commit can span several owners.
type Tx struct {
	*sql.Tx
	conn *sql.Conn // the one that the transaction runs on
	db   *DB
}

// InTx runs f in a transaction. It commits if f returns nil, and returns f's
// error as it is otherwise. If InTx returns nil the changes are durable: they
// survive a kill -9 and a power cut. If it returns an error nothing has changed,
// unless the connection broke during the commit.
func (db *DB) InTx(ctx context.Context, f func(tx *Tx) error) error {
	conn, err := db.write.Conn(ctx)
	if err != nil {
		return err
	}
	// This returns the connection to the pool, which checks it after an error.
	defer conn.Close() //nolint:errcheck // it only reports a broken connection
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := f(&Tx{tx, conn, db}); err != nil {
		if rollback := tx.Rollback(); rollback != nil && !errors.Is(rollback, sql.ErrTxDone) {
			err = errors.Join(err, rollback)
		}
		return err
	}
	return tx.Commit()
}

// Snapshot runs f in a transaction that only reads. All its statements see the
// database as it was at the first of them. It must be short: see Scrub for
// SQLite, and PostgreSQL cannot vacuum meanwhile.
func (db *DB) Snapshot(ctx context.Context, f func(tx *sql.Tx) error) error {
	tx, err := db.read.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		return err
	}
	if err := f(tx); err != nil {
		if rollback := tx.Rollback(); rollback != nil && !errors.Is(rollback, sql.ErrTxDone) {
			err = errors.Join(err, rollback)
		}
		return err
	}
	return tx.Commit()
}

// hot is the prepared statement of a text; nil if it is not one of
// DB.PrepareHot.
func (tx *Tx) hot(ctx context.Context, query string) *sql.Stmt {
	if stmt, ok := tx.db.hot.Load(query); ok {
		return tx.StmtContext(ctx, stmt.(*sql.Stmt))
	}
	return nil
}

// PrepareContext is that of sql.Tx.
func (tx *Tx) PrepareContext(ctx context.Context, query string) (*sql.Stmt, error) {
	if stmt := tx.hot(ctx, query); stmt != nil {
		return stmt, nil
	}
	return tx.Tx.PrepareContext(ctx, query)
}

// ExecContext is that of sql.Tx.
func (tx *Tx) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if stmt := tx.hot(ctx, query); stmt != nil {
		return stmt.ExecContext(ctx, args...)
	}
	return tx.Tx.ExecContext(ctx, query, args...)
}

// QueryContext is that of sql.Tx.
func (tx *Tx) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if stmt := tx.hot(ctx, query); stmt != nil {
		return stmt.QueryContext(ctx, args...)
	}
	return tx.Tx.QueryContext(ctx, query, args...)
}

// QueryRowContext is that of sql.Tx.
func (tx *Tx) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	if stmt := tx.hot(ctx, query); stmt != nil {
		return stmt.QueryRowContext(ctx, args...)
	}
	return tx.Tx.QueryRowContext(ctx, query, args...)
}

// Engine reports which engine the transaction runs on.
func (tx *Tx) Engine() Engine { return tx.db.engine.kind }

// ExecEach runs a statement once for each list of arguments. On PostgreSQL that
// takes one round trip, however many they are.
func (tx *Tx) ExecEach(ctx context.Context, query string, args [][]any) error {
	_, err := tx.ExecEachCounted(ctx, query, args)
	return err
}

// ExecEachCounted is ExecEach, and returns how many rows each statement has changed.
func (tx *Tx) ExecEachCounted(ctx context.Context, query string, args [][]any) (changed []int64, err error) {
	switch {
	case len(args) == 0:
		return nil, nil
	case len(args) == 1: // to prepare it would be another round trip
		return appendChanged(nil)(tx.ExecContext(ctx, query, args[0]...))
	case tx.Engine() == PostgreSQL:
		return tx.pipeline(ctx, query, args)
	}
	stmt, err := tx.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer stmt.Close() //nolint:errcheck // the end of the transaction closes it, too
	for _, a := range args {
		if changed, err = appendChanged(changed)(stmt.ExecContext(ctx, a...)); err != nil {
			return nil, err
		}
	}
	return changed, nil
}

// appendChanged returns what appends the number of rows that a statement has changed.
func appendChanged(changed []int64) func(sql.Result, error) ([]int64, error) {
	return func(result sql.Result, err error) ([]int64, error) {
		if err != nil {
			return nil, err
		}
		n, err := result.RowsAffected()
		return append(changed, n), err
	}
}

// pipeline is ExecEachCounted for PostgreSQL.
func (tx *Tx) pipeline(ctx context.Context, query string, args [][]any) (changed []int64, err error) {
	all := make([]Statement, len(args))
	for i, a := range args {
		all[i] = Statement{query, a}
	}
	return tx.send(ctx, all)
}

// send runs statements on PostgreSQL, and returns how many rows each has changed. It sends
// all of them before it reads the first result.
func (tx *Tx) send(ctx context.Context, all []Statement) (changed []int64, err error) {
	err = tx.conn.Raw(func(driver any) error {
		var batch pgx.Batch
		for _, s := range all {
			batch.Queue(s.Query, s.Args...)
		}
		results := driver.(*stdlib.Conn).Conn().SendBatch(ctx, &batch)
		for range all {
			tag, err := results.Exec()
			if err != nil {
				_ = results.Close() // it repeats err
				return err
			}
			changed = append(changed, tag.RowsAffected())
		}
		return results.Close()
	})
	return changed, err
}

// Statement is a statement with its arguments.
type Statement struct {
	Query string
	Args  []any
}

// ExecAll runs statements in their order. On PostgreSQL that takes one round trip.
func (tx *Tx) ExecAll(ctx context.Context, all []Statement) error {
	if tx.Engine() == PostgreSQL && len(all) > 1 {
		_, err := tx.send(ctx, all)
		return err
	}
	for _, s := range all {
		if _, err := tx.ExecContext(ctx, s.Query, s.Args...); err != nil {
			return err
		}
	}
	return nil
}

// Lock takes an advisory lock until the transaction ends. Transactions with the
// same key exclude each other; on SQLite they do so without a lock.
func (tx *Tx) Lock(ctx context.Context, key int64) error {
	return tx.lock(ctx, tx.db.engine.lock, key)
}

// LockAll is Lock for several keys. It takes them in order, so that transactions
// with some of the same keys wait for each other instead of locking each other
// up, if each calls LockAll once. It sorts keys in place.
func (tx *Tx) LockAll(ctx context.Context, keys []int64) error {
	if tx.db.engine.lock == "" {
		return nil
	}
	slices.Sort(keys)
	var args [][]any
	for _, key := range slices.Compact(keys) {
		args = append(args, []any{key})
	}
	return tx.ExecEach(ctx, tx.db.engine.lock, args)
}

// TryLockAll is LockAll, but does not wait: it returns those of the keys whose lock
// another transaction has. It leaves keys as they are.
func (tx *Tx) TryLockAll(ctx context.Context, keys []int64) (busy []int64, err error) {
	if tx.db.engine.tryLocks == "" {
		return nil, nil
	}
	return Collect(ctx, tx, func(rows *sql.Rows) (key int64, err error) { return key, rows.Scan(&key) }, tx.db.engine.tryLocks, keys)
}

// LockShared is Lock for transactions that exclude only those that call Lock.
func (tx *Tx) LockShared(ctx context.Context, key int64) error {
	return tx.lock(ctx, tx.db.engine.lockShared, key)
}

func (tx *Tx) lock(ctx context.Context, statement string, key int64) error {
	if statement == "" {
		return nil
	}
	_, err := tx.ExecContext(ctx, statement, key)
	return err
}

// AwaitReplication makes the commit of a transaction that has written nothing
// wait until the synchronous standbys have what it has read. Without it a caller
// could be told that a row is there which a failover then loses: a commit that
// was cut off while it waited for a standby is visible on the primary.
func (tx *Tx) AwaitReplication(ctx context.Context) error {
	if tx.db.engine.awaitReplication == "" {
		return nil
	}
	_, err := tx.ExecContext(ctx, tx.db.engine.awaitReplication)
	return err
}

// Touch makes the transaction write even if it has left every row that it updated
// as it was. Otherwise its commit would not need the disk.
func (tx *Tx) Touch(ctx context.Context) error {
	if tx.db.engine.touch == "" {
		return nil
	}
	_, err := tx.ExecContext(ctx, tx.db.engine.touch)
	return err
}

// Collect runs a query and returns its rows as scan reads them.
func Collect[T any](ctx context.Context, q Querier, scan func(*sql.Rows) (T, error), query string, args ...any) ([]T, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	return CollectRows(rows, scan)
}

// CollectRows reads all rows and closes them.
func CollectRows[T any](rows *sql.Rows, scan func(*sql.Rows) (T, error)) ([]T, error) {
	defer rows.Close() //nolint:errcheck // rows.Err reports it
	var all []T
	for rows.Next() {
		row, err := scan(rows)
		if err != nil {
			return all, err
		}
		all = append(all, row)
	}
	return all, rows.Err()
}
