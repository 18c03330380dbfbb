package batch

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/sesuai/sesuai/internal/sqldb"
)

const (
	// sweepInterval is how often batches are looked for that are to be removed.
	sweepInterval = 10 * time.Minute
	// receiveTime is longer than a batch is received.
	receiveTime = 6 * time.Hour
)

// Run removes batches whose results are older than the maximum age, those of clients
// that were removed, and what remains of those that were never received as a whole, now
// and then until ctx ends. It calls failed if that is not possible, and tries again
// later.
func (s *Service) Run(ctx context.Context, failed func(error)) {
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

// Sweep does once what Run does.
func (s *Service) Sweep(ctx context.Context) error {
	clients, err := s.o.Clients.ListClients(ctx)
	if err != nil {
		return err
	}
	known := make(map[string]bool, len(clients))
	for _, c := range clients {
		known[c.ID] = true
	}
	var altered error // of a batch; the others are removed nevertheless
	all, err := sqldb.Collect(ctx, s.o.DB.Read(), func(rows *sql.Rows) (Batch, error) {
		b, err := s.store.scan(rows)
		if errors.Is(err, errAltered) {
			altered, err = err, nil
		}
		return b, err
	}, selectAll)
	if err != nil {
		return sqldb.Unavailable(ctx, "listing batches", err)
	}
	clock := s.o.CheckClock(ctx)
	now, removed := s.o.Now(), int64(0)
	for _, b := range all {
		old := b.State == Removed || !known[b.Client] || clock == nil &&
			(b.State == Receiving && now.Sub(b.CreatedAt) > receiveTime ||
				b.State == Finished && now.Sub(b.FinishedAt) > s.o.MaxAge)
		if !old || b.number == 0 { // 0: altered
			continue
		}
		if err := s.remove(ctx, b); err != nil {
			return err
		}
		removed++
	}
	if clock != nil {
		return clock
	}
	err = s.o.DB.InTx(ctx, func(tx *sqldb.Tx) error { return s.o.Removed(ctx, tx, "batches", removed) })
	if err != nil {
		return sqldb.Unavailable(ctx, "counting batches that were removed", err)
	}
	return s.store.unavailable(ctx, "listing batches", "batches", altered)
}
