package audit

import (
	"context"
	"fmt"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/sqldb"
)

// Selection is a part of all events.
type Selection uint8

// The selections.
const (
	Everything Selection = iota
	// OnlyVerifications are all events but changes.
	OnlyVerifications
	OnlyChanges
)

// Filter selects events. The zero value of a field selects all of them.
type Filter struct {
	// Since is the earliest time, and Until the first later one that is omitted.
	Since, Until time.Time
	// After is the number of an event: only those behind it are selected.
	After int64
	// Before is the number of an event, or 0: only those in front of it are selected.
	Before int64
	// Client is the ID of the client.
	Client string
	// RequestIDs are the ids of requests, any of them.
	RequestIDs []string
	// References are the clients' own ids for requests, any of them.
	References []string
	// IDs are of either kind, any of them.
	IDs []string
	NIK sesuai.NIK
	// Flags are those that an event has all of.
	Flags Flags
	Of    Selection
	// Reason is a part of the reason of a verification, or of the action of a
	// change, in letters of either case.
	Reason string
	// Limit is the maximum number of events of Events.
	Limit int
}

// Reader reads events. It is safe for concurrent use.
type Reader interface {
	// Events returns the selected events, the last one first. It does not verify
	// them: see Trail.Verify. Errors have kind sesuai.KindUnavailable, with the
	// error of a ctx that has ended in the chain.
	Events(ctx context.Context, f Filter) ([]Entry, error)
	// Each calls do with each of the selected events, the first one first, and
	// keeps none of them, however many there are. Events that are appended
	// meanwhile may be omitted. An error of do ends it and is returned as it is;
	// the others are those of Events.
	Each(ctx context.Context, f Filter, do func(Entry) error) error
}

// readSpan is how many events one statement looks at first: see pageSize.
const readSpan = 10_000

// Events implements Reader. It reads backwards until it has enough events. Each statement
// looks at twice as many as the one before it: what is frequent is found among the last
// ones, and what is rare by few statements, in an index.
func (t *Trail) Events(ctx context.Context, f Filter) (events []Entry, err error) {
	s, err := t.selectionOf(ctx, f)
	if err != nil {
		return nil, err
	}
	size := int64(readSpan)
	for to := s.last; to >= s.first; {
		after := max(to-size, s.first-1)
		query, args := t.conditions(s, after, to)
		query = `SELECT ` + eventColumns + ` FROM audit_events WHERE ` + query + ` ORDER BY seq DESC`
		if f.Limit > 0 {
			query += fmt.Sprintf(" LIMIT %d", f.Limit-len(events))
			size *= 2
		}
		span, err := sqldb.Collect(ctx, t.o.DB.Read(), scanEntry, query, args...)
		if err != nil {
			return nil, unread(ctx, err)
		}
		if events = append(events, span...); f.Limit > 0 && len(events) >= f.Limit {
			break
		}
		to = after
	}
	return events, nil
}
