package audit

import (
	"context"
	"fmt"
	"strings"
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
	Of  Selection
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

const (
	// readSpan is how many events one statement looks at: see pageSize.
	readSpan = 10_000
	// maxDisorder is how much earlier than the event before it an event may have
	// started: the longest time that the configuration allows for a request.
	maxDisorder = time.Hour

	selectFirst = `SELECT coalesce(min(seq), 0) FROM audit_events`
	selectLast  = `SELECT coalesce(max(seq), 0) FROM audit_events`

	// selectNewest returns the latest time of a span of events; 0 if it has none.
	selectNewest = `SELECT coalesce(max(at), 0) FROM audit_events WHERE seq > $1 AND seq <= $2`
)

// Events implements Reader. It reads backwards until it has enough events, or until
// those that are left are too old.
func (t *Trail) Events(ctx context.Context, f Filter) (events []Entry, err error) {
	var first, last int64
	for query, seq := range map[string]*int64{selectFirst: &first, selectLast: &last} {
		if err := t.o.DB.Read().QueryRowContext(ctx, query).Scan(seq); err != nil {
			return nil, sqldb.Unavailable(ctx, "reading the audit trail", err)
		}
	}
	first = max(first, f.After+1, 1)
	if f.Before > 0 {
		last = min(last, f.Before-1)
	}
	for to := last; to >= first; to -= readSpan {
		span, err := t.readSpan(ctx, f, max(to-readSpan, f.After), to, f.Limit-len(events))
		if err != nil {
			return nil, err
		}
		if events = append(events, span...); f.Limit > 0 && len(events) >= f.Limit {
			break
		}
		if old, err := t.allBefore(ctx, f.Since, to-readSpan, to); old || err != nil {
			return events, err
		}
	}
	return events, nil
}

// readSpan returns up to limit of the selected events after one number up to
// another; all of them if f has no limit.
func (t *Trail) readSpan(ctx context.Context, f Filter, after, to int64, limit int) ([]Entry, error) {
	query, args := t.conditions(f, after, to)
	query = `SELECT ` + eventColumns + ` FROM audit_events WHERE ` + query + ` ORDER BY seq DESC`
	if f.Limit > 0 {
		query += fmt.Sprintf(" LIMIT %d", limit)
	}
	events, err := sqldb.Collect(ctx, t.o.DB.Read(), scanEntry, query, args...)
	if err != nil {
		return nil, unread(ctx, err)
	}
	return events, nil
}

// conditions returns what selects the events after one number up to another.
func (t *Trail) conditions(f Filter, after, to int64) (text string, args []any) {
	var all []string
	add := func(condition string, arg any) {
		args = append(args, arg)
		all = append(all, fmt.Sprintf(condition, len(args)))
	}
	add("seq > $%d", after)
	add("seq <= $%d", to)
	if !f.Since.IsZero() {
		add("at >= $%d", f.Since.UnixMicro())
	}
	if !f.Until.IsZero() {
		add("at < $%d", f.Until.UnixMicro())
	}
	if f.Client != "" {
		add("client = $%d", f.Client)
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
	anyOf(f.RequestIDs, "request_id")
	anyOf(f.References, "reference")
	anyOf(f.IDs, "request_id", "reference")
	if !f.NIK.IsZero() {
		hash := t.hashNIK(f.NIK)
		add("nik = $%d", hash[:])
	}
	switch f.Of {
	case OnlyVerifications:
		add("result <> $%d", string(Changed))
	case OnlyChanges:
		add("result = $%d", string(Changed))
	}
	if f.Reason != "" {
		literal := strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(strings.ToLower(f.Reason))
		add(`lower(reason || action) LIKE $%d ESCAPE '\'`, "%"+literal+"%")
	}
	return strings.Join(all, " AND "), args
}

// allBefore reports whether the events after one number up to another are so old
// that no earlier one can be from since or later.
func (t *Trail) allBefore(ctx context.Context, since time.Time, after, to int64) (bool, error) {
	if since.IsZero() {
		return false, nil
	}
	var newest int64
	if err := t.o.DB.Read().QueryRowContext(ctx, selectNewest, after, to).Scan(&newest); err != nil {
		return false, sqldb.Unavailable(ctx, "reading the audit trail", err)
	}
	return newest < since.Add(-maxDisorder).UnixMicro(), nil
}
