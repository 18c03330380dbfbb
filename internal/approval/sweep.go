package approval

import (
	"context"
	"database/sql"
	"time"

	"github.com/sesuai/sesuai/internal/sqldb"
)

// sweepInterval is how often Run sweeps.
const sweepInterval = time.Hour

// Run sweeps at once and every hour until ctx ends. failed is called with an error.
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

// Sweep removes the parameters of proposals that have ended, and proposals that are older
// than KeptFor. A row that is not as it was made stays, and is no error.
func (s *Store) Sweep(ctx context.Context) error {
	now := s.o.Now()
	err := s.inTx(ctx, func(tx *sqldb.Tx) error {
		if _, err := tx.ExecContext(ctx, deleteRows, now.Add(-KeptFor).UnixMicro()); err != nil {
			return err
		}
		all, err := sqldb.Collect(ctx, tx, func(from *sql.Rows) (row, error) {
			r, err := s.scan(from)
			if r.id != "" && err != nil { // which Alert has told
				return row{}, nil
			}
			return r, err
		}, selectEnded, now.Add(-ValidFor).UnixMicro())
		if err != nil {
			return err
		}
		for _, r := range all {
			if r.Parameters == nil {
				continue
			}
			r.Parameters = nil
			if err := s.store(ctx, tx, updateRow, r); err != nil {
				return err
			}
		}
		return nil
	})
	return unavailable(ctx, "removing what has ended", err)
}
