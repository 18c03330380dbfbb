package answer

import (
	"context"
	"time"

	"github.com/sesuai/sesuai/internal/sqldb"
)

const (
	// sweepInterval is how often old answers are removed.
	sweepInterval = time.Hour
	// sweepLimit is the maximum number of answers that one transaction removes.
	// Verifications wait for that transaction on SQLite, which has one writer.
	sweepLimit = 1000
)

// Run removes answers that are older than the maximum age, and keys that have expired,
// now and then until ctx ends. It calls failed if that is not possible, with an error of kind
// sesuai.KindUnavailable, and tries again later.
func (s *Store) Run(ctx context.Context, failed func(error)) {
	ticker := time.NewTicker(sweepInterval)
	defer ticker.Stop()
	for {
		if err := s.sweep(ctx); err != nil && ctx.Err() == nil {
			failed(err)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// sweep removes old answers and keys, in several transactions.
func (s *Store) sweep(ctx context.Context) error {
	removed, err := s.sweepTable(ctx, "answers", deleteAnswers1+s.o.DB.SkipLocked()+deleteAnswers2, s.o.MaxAge)
	if err == nil {
		var keys bool
		keys, err = s.sweepTable(ctx, "idempotency_keys", deleteKeys1+s.o.DB.SkipLocked()+deleteKeys2, KeyMaxAge)
		removed = removed || keys
	}
	if removed {
		s.o.DB.Scrub(ctx)
	}
	return err
}

// sweepTable removes rows that are older than maxAge, by a statement that removes some.
func (s *Store) sweepTable(ctx context.Context, table, statement string, maxAge time.Duration) (removed bool, err error) {
	for {
		n, err := s.removeSome(ctx, table, statement, s.o.Now().Add(-maxAge).UnixMicro())
		removed = removed || n > 0
		if err != nil || n < sweepLimit {
			return removed, err
		}
	}
}

// removeSome removes up to sweepLimit rows from before a time in one transaction, and
// returns how many.
func (s *Store) removeSome(ctx context.Context, table, statement string, before int64) (n int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, commitTimeout)
	defer cancel()
	err = s.o.DB.InTx(ctx, func(tx *sqldb.Tx) error {
		result, err := tx.ExecContext(ctx, statement, before, sweepLimit)
		if err == nil {
			n, err = result.RowsAffected()
		}
		if err != nil {
			return err
		}
		return s.o.Removed(ctx, tx, table, n)
	})
	if err != nil {
		return 0, sqldb.Unavailable(ctx, "removing old answers", err)
	}
	return n, nil
}
