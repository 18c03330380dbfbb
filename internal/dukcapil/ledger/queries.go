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
	selectDays = `SELECT DISTINCT day FROM upstream_calls WHERE day BETWEEN $1 AND $2`

	selectDay = `SELECT ` + rowColumns + ` FROM upstream_calls WHERE day = $1`

	// selectMoved are the calls of a time that stand on a day outside of it: the
	// day of the row was changed. The index has both columns.
	selectMoved = `SELECT ` + rowColumns + ` FROM upstream_calls
		WHERE at >= $1 AND at < $2 AND day NOT BETWEEN $3 AND $4`

	selectToday = `SELECT service, count(*), min(at) FROM upstream_calls WHERE day = $1 GROUP BY service`
)

// Usage returns what clients used of the services from one day to another, both
// included, ordered by day, client and service. It reads and verifies every call of
// these days. Completions that other processes have recorded in the last moment may
// be missing. The error has kind sesuai.KindUnavailable.
func (s *Store) Usage(ctx context.Context, from, to Day) ([]Usage, error) {
	if err := s.flush(ctx); err != nil {
		return nil, sqldb.Unavailable(ctx, "writing the completions of calls", err)
	}
	days, err := sqldb.Collect(ctx, s.o.DB.Read(), func(rows *sql.Rows) (day Day, err error) { return day, rows.Scan(&day) },
		selectDays, int64(from), int64(to))
	if err != nil {
		return nil, sqldb.Unavailable(ctx, "reading the call log", err)
	}
	altered := false
	defer func() {
		if altered {
			s.o.Alert("upstream_calls") // once, however many there are
		}
	}()
	sums := make(usageSums)
	add := func(r row, c Counts) {
		sums.add(r, c)
		altered = altered || c.Altered > 0 && r.mac != nil
	}
	for _, day := range days { // a statement for each, so that none is long
		if err := s.each(ctx, add, selectDay, int64(day)); err != nil {
			return nil, sqldb.Unavailable(ctx, "reading the call log", err)
		}
	}
	moved := func(r row, c Counts) {
		r.day = DayOf(time.UnixMicro(r.at))
		add(r, c)
	}
	err = s.each(ctx, moved, selectMoved, from.Start().UnixMicro(), (to + 1).Start().UnixMicro(), int64(from), int64(to))
	if err != nil {
		return nil, sqldb.Unavailable(ctx, "reading the call log", err)
	}
	return sums.sorted(), nil
}

// each verifies the rows of a query and passes each on with its counts.
func (s *Store) each(ctx context.Context, f func(row, Counts), query string, args ...any) error {
	_, err := sqldb.Collect(ctx, s.o.DB.Read(), func(rows *sql.Rows) (struct{}, error) {
		r, err := scanRow(rows)
		if err != nil {
			return struct{}{}, err
		}
		c := r.counts()
		if r.altered(s.o.Rows) {
			c.Altered = 1
		}
		f(r, c)
		return struct{}{}, nil
	}, query, args...)
	return err
}

// usageSums are the counts of each Usage, whose own are zero.
type usageSums map[Usage]Counts

func (u usageSums) add(r row, c Counts) {
	key := Usage{Day: r.day, Client: r.client, Service: r.service}
	u[key] = u[key].Plus(c)
}

func (u usageSums) sorted() []Usage {
	var all []Usage
	for key, counts := range u {
		key.Counts = counts
		all = append(all, key)
	}
	slices.SortFunc(all, func(a, b Usage) int {
		return cmp.Or(cmp.Compare(a.Day, b.Day), cmp.Compare(a.Client, b.Client), cmp.Compare(a.Service, b.Service))
	})
	return all
}

// Today returns the calls of all nodes to each service on the day of now. The
// error has kind sesuai.KindUnavailable.
func (s *Store) Today(ctx context.Context, now time.Time) (map[Service]Today, error) {
	today := make(map[Service]Today)
	_, err := sqldb.Collect(ctx, s.o.DB.Read(), func(rows *sql.Rows) (struct{}, error) {
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
