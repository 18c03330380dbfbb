package store

import (
	"context"
	"database/sql"
	"errors"
)

// engine is what differs between databases; everything else is one text for
// all of them.
type engine interface {
	// name is how messages call the database, without anything secret.
	name() string
	// open connects for reading and for writing; the two may be one. What it
	// opened, close closes.
	open(ctx context.Context) (read, write *sql.DB, err error)
	close() error
	// prepareSchema brings the schema up to date if that may be done at the
	// start, and else says that it must be.
	prepareSchema(ctx context.Context) error
	// migrate brings it up to date.
	migrate(ctx context.Context) error
	// schema is which one the database has, and which one this program needs.
	schema(ctx context.Context) (Schema, error)
	// lockKeys keeps the states of the master keys as they are until the
	// transaction ends: together with others who want them so, or alone, to
	// change them.
	lockKeys(ctx context.Context, tx *transaction, alone bool) error
	// lockPerson keeps others that lock the same number waiting until the
	// transaction ends.
	lockPerson(ctx context.Context, tx *transaction, number int64) error
	// onRecord reports which of the people, by their index in niks, there are.
	onRecord(ctx context.Context, tx *transaction, niks [][]byte) (map[int]bool, error)
	// insert adds people of whom nothing is there.
	insert(ctx context.Context, tx *transaction, people []sealedPerson, at int64) error
	// joining is a query with outer joins as the database should have it.
	joining(query string) string
	// passOver is what a query that takes rows for itself ends with, to pass
	// over those that another transaction is taking.
	passOver() string
	// confirm has the commit of a transaction that has written nothing wait
	// until what it has read is as safe as what it would have written: on the
	// standbys, where commits wait for those.
	confirm(ctx context.Context, tx *transaction) error
	// retryable reports whether a transaction failed because another one had
	// to go first.
	retryable(err error) bool
	// forget removes what has been deleted from where it lingers, as far as
	// that can be done at once.
	forget(ctx context.Context)
	// sizes are those of the database's parts on disk.
	sizes(ctx context.Context) ([]Size, error)
	// settle does at once what the database does by itself some time after
	// many people were enrolled.
	settle(ctx context.Context) error
}

// busiest are the statements of those transactions that a verification waits
// for. They are prepared once for each connection: planning them again takes as
// long as running them.
var busiest = []string{
	insertCall, updateCall, deleteCall,
	selectEpoch, upsertProbes, selectStranger, upsertStranger,
	takeHead, insertEvent, insertReturn, setHead,
}

func (s *Store) prepareBusiest(ctx context.Context) error {
	s.busiest = make(map[string]*sql.Stmt)
	for _, query := range append(busiest, s.db.joining(selectProbesOf)) {
		stmt, err := s.write.PrepareContext(ctx, query)
		if err != nil {
			return unavailable(ctx, "preparing statements", err)
		}
		s.busiest[query] = stmt
	}
	return nil
}

// transaction is one of the writing side.
type transaction struct {
	*sql.Tx
	conn     *sql.Conn // it runs on
	prepared map[string]*sql.Stmt
}

// PrepareContext, ExecContext and QueryRowContext are those of sql.Tx, with
// the statement that there is already if it is one of the busiest.

func (t *transaction) PrepareContext(ctx context.Context, query string) (*sql.Stmt, error) {
	if stmt, ok := t.prepared[query]; ok {
		return t.StmtContext(ctx, stmt), nil
	}
	return t.Tx.PrepareContext(ctx, query)
}

func (t *transaction) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if stmt, ok := t.prepared[query]; ok {
		return t.StmtContext(ctx, stmt).ExecContext(ctx, args...)
	}
	return t.Tx.ExecContext(ctx, query, args...)
}

func (t *transaction) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	if stmt, ok := t.prepared[query]; ok {
		return t.StmtContext(ctx, stmt).QueryRowContext(ctx, args...)
	}
	return t.Tx.QueryRowContext(ctx, query, args...)
}

// inTx runs f in a transaction of the writing side. If f fails, or the
// transaction does not become durable, nothing has changed.
func (s *Store) inTx(ctx context.Context, f func(tx *transaction) error) (err error) {
	conn, err := s.write.Conn(ctx)
	if err != nil {
		return err
	}
	// Given back, not closed; after an error the pool looks at it again.
	defer conn.Close() //nolint:errcheck // it says only that it is gone
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := f(&transaction{tx, conn, s.busiest}); err != nil {
		if rollback := tx.Rollback(); rollback != nil && !errors.Is(rollback, sql.ErrTxDone) {
			err = errors.Join(err, rollback)
		}
		return err
	}
	return tx.Commit()
}
