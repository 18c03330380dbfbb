package audit

import (
	"context"
	"errors"
	"math"

	"github.com/sesuai/sesuai/internal/sqldb"
)

const selectEvents = `SELECT ` + eventColumns + ` FROM audit_events WHERE seq > $1 ORDER BY seq LIMIT $2`

// pageSize is the number of events that Verify reads at once. SQLite cannot
// restart its write-ahead log while a statement reads, so statements are short.
const pageSize = 1000

// Verify checks the whole trail and returns its head. The error is a *BrokenError
// for the first event that is not as it was recorded, or has kind
// sesuai.KindUnavailable if the trail could not be read. Events may be appended
// meanwhile.
func (t *Trail) Verify(ctx context.Context) (Head, error) { return t.VerifyFrom(ctx, Head{}) }

// VerifyFrom is Verify for the events after a head, which the caller trusts. It
// also shows whether that head itself is still in the trail.
func (t *Trail) VerifyFrom(ctx context.Context, head Head) (Head, error) {
	for {
		// The recorded head is read before the events: all events up to it are
		// there then, whatever is appended in between.
		last := t.lastSeen()
		recorded, mac, err := t.readHead(ctx, t.o.DB.Read())
		if err != nil {
			return head, err
		}
		before := head.Seq
		if head, err = t.verifyPage(ctx, head, pageSize); err != nil {
			return head, err
		}
		if head.Seq > before {
			continue
		}
		if err := head.Check(recorded); err != nil {
			return head, err
		}
		if err := t.accept(recorded, mac, last); err != nil {
			return head, err
		}
		return recorded, nil
	}
}

// verifyPage checks up to limit events after a head and returns the head after
// them. Errors are those of Verify.
func (t *Trail) verifyPage(ctx context.Context, head Head, limit int64) (Head, error) {
	after := head.Seq
	if after == 0 {
		after = math.MinInt64 // no event may have such a number
	}
	entries, unread := sqldb.Collect(ctx, t.o.DB.Read(), scanEntry, selectEvents, after, limit)
	head, err := head.Verify(entries, t.o.Chain.Hash)
	switch {
	case err != nil:
		return head, err
	case errors.Is(unread, errUnreadable):
		return head, &BrokenError{head.Seq + 1, "it cannot be read"}
	case unread != nil:
		return head, sqldb.Unavailable(ctx, "reading the audit trail", unread)
	default:
		return head, nil
	}
}

// Broken returns a *BrokenError in the chain of err by itself, and any other
// error as sqldb.Unavailable does. It returns nil for nil.
func Broken(ctx context.Context, doing string, err error) error {
	if err == nil {
		return nil
	}
	if broken, ok := errors.AsType[*BrokenError](err); ok {
		return broken
	}
	return sqldb.Unavailable(ctx, doing, err)
}
