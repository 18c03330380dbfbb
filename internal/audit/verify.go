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
func (t *Trail) Verify(ctx context.Context) (Head, error) {
	var head Head
	for after := int64(math.MinInt64); ; after = head.Seq {
		// The recorded head is read before the events: all events up to it are
		// there then, whatever is appended in between.
		recorded, err := t.Head(ctx)
		if err != nil {
			return head, err
		}
		entries, unread := sqldb.Collect(ctx, t.o.DB.Read(), scanEntry, selectEvents, after, pageSize)
		if head, err = head.Verify(entries, t.o.Chain.Hash); err != nil {
			return head, err
		}
		switch {
		case errors.Is(unread, errUnreadable):
			return head, &BrokenError{head.Seq + 1, "it cannot be read"}
		case unread != nil:
			return head, sqldb.Unavailable(ctx, "reading the audit trail", unread)
		case len(entries) == 0:
			return head, head.Check(recorded)
		}
	}
}
