package balikan

import (
	"context"
	"database/sql"
	"time"

	"github.com/sesuai/sesuai/internal/sqldb"
)

// Returned is a row of the outbox about one event.
type Returned struct {
	Seq         int64
	At          time.Time
	DeliveredAt time.Time // zero: it is pending, and the NIK is stored
}

// OfEvents returns the rows of events, by their numbers. The error has kind
// sesuai.KindUnavailable.
func (s *Store) OfEvents(ctx context.Context, seqs []int64) (found []Returned, err error) {
	for _, seq := range seqs {
		rows, err := sqldb.Collect(ctx, s.o.DB.Read(), func(rows *sql.Rows) (r Returned, err error) {
			var at int64
			var delivered sql.NullInt64
			err = rows.Scan(&r.Seq, &at, &delivered)
			r.At, r.DeliveredAt = time.UnixMicro(at), timeOf(delivered)
			return r, err
		}, `SELECT seq, at, CASE WHEN `+isPending+` THEN NULL ELSE delivered_at END FROM outbox WHERE seq = $1`, seq)
		if err != nil {
			return nil, sqldb.Unavailable(ctx, "reading the outbox", err)
		}
		found = append(found, rows...)
	}
	return found, nil
}
