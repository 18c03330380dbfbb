package ledger

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"time"

	"github.com/sesuai/sesuai/internal/sqldb"
)

const (
	selectUsage = `
		SELECT day, client, service, count(*),
			sum(CASE WHEN class IS NOT NULL AND billable = 1 THEN 1 ELSE 0 END),
			sum(CASE WHEN class IS NULL THEN 1 ELSE 0 END),
			CAST(sum(CASE WHEN class IS NOT NULL AND billable = 1 THEN price ELSE 0 END) AS BIGINT),
			CAST(sum(CASE WHEN class IS NULL THEN price ELSE 0 END) AS BIGINT)
		FROM upstream_calls WHERE day BETWEEN $1 AND $2 GROUP BY day, client, service`

	selectToday = `SELECT service, count(*), min(at) FROM upstream_calls WHERE day = $1 GROUP BY service`
)

// Usage returns what clients used of the services from one day to another, both
// included, ordered by day, client and service. Completions that other processes
// have recorded in the last moment may be missing. The error has kind
// sesuai.KindUnavailable.
func (s *Store) Usage(ctx context.Context, from, to Day) ([]Usage, error) {
	if err := s.flush(ctx); err != nil {
		return nil, sqldb.Unavailable(ctx, "writing the completions of calls", err)
	}
	usage, err := sqldb.Collect(ctx, s.db.Read(), func(rows *sql.Rows) (u Usage, err error) {
		var unknown int64
		err = rows.Scan(&u.Day, &u.Client, &u.Service, &u.Calls, &u.Billed, &u.Unknown, &u.Rupiah, &unknown)
		u.Failed = u.Calls - u.Billed - u.Unknown
		u.RupiahAtMost = u.Rupiah + unknown
		return u, err
	}, selectUsage, int64(from), int64(to))
	if err != nil {
		return nil, sqldb.Unavailable(ctx, "reading the call log", err)
	}
	slices.SortFunc(usage, func(a, b Usage) int {
		return cmp.Or(cmp.Compare(a.Day, b.Day), cmp.Compare(a.Client, b.Client), cmp.Compare(a.Service, b.Service))
	})
	return usage, nil
}

// Today returns the calls of all nodes to each service on the day of now. The
// error has kind sesuai.KindUnavailable.
func (s *Store) Today(ctx context.Context, now time.Time) (map[Service]Today, error) {
	today := make(map[Service]Today)
	_, err := sqldb.Collect(ctx, s.db.Read(), func(rows *sql.Rows) (struct{}, error) {
		var service Service
		var calls, first int64
		err := rows.Scan(&service, &calls, &first)
		today[service] = Today{Calls: calls, First: time.UnixMicro(first)}
		return struct{}{}, err
	}, selectToday, int64(DayOf(now)))
	if err != nil {
		return nil, sqldb.Unavailable(ctx, "counting the calls of today", err)
	}
	return today, nil
}
