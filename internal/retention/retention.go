// Package retention counts what is removed because it was kept for long enough, and
// records it in the audit trail once a day for each table. It leaves removing rows, and
// after how long, to the packages that own them.
package retention

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"sync"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/sqldb"
)

const (
	addRun = `
		INSERT INTO retention_days (day, table_of, removed, runs, last_at, recorded) VALUES ($1, $2, $3, 1, $4, 0)
		ON CONFLICT (day, table_of) DO UPDATE SET removed = retention_days.removed + excluded.removed,
			runs = retention_days.runs + 1, last_at = excluded.last_at`
	selectRecorded = `SELECT coalesce(max(day), 0) FROM retention_days WHERE recorded = 1 AND table_of = $1`
	takeDays       = `
		UPDATE retention_days SET recorded = 1 WHERE recorded = 0 AND day < $1 RETURNING day, table_of, removed`
	selectDays = `
		SELECT day, table_of, removed, runs, last_at, recorded FROM retention_days WHERE day BETWEEN $1 AND $2 ORDER BY day, table_of`
	deleteDays = `DELETE FROM retention_days WHERE recorded = 1 AND day < $1`
)

const (
	// recordInterval is how often it is looked whether a day is over.
	recordInterval = 10 * time.Minute
	// keepDays is how many days the counts are kept. The events of the trail stay.
	keepDays = 400
	// commitTimeout bounds a transaction that nobody waits for.
	commitTimeout = 15 * time.Second
)

// Options are what a Store is made of. DB and Trail are required.
type Options struct {
	DB    *sqldb.DB
	Trail *audit.Trail
	// Now is the clock; time.Now if nil.
	Now func() time.Time
	// Held is called with an error that is ErrClock once nothing is removed any more, and
	// with nil once it is again. It may be nil.
	Held func(error)
}

// Store is the counts in a database. It is safe for concurrent use, by several
// processes too.
type Store struct {
	o Options

	mu   sync.Mutex
	hold *hold // nil while rows are removed
}

// NewStore returns the counts of a database that has the tables of Migrations.
func NewStore(o Options) *Store {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Held == nil {
		o.Held = func(error) {}
	}
	return &Store{o: o}
}

// Day is a day in Jakarta, counted from 1970-01-01.
type Day int64

// DayOf returns the day of a time.
func DayOf(t time.Time) Day {
	_, offset := t.In(sesuai.Jakarta).Zone()
	return Day((t.Unix() + int64(offset)) / 86400)
}

// Start is when the day starts.
func (d Day) Start() time.Time {
	return time.Date(1970, 1, 1, 0, 0, 0, 0, sesuai.Jakarta).AddDate(0, 0, int(d))
}

// RemovedTx counts a run that has removed rows of a table, or none, in the transaction
// that removes them. The error is ErrClock if the clock may be wrong, so that nothing is
// removed: see CheckClock. Another one is that of the database.
func (s *Store) RemovedTx(ctx context.Context, tx *sqldb.Tx, table string, rows int64) error {
	behind, err := s.checkClock(ctx, tx)
	if err != nil {
		return err
	}
	now := s.o.Now()
	if behind {
		if _, err := tx.ExecContext(ctx, clipLast, now.UnixMicro()); err != nil {
			return err
		}
	}
	// A day that is recorded, since the clock was ahead, is counted no further.
	var recorded int64
	if err := tx.QueryRowContext(ctx, selectRecorded, table).Scan(&recorded); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, addRun, max(int64(DayOf(now)), recorded+1), table, rows, now.UnixMicro())
	return err
}

// Run is what was removed of a table on one day.
type Run struct {
	Day     time.Time `json:"day"`
	Table   string    `json:"table"`
	Removed int64     `json:"removed"`
	Runs    int64     `json:"runs"`
	LastAt  time.Time `json:"last_at"`
	// Recorded means that there is an event of the audit trail.
	Recorded bool `json:"recorded"`
}

// Runs returns what was removed from one day to another, both included, in the order of
// the days and tables. The error has kind sesuai.KindUnavailable.
func (s *Store) Runs(ctx context.Context, from, to Day) ([]Run, error) {
	all, err := sqldb.Collect(ctx, s.o.DB.Read(), func(rows *sql.Rows) (r Run, err error) {
		var day, lastAt int64
		err = rows.Scan(&day, &r.Table, &r.Removed, &r.Runs, &lastAt, &r.Recorded)
		r.Day, r.LastAt = Day(day).Start(), time.UnixMicro(lastAt).UTC()
		return r, err
	}, selectDays, int64(from), int64(to))
	if err != nil {
		return nil, sqldb.Unavailable(ctx, "reading what was removed", err)
	}
	return all, nil
}

// recordAfter is how long after a day its counts are recorded. A transaction that counts
// for the day may commit after midnight: see commitTimeout.
const recordAfter = time.Minute

// Record appends an event to the audit trail for each day that is over and each table,
// unless there is one. Several processes may call it: there is one event. The error is
// ErrClock if the clock may be wrong: see CheckClock. Another one has kind
// sesuai.KindUnavailable.
func (s *Store) Record(ctx context.Context) error {
	today := DayOf(s.o.Now().Add(-recordAfter))
	ctx, cancel := context.WithTimeout(ctx, commitTimeout)
	defer cancel()
	err := s.o.DB.InTx(ctx, func(tx *sqldb.Tx) error {
		if _, err := s.checkClock(ctx, tx); err != nil {
			return err
		}
		changes, err := sqldb.Collect(ctx, tx, func(rows *sql.Rows) (c audit.Change, err error) {
			var day int64
			var table string
			err = rows.Scan(&day, &table, &c.Count)
			c.Action = audit.RetentionOf(table)
			return c, err
		}, takeDays, int64(today))
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, deleteDays, int64(today-keepDays)); err != nil {
			return err
		}
		for _, c := range changes {
			if err := s.o.Trail.ChangeTx(ctx, tx, c); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil && !errors.Is(err, ErrClock) {
		return sqldb.Unavailable(ctx, "recording what was removed", err)
	}
	return err
}

// Rule removes rows of a table that are older than a time, at most limit in one
// transaction, in which it calls RemovedTx. more reports whether there may be others.
type Rule struct {
	Table string
	// Keep is how long the rows are kept.
	Keep time.Duration
	// Limit is the maximum number of rows that one transaction removes; 1000 if 0.
	Limit  int
	Remove func(ctx context.Context, before time.Time, limit int) (more bool, err error)
}

// ruleLimit is the limit of a Rule that has none.
const ruleLimit = 1000

// Run applies rules every hour, and records what was removed, until ctx ends. It calls
// failed if that is not possible, and tries again later.
func (s *Store) Run(ctx context.Context, rules []Rule, failed func(error)) {
	ticker := time.NewTicker(recordInterval)
	defer ticker.Stop()
	var applied time.Time
	for {
		err := s.Record(ctx)
		if now := s.o.Now(); err == nil && now.Sub(applied) >= time.Hour {
			if err = s.Apply(ctx, rules); err == nil {
				applied = now
			}
		}
		if err != nil && ctx.Err() == nil {
			failed(err)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// Apply applies rules once. The error is that of the first rule that fails; the others
// are applied nevertheless.
func (s *Store) Apply(ctx context.Context, rules []Rule) (first error) {
	for _, r := range rules {
		for more := true; more && ctx.Err() == nil; {
			var err error
			if more, err = r.Remove(ctx, s.o.Now().Add(-r.Keep), cmp.Or(r.Limit, ruleLimit)); err != nil {
				if first == nil {
					first = err
				}
				break
			}
		}
	}
	return first
}
