package ledger

import (
	"context"
	"time"

	"github.com/sesuai/sesuai/internal/sqldb"
)

// Made is a call that was made for a request.
type Made struct {
	At                time.Time
	Client, RequestID string
	Service           Service
}

// MadeFor returns the calls that were made for a request of a client between two
// times. A request id that was used several times then has the calls of all of them.
// The error has kind sesuai.KindUnavailable.
func (s *Store) MadeFor(ctx context.Context, client, requestID string, from, to time.Time) (found []Made, err error) {
	if err := s.flush(ctx); err != nil {
		return nil, sqldb.Unavailable(ctx, "writing the completions of calls", err)
	}
	err = s.each(ctx, func(r row, _ Counts) {
		found = append(found, Made{time.UnixMicro(r.at).UTC(), r.client, r.requestID, r.service})
	}, `SELECT `+rowColumns+` FROM upstream_calls WHERE day BETWEEN $1 AND $2 AND client = $3 AND request_id = $4 AND at BETWEEN $5 AND $6 ORDER BY at`,
		int64(DayOf(from)), int64(DayOf(to)), client, requestID, from.UnixMicro(), to.UnixMicro())
	if err != nil {
		return nil, sqldb.Unavailable(ctx, "reading the call log", err)
	}
	return found, nil
}
