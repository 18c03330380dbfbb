package ledger

import (
	"context"
	"time"

	"github.com/sesuai/sesuai/internal/sqldb"
)

const (
	// deleteCalls1 and deleteCalls2 delete old calls. Between them stands
	// sqldb.DB.SkipLocked.
	deleteCalls1 = `DELETE FROM upstream_calls WHERE id IN (SELECT id FROM upstream_calls WHERE day < $1 ORDER BY day LIMIT $2`
	deleteCalls2 = `)`
)

// RemoveBefore removes calls of days that ended before a time, at most limit. It reports
// whether there may be others. The error has kind sesuai.KindUnavailable.
func (s *Store) RemoveBefore(ctx context.Context, t time.Time, limit int) (more bool, err error) {
	err = s.o.DB.InTx(ctx, func(tx *sqldb.Tx) error {
		result, err := tx.ExecContext(ctx, deleteCalls1+s.o.DB.SkipLocked()+deleteCalls2, int64(DayOf(t)), limit)
		if err != nil {
			return err
		}
		n, err := result.RowsAffected()
		if more = n >= int64(limit); err != nil || s.o.Removed == nil {
			return err
		}
		return s.o.Removed(ctx, tx, "upstream_calls", n)
	})
	if err != nil {
		return false, sqldb.Unavailable(ctx, "removing old calls", err)
	}
	return more, nil
}
