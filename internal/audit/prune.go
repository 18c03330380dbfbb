package audit

import (
	"context"
	"errors"
	"time"

	"github.com/sesuai/sesuai/internal/sqldb"
)

const (
	// selectFirstSince returns the number of the first event after $1 and up to $2
	// that is not before $3; 0 if there is none.
	selectFirstSince = `SELECT coalesce(min(seq), 0) FROM audit_events WHERE seq > $1 AND seq <= $2 AND at >= $3`

	deleteEvents = `DELETE FROM audit_events WHERE seq > $1 AND seq <= $2`
)

// Pruned is what PruneBefore has removed.
type Pruned struct {
	// Events is the number of events that were removed.
	Events int64
	// Last is the number of the last event that was removed so far; 0 if none was.
	Last int64
	// More is whether there may be others to be removed.
	More bool
}

// PruneBefore removes events from the start of the trail whose times are before t, at most
// limit of them, in one transaction. It stops at the first event that is not. Call it
// again while there are more.
//
// The events are verified first: if one of them is not as it was recorded, the error is a
// *BrokenError and nothing is removed. The trail then starts with a signed checkpoint of
// the last event that was removed, and the removal is an event. removed is called first in
// the transaction, with the number of events; it may be nil, and its error prevents the
// removal. Other errors have kind sesuai.KindUnavailable.
func (t *Trail) PruneBefore(
	ctx context.Context, before time.Time, limit int, removed func(ctx context.Context, tx *sqldb.Tx, events int64) error,
) (Pruned, error) {
	last := t.lastSeen()
	r, err := t.readHead(ctx, t.o.DB.Read())
	if err != nil {
		return Pruned{}, err
	}
	if err := t.accept(r, last); err != nil {
		return Pruned{}, err
	}
	base, err := t.baseOf(r)
	if err != nil {
		return Pruned{}, err
	}
	to := min(base.Seq+int64(limit), r.head.Seq)
	var kept int64
	err = t.o.DB.Read().QueryRowContext(ctx, selectFirstSince, base.Seq, to, before.UnixMicro()).Scan(&kept)
	if err != nil {
		return Pruned{}, sqldb.Unavailable(ctx, "reading the audit trail", err)
	}
	more := kept == 0 && to < r.head.Seq
	if kept > 0 {
		to = kept - 1
	}
	if to <= base.Seq {
		return Pruned{Last: base.Seq}, nil
	}
	newBase, err := t.verifyPage(ctx, base, base, to)
	if err == nil && newBase.Seq < to {
		err = brokenAt(newBase.Seq+1, "it is missing")
	}
	if err != nil {
		return Pruned{Last: base.Seq}, t.dated(ctx, err)
	}
	// The base has the states that its events lead to, or those of the one before.
	newBase = base.join(newBase)
	err = t.removeTo(ctx, r.base, base.Seq, newBase, removed)
	if errors.Is(err, errRemovedElsewhere) {
		return Pruned{Last: base.Seq, More: true}, nil
	}
	if err != nil {
		return Pruned{Last: base.Seq}, Broken(ctx, "removing old events", err)
	}
	return Pruned{Events: to - base.Seq, Last: to, More: more}, nil
}

// errRemovedElsewhere: another process has removed events meanwhile.
var errRemovedElsewhere = errors.New("another process has removed events")

// removeTo removes the events up to a new base. The error is errRemovedElsewhere if the
// base is not the present one any more.
func (t *Trail) removeTo(
	ctx context.Context, present string, from int64, base Head, removed func(context.Context, *sqldb.Tx, int64) error,
) error {
	signed, err := t.SignCheckpoint(base, time.Now())
	if err != nil {
		return err
	}
	event := t.eventOf(ctx, Change{Action: EventsRemoved, Count: base.Seq, After: signed})
	return t.o.DB.InTx(ctx, func(tx *sqldb.Tx) error {
		if removed != nil {
			if err := removed(ctx, tx, base.Seq-from); err != nil {
				return err
			}
		}
		last := t.lastSeen()
		r, err := scanHead(tx.QueryRowContext(ctx, takeHead))
		if err != nil {
			return err
		}
		if err := t.accept(r, last); err != nil {
			return err
		}
		if r.base != present {
			return errRemovedElsewhere
		}
		if _, err := tx.ExecContext(ctx, deleteEvents, from, base.Seq); err != nil {
			return err
		}
		head, err := t.insertTx(ctx, tx, r.head, []Event{event})
		if err != nil {
			return err
		}
		return t.setHead(ctx, tx, head, string(signed))
	})
}
