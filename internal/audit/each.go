package audit

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/sqldb"
)

// selectAtOrAfter returns the number and the time of the first event from a number on.
const selectAtOrAfter = `SELECT seq, at FROM audit_events WHERE seq >= $1 ORDER BY seq LIMIT 1`

// Each implements Reader. It reads forwards, a span of numbers at a time, and needs no
// index but that of the numbers.
func (t *Trail) Each(ctx context.Context, f Filter, do func(Entry) error) error {
	var last int64
	if err := t.o.DB.Read().QueryRowContext(ctx, selectLast).Scan(&last); err != nil {
		return sqldb.Unavailable(ctx, "reading the audit trail", err)
	}
	if f.Before > 0 {
		last = min(last, f.Before-1)
	}
	from, err := t.firstSince(ctx, f, last)
	if err != nil {
		return err
	}
	// Events from this time on are too late for any that f selects to come after them.
	end := f.Until.Add(maxDisorder)
	for after := from - 1; after < last; after += readSpan {
		to := min(after+readSpan, last)
		if err := t.eachOfSpan(ctx, f, after, to, do); err != nil {
			return err
		}
		if f.Until.IsZero() {
			continue
		}
		if seq, at, err := t.atOrAfter(ctx, to); err != nil || seq > 0 && !at.Before(end) {
			return err
		}
	}
	return nil
}

// eachOfSpan is Each for the events after one number up to another. They are read
// before do is called, since a statement that waits for do would keep SQLite from
// checkpointing.
func (t *Trail) eachOfSpan(ctx context.Context, f Filter, after, to int64, do func(Entry) error) error {
	query, args := t.conditions(f, after, to)
	events, err := sqldb.Collect(ctx, t.o.DB.Read(), scanEntry, `SELECT `+eventColumns+` FROM audit_events WHERE `+query+` ORDER BY seq`, args...)
	if err != nil {
		return unread(ctx, err)
	}
	for _, e := range events {
		if err := do(e); err != nil {
			return err
		}
	}
	return nil
}

// firstSince returns a number in front of which f selects no event. An event is at most
// maxDisorder older than the one before it, so a binary search finds one.
func (t *Trail) firstSince(ctx context.Context, f Filter, last int64) (int64, error) {
	low, _, err := t.atOrAfter(ctx, 1)
	if err != nil {
		return 0, err
	}
	if low = max(low, f.After+1); f.Since.IsZero() {
		return low, nil
	}
	since := f.Since.Add(-maxDisorder)
	for high := last + 1; low < high; {
		middle := low + (high-low)/2
		seq, at, err := t.atOrAfter(ctx, middle)
		if err != nil {
			return 0, err
		}
		if seq == 0 || !at.Before(since) {
			high = middle
		} else {
			low = seq + 1
		}
	}
	return low, nil
}

// atOrAfter returns the number and the time of the first event from a number on; 0 if
// there is none.
func (t *Trail) atOrAfter(ctx context.Context, from int64) (seq int64, at time.Time, err error) {
	var micro int64
	err = t.o.DB.Read().QueryRowContext(ctx, selectAtOrAfter, from).Scan(&seq, &micro)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, time.Time{}, nil
	}
	if err != nil {
		return 0, time.Time{}, sqldb.Unavailable(ctx, "reading the audit trail", err)
	}
	return seq, time.UnixMicro(micro), nil
}

// unread returns the error of reading events as Reader has it.
func unread(ctx context.Context, err error) error {
	if errors.Is(err, errUnreadable) {
		return &sesuai.Error{
			Kind: sesuai.KindUnavailable, Detail: "an event cannot be read: sesuai audit verify says which", Err: err,
		}
	}
	return sqldb.Unavailable(ctx, "reading the audit trail", err)
}
