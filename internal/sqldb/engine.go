package sqldb

import (
	"context"
	"time"
)

// Engine is a kind of database.
type Engine uint8

// The engines.
const (
	SQLite Engine = iota
	PostgreSQL
)

// String names the engine.
func (e Engine) String() string {
	if e == PostgreSQL {
		return "PostgreSQL"
	}
	return "SQLite"
}

// engine holds what differs between the databases. An empty statement is one
// that the database does not need.
type engine struct {
	kind Engine
	// lock and lockShared take the advisory lock $1 until the transaction ends.
	// Transactions that write to SQLite exclude each other anyway.
	lock, lockShared string
	// tryLocks takes those of the advisory locks $1 that are free, until the
	// transaction ends, and returns the others.
	tryLocks string
	// skipLocked ends a query that leases rows: it passes over rows that
	// another transaction is leasing.
	skipLocked string
	// awaitReplication makes the commit of a transaction that has written
	// nothing wait for the synchronous standbys.
	awaitReplication string
	// touch makes a transaction write although no row changes.
	touch string
	// scrub overwrites deleted rows in the write-ahead log.
	scrub string
	// retryable reports whether a transaction failed because another one had to
	// go first.
	retryable func(error) bool
}

var sqliteEngine = engine{
	kind: SQLite,
	// SQLite writes no page whose content stays the same, except for this
	// number in the header, which means nothing to anybody.
	touch:     `PRAGMA user_version = 1`,
	scrub:     `PRAGMA wal_checkpoint(TRUNCATE)`,
	retryable: func(error) bool { return false },
}

var postgresEngine = engine{
	kind:       PostgreSQL,
	lock:       `SELECT pg_advisory_xact_lock($1)`,
	lockShared: `SELECT pg_advisory_xact_lock_shared($1)`,
	tryLocks:   `SELECT key FROM unnest($1::bigint[]) AS key WHERE NOT pg_try_advisory_xact_lock(key)`,
	skipLocked: " FOR UPDATE SKIP LOCKED",
	// A commit waits for the standbys only if the transaction has written to
	// the log. This message means nothing to anybody.
	awaitReplication: `SELECT pg_logical_emit_message(true, 'sesuai', '')`,
	retryable:        retryablePostgres,
}

// SkipLocked ends a query that leases rows for its transaction. With it the
// query passes over rows that another transaction is leasing.
func (db *DB) SkipLocked() string { return db.engine.skipLocked }

// scrubTimeout bounds how long Scrub waits for readers.
const scrubTimeout = time.Second

// Scrub overwrites deleted rows in SQLite's write-ahead log by checkpointing it.
// It is not an error if a reader prevents that: later checkpoints do it. In
// PostgreSQL deleted rows go with the next vacuum; docs/operate/security.md
// explains why they cannot be opened.
func (db *DB) Scrub(ctx context.Context) {
	if db.engine.scrub == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), scrubTimeout)
	defer cancel()
	_, _ = db.write.ExecContext(ctx, db.engine.scrub)
}

// Retryable reports whether a transaction failed only because another one had
// to go first. The same transaction can then be run again.
func (db *DB) Retryable(err error) bool { return db.engine.retryable(err) }
