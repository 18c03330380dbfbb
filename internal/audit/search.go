package audit

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/sesuai/sesuai/internal/sqldb"
)

const (
	selectFirst = `SELECT coalesce(min(seq), 0) FROM audit_events`
	selectLast  = `SELECT coalesce(max(seq), 0) FROM audit_events`

	// selectFrom and selectTo return the first and the last number of the maxDisorder events
	// that are next to a time.
	selectFrom = `SELECT min(seq) FROM (SELECT seq FROM audit_events WHERE at >= $1 ORDER BY at LIMIT $2) AS next`
	selectTo   = `SELECT max(seq) FROM (SELECT seq FROM audit_events WHERE at < $1 ORDER BY at DESC LIMIT $2) AS next`

	// maxDisorder is how many events that started later than another one may be in front of
	// it. There are some, since an event is appended when its request ends, and since the
	// clocks of nodes differ.
	maxDisorder = 100_000

	// selectNextReason returns the next reason or action in the order of audit_by_reason.
	selectNextReason = `SELECT reason || action FROM audit_events WHERE reason || action > $1 ORDER BY reason || action LIMIT 1`

	// maxReasons is how many different ones are looked at. Sesuai has fewer than 200.
	maxReasons = 1000

	// selectResults counts the events from a time on by their results.
	selectResults = `SELECT result, count(*) FROM audit_events WHERE at >= $1 GROUP BY result`
)

// selection is what a Filter selects of the events that there are now.
type selection struct {
	Filter
	// first and last are the numbers that bound the events.
	first, last int64
	// reasons are those that contain Filter.Reason.
	reasons []string
}

// selectionOf looks up what bounds the selected events. Errors have kind
// sesuai.KindUnavailable.
func (t *Trail) selectionOf(ctx context.Context, f Filter) (s selection, err error) {
	s = selection{Filter: f, first: f.After + 1, last: math.MaxInt64}
	if f.Before > 0 {
		s.last = f.Before - 1
	}
	first := func(seq int64) { s.first = max(s.first, seq) }
	last := func(seq int64) { s.last = min(s.last, seq) }
	for _, bound := range []struct {
		query string
		at    time.Time
		bound func(int64)
		none  int64 // where no event is
	}{
		{selectFirst, time.Time{}, first, 0},
		{selectLast, time.Time{}, last, 0},
		{selectFrom, f.Since, first, math.MaxInt64},
		{selectTo, f.Until, last, 0},
	} {
		var args []any
		if bound.query == selectFrom || bound.query == selectTo {
			if bound.at.IsZero() {
				continue
			}
			args = []any{bound.at.UnixMicro(), maxDisorder}
		}
		var seq sql.NullInt64
		if err := t.o.DB.Read().QueryRowContext(ctx, bound.query, args...).Scan(&seq); err != nil {
			return s, sqldb.Unavailable(ctx, "reading the audit trail", err)
		}
		if !seq.Valid {
			seq.Int64 = bound.none
		}
		bound.bound(seq.Int64)
	}
	if f.Reason != "" {
		if s.reasons, err = t.reasonsWith(ctx, f.Reason); len(s.reasons) == 0 {
			s.last = 0
		}
	}
	return s, err
}

// reasonsWith returns the reasons and actions that contain a text, in letters of either case.
func (t *Trail) reasonsWith(ctx context.Context, text string) (with []string, err error) {
	reason := ""
	for range maxReasons {
		err := t.o.DB.Read().QueryRowContext(ctx, selectNextReason, reason).Scan(&reason)
		if errors.Is(err, sql.ErrNoRows) {
			break
		}
		if err != nil {
			return nil, sqldb.Unavailable(ctx, "reading the audit trail", err)
		}
		if strings.Contains(strings.ToLower(reason), strings.ToLower(text)) {
			with = append(with, reason)
		}
	}
	return with, nil
}

// conditions returns what selects the events after one number up to another.
func (t *Trail) conditions(s selection, after, to int64) (text string, args []any) {
	var all []string
	add := func(condition string, arg any) {
		args = append(args, arg)
		all = append(all, fmt.Sprintf(condition, len(args)))
	}
	add("seq > $%d", after)
	add("seq <= $%d", to)
	if !s.Since.IsZero() {
		add("at >= $%d", s.Since.UnixMicro())
	}
	if !s.Until.IsZero() {
		add("at < $%d", s.Until.UnixMicro())
	}
	// Few events have flags. SQLite does not know that and would find those of a client or a
	// reason by their indexes, which an expression prevents.
	unindexed := ""
	if s.Flags != 0 {
		unindexed = " || ''"
	}
	if s.Client != "" {
		add("client"+unindexed+" = $%d", s.Client)
	}
	anyOf := func(values []string, columns ...string) {
		if len(values) == 0 {
			return
		}
		var places, either []string
		for _, v := range values {
			args = append(args, v)
			places = append(places, fmt.Sprintf("$%d", len(args)))
		}
		for _, column := range columns {
			either = append(either, column+" IN ("+strings.Join(places, ", ")+")")
		}
		all = append(all, "("+strings.Join(either, " OR ")+")")
	}
	anyOf(s.RequestIDs, "request_id")
	anyOf(s.References, "reference")
	anyOf(s.IDs, "request_id", "reference")
	anyOf(s.reasons, "reason || action"+unindexed)
	if !s.NIK.IsZero() {
		hash := t.hashNIK(s.NIK)
		add("nik = $%d", hash[:])
	}
	if s.Flags != 0 {
		all = append(all, "flags <> ''") // for audit_by_flag
		for _, name := range strings.Fields(s.Flags.String()) {
			add(`' ' || flags || ' ' LIKE $%d ESCAPE '\'`, "% "+strings.ReplaceAll(name, "_", `\_`)+" %")
		}
	}
	// A constant and no argument, for audit_changes.
	switch s.Of {
	case OnlyVerifications:
		all = append(all, "result <> '"+string(Changed)+"'")
	case OnlyChanges:
		all = append(all, "result = '"+string(Changed)+"'")
	}
	return strings.Join(all, " AND "), args
}

// Results returns the number of events since a time by their results. Errors have kind
// sesuai.KindUnavailable.
func (t *Trail) Results(ctx context.Context, since time.Time) (map[Result]int64, error) {
	counts := make(map[Result]int64)
	_, err := sqldb.Collect(ctx, t.o.DB.Read(), func(rows *sql.Rows) (struct{}, error) {
		var result Result
		var n int64
		err := rows.Scan((*string)(&result), &n)
		counts[result] = n
		return struct{}{}, err
	}, selectResults, since.UnixMicro())
	if err != nil {
		return nil, sqldb.Unavailable(ctx, "counting events", err)
	}
	return counts, nil
}
