package audit

import (
	"context"
	"errors"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/sqldb"
)

// Each implements Reader. It reads forwards, a span of numbers at a time.
func (t *Trail) Each(ctx context.Context, f Filter, do func(Entry) error) error {
	s, err := t.selectionOf(ctx, f)
	if err != nil {
		return err
	}
	for after := s.first - 1; after < s.last; after += readSpan {
		if err := t.eachOfSpan(ctx, s, after, min(after+readSpan, s.last), do); err != nil {
			return err
		}
	}
	return nil
}

// eachOfSpan is Each for the events after one number up to another. They are read
// before do is called, since a statement that waits for do would keep SQLite from
// checkpointing.
func (t *Trail) eachOfSpan(ctx context.Context, s selection, after, to int64, do func(Entry) error) error {
	query, args := t.conditions(s, after, to)
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

// unread returns the error of reading events as Reader has it.
func unread(ctx context.Context, err error) error {
	if errors.Is(err, errUnreadable) {
		return &sesuai.Error{
			Kind: sesuai.KindUnavailable, Detail: "an event cannot be read: sesuai audit verify says which", Err: err,
		}
	}
	return sqldb.Unavailable(ctx, "reading the audit trail", err)
}
