package balikan

import (
	"context"
	"time"

	"github.com/sesuai/sesuai/internal/dukcapil/ledger"
	"github.com/sesuai/sesuai/internal/sqldb"
)

const (
	// deleteRows1 and deleteRows2 delete old rows that are delivered. Between them
	// stands sqldb.DB.SkipLocked.
	deleteRows1 = `
		DELETE FROM outbox WHERE seq IN (
			SELECT seq FROM outbox WHERE day < $1 AND NOT (` + isPending + `) ORDER BY day LIMIT $2`
	deleteRows2 = `)`
)

// RemoveBefore removes rows of days that ended before a time, at most limit. One that is
// pending stays. It reports whether there may be others. The error has kind
// sesuai.KindUnavailable.
func (s *Store) RemoveBefore(ctx context.Context, t time.Time, limit int) (more bool, err error) {
	err = s.o.DB.InTx(ctx, func(tx *sqldb.Tx) error {
		result, err := tx.ExecContext(ctx, deleteRows1+s.o.DB.SkipLocked()+deleteRows2, int64(ledger.DayOf(t)), limit)
		if err != nil {
			return err
		}
		n, err := result.RowsAffected()
		if more = n >= int64(limit); err != nil || s.o.Removed == nil {
			return err
		}
		return s.o.Removed(ctx, tx, "outbox", n)
	})
	if err != nil {
		return false, sqldb.Unavailable(ctx, "removing old rows of the outbox", err)
	}
	return more, nil
}
