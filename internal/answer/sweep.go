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
	// sweepTimeout bounds one transaction.
	sweepTimeout = 15 * time.Second
)

// Run removes answers that are older than the maximum age, now and then until ctx
// ends. It calls failed if that is not possible, with an error of kind
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

// sweep removes old answers, in several transactions.
func (s *Store) sweep(ctx context.Context) error {
	removed := false
	for {
		n, err := s.removeSome(ctx, sweepLimit)
		removed = removed || n > 0
		if err != nil || n < sweepLimit {
			if removed {
				s.o.DB.Scrub(ctx)
			}
			return err
		}
	}
}

// removeSome removes old answers among the first limit in one transaction, and
// returns how many.
func (s *Store) removeSome(ctx context.Context, limit int64) (n int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, sweepTimeout)
	defer cancel()
	err = s.o.DB.InTx(ctx, func(tx *sqldb.Tx) error {
		result, err := tx.ExecContext(ctx, deleteAnswers, limit, s.oldest())
		if err == nil {
			n, err = result.RowsAffected()
		}
		return err
	})
	if err != nil {
		return 0, sqldb.Unavailable(ctx, "removing old answers", err)
	}
	return n, nil
}
