package limit

import (
	"context"
	"fmt"
	"time"

	"github.com/sesuai/sesuai/internal/sqldb"
)

const (
	// sweepInterval is how often what no longer counts is removed.
	sweepInterval = 10 * time.Minute
	// sweepLimit is the maximum number of rows that one transaction removes.
	// Verifications wait for that transaction on SQLite, which has one writer.
	sweepLimit = 1000
	// keptDays is for how many days what a client has used is kept, for "sesuai limits
	// show".
	keptDays = 7
)

// Each of these is completed with a comparison, sqldb.DB.SkipLocked and a parenthesis.
const (
	deleteMisses = `DELETE FROM limit_misses WHERE (nik, at, id) IN (SELECT nik, at, id FROM limit_misses WHERE at %s $1 ORDER BY at LIMIT $2%s)`
	deleteNIKs   = `DELETE FROM limit_niks WHERE (client, day, nik) IN (SELECT client, day, nik FROM limit_niks WHERE day %s $1 LIMIT $2%s)`
	deleteDays   = `DELETE FROM limit_clients WHERE (client, day) IN (SELECT client, day FROM limit_clients WHERE day %s $1 LIMIT $2%s)`
	deleteOld    = `DELETE FROM limit_leases WHERE id IN (SELECT id FROM limit_leases WHERE expires %s $1 LIMIT $2%s)`
)

// Run removes what no longer counts, now and then until ctx ends. It calls failed if that
// is not possible, with an error of kind sesuai.KindUnavailable, and tries again later.
func (s *Store) Run(ctx context.Context, failed func(error)) {
	ticker := time.NewTicker(sweepInterval)
	defer ticker.Stop()
	for {
		if err := s.Sweep(ctx); err != nil && ctx.Err() == nil {
			failed(err)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// Sweep removes what no longer counts, and what is dated more than a day ahead: the clock
// was ahead, and it would count until that time comes. It does so in several
// transactions. The error is that of StoreOptions.CheckClock, or has kind
// sesuai.KindUnavailable.
func (s *Store) Sweep(ctx context.Context) error {
	if err := s.o.CheckClock(ctx); err != nil {
		return err
	}
	now := s.o.Now()
	type sweep struct {
		statement     string
		before, after int64
	}
	sweeps := []sweep{
		{deleteMisses, now.Add(-Day).UnixMicro(), now.Add(Day).UnixMicro()},
		{deleteNIKs, dayOf(now), dayOf(now) + 1},
		{deleteDays, dayOf(now) - keptDays, dayOf(now) + 1},
	}
	if s.o.DB.Engine() == sqldb.PostgreSQL {
		sweeps = append(sweeps, sweep{deleteOld, now.UnixMicro(), now.Add(s.o.LeaseAge + Day).UnixMicro()})
	}
	for _, one := range sweeps {
		err := s.removeAll(ctx, fmt.Sprintf(one.statement, "<", s.o.DB.SkipLocked()), one.before)
		if err == nil {
			err = s.removeAll(ctx, fmt.Sprintf(one.statement, ">", s.o.DB.SkipLocked()), one.after)
		}
		if err != nil {
			return sqldb.Unavailable(ctx, "removing old counts", err)
		}
	}
	return nil
}

// removeAll removes rows in several transactions.
func (s *Store) removeAll(ctx context.Context, statement string, than int64) error {
	for {
		if more, err := s.removeSome(ctx, statement, than); err != nil || !more {
			return err
		}
	}
}

// removeSome removes up to sweepLimit rows in one transaction, and reports whether there may
// be others.
func (s *Store) removeSome(ctx context.Context, statement string, than int64) (more bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, commitTimeout)
	defer cancel()
	err = s.o.DB.InTx(ctx, func(tx *sqldb.Tx) error {
		result, err := tx.ExecContext(ctx, statement, than, sweepLimit)
		if err != nil {
			return err
		}
		n, err := result.RowsAffected()
		more = n == sweepLimit
		return err
	})
	return more, err
}
