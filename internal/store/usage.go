package store

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"time"

	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/dukcapil/ledger"
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

	selectReturns = `
		SELECT day, count(*), count(delivered_at), min(CASE WHEN delivered_at IS NULL THEN at END)
		FROM returns WHERE day BETWEEN $1 AND $2 GROUP BY day`

	// selectVerdicts counts by days of so many microseconds, after $4 more of
	// them.
	selectVerdicts = `
		SELECT (at + $4) / $5 AS day, count(*), sum(CASE WHEN result = $1 THEN 1 ELSE 0 END)
		FROM audit_events WHERE result IN ($1, $6) AND at >= $2 AND at < $3 GROUP BY day`
)

// Usage is what clients used of the services on each day from one to another,
// both included, in the order of day, client and service. What other processes
// have ended in the last moment may be without its ending yet.
func (s *Store) Usage(ctx context.Context, from, to ledger.Day) ([]ledger.Usage, error) {
	if err := s.calls.flush(ctx); err != nil {
		return nil, unavailable(ctx, "writing the ends of calls", err)
	}
	usage, err := rowsOf(ctx, s.primary.db, func(rows *sql.Rows) (u ledger.Usage, err error) {
		var unknown int64
		err = rows.Scan(&u.Day, &u.Client, &u.Service, &u.Calls, &u.Billed, &u.Unknown, &u.Rupiah, &unknown)
		u.Failed = u.Calls - u.Billed - u.Unknown
		u.RupiahAtMost = u.Rupiah + unknown
		return u, err
	}, selectUsage, int64(from), int64(to))
	if err != nil {
		return nil, unavailable(ctx, "reading the account of calls", err)
	}
	slices.SortFunc(usage, func(a, b ledger.Usage) int {
		return cmp.Or(cmp.Compare(a.Day, b.Day), cmp.Compare(a.Client, b.Client), cmp.Compare(a.Service, b.Service))
	})
	return usage, nil
}

// Today is what there was of each service so far on this day, of all nodes.
func (s *Store) Today(ctx context.Context) (map[ledger.Service]ledger.Today, error) {
	today := make(map[ledger.Service]ledger.Today)
	_, err := rowsOf(ctx, s.primary.db, func(rows *sql.Rows) (struct{}, error) {
		var service ledger.Service
		var calls, first int64
		err := rows.Scan(&service, &calls, &first)
		today[service] = ledger.Today{Calls: calls, First: time.UnixMicro(first)}
		return struct{}{}, err
	}, selectToday, int64(ledger.DayOf(s.o.Now())))
	if err != nil {
		return nil, unavailable(ctx, "counting the calls of today", err)
	}
	return today, nil
}

// Report is what is to be reported about a half-year, as of now. It reads the
// whole audit trail.
func (s *Store) Report(ctx context.Context, h ledger.HalfYear) (ledger.Report, error) {
	first, last := h.Days()
	usage, err := s.Usage(ctx, first, last)
	if err != nil {
		return ledger.Report{}, err
	}
	const micro = int64(time.Second / time.Microsecond)
	_, ahead := first.Start().Zone()
	verdicts, err := rowsOf(ctx, s.primary.db, func(rows *sql.Rows) (v ledger.Verdicts, err error) {
		err = rows.Scan(&v.Day, &v.Given, &v.Verified)
		return v, err
	}, selectVerdicts, string(audit.Verified), first.Start().UnixMicro(), (last + 1).Start().UnixMicro(),
		int64(ahead)*micro, 24*60*60*micro, string(audit.NotVerified))
	if err != nil {
		return ledger.Report{}, unavailable(ctx, "counting verdicts", err)
	}
	returns, err := rowsOf(ctx, s.primary.db, func(rows *sql.Rows) (r ledger.Returns, err error) {
		var oldest sql.NullInt64
		err = rows.Scan(&r.Day, &r.Owed, &r.Delivered, &oldest)
		if oldest.Valid {
			r.Oldest = time.UnixMicro(oldest.Int64)
		}
		return r, err
	}, selectReturns, int64(first), int64(last))
	if err != nil {
		return ledger.Report{}, unavailable(ctx, "counting returns", err)
	}
	return ledger.NewReport(h, usage, verdicts, returns, s.o.Now()), nil
}

// rowsOf are the rows of a query, each as scan reads it.
func rowsOf[T any](ctx context.Context, q querier, scan func(*sql.Rows) (T, error), query string, args ...any) ([]T, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // rows.Err says it
	var all []T
	for rows.Next() {
		row, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, row)
	}
	return all, rows.Err()
}
