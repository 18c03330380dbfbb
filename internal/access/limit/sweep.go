package limit

import (
	"context"
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

// Each of these is followed by sqldb.DB.SkipLocked and a parenthesis.
const (
	deleteMisses = `DELETE FROM limit_misses WHERE (nik, at, id) IN (SELECT nik, at, id FROM limit_misses WHERE at < $1 ORDER BY at LIMIT $2`
	deleteNIKs   = `DELETE FROM limit_niks WHERE (client, day, nik) IN (SELECT client, day, nik FROM limit_niks WHERE day < $1 LIMIT $2`
	deleteDays   = `DELETE FROM limit_clients WHERE (client, day) IN (SELECT client, day FROM limit_clients WHERE day < $1 LIMIT $2`
	deleteOld    = `DELETE FROM limit_leases WHERE id IN (SELECT id FROM limit_leases WHERE expires < $1 LIMIT $2`
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

// Sweep removes what no longer counts, in several transactions. The error has kind
// sesuai.KindUnavailable.
func (s *Store) Sweep(ctx context.Context) error {
	now := s.o.Now()
	sweeps := []struct {
		statement string
		before    int64
	}{
		{deleteMisses, now.Add(-Day).UnixMicro()},
		{deleteNIKs, dayOf(now)},
		{deleteDays, dayOf(now) - keptDays},
	}
	if s.o.DB.Engine() == sqldb.PostgreSQL {
		sweeps = append(sweeps, struct {
			statement string
			before    int64
		}{deleteOld, now.UnixMicro()})
	}
	for _, sweep := range sweeps {
		for more := true; more; {
			var err error
			if more, err = s.removeSome(ctx, sweep.statement+s.o.DB.SkipLocked()+`)`, sweep.before); err != nil {
				return sqldb.Unavailable(ctx, "removing old counts", err)
			}
		}
	}
	return nil
}

// removeSome removes up to sweepLimit rows in one transaction, and reports whether there may
// be others.
func (s *Store) removeSome(ctx context.Context, statement string, before int64) (more bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, commitTimeout)
	defer cancel()
	err = s.o.DB.InTx(ctx, func(tx *sqldb.Tx) error {
		result, err := tx.ExecContext(ctx, statement, before, sweepLimit)
		if err != nil {
			return err
		}
		n, err := result.RowsAffected()
		more = n == sweepLimit
		return err
	})
	return more, err
}
