package audit

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"math"
	"runtime"
	"sync"
	"time"

	"github.com/sesuai/sesuai/internal/sqldb"
)

const (
	selectEvents = `SELECT ` + eventColumns + ` FROM audit_events WHERE seq > $1 AND seq <= $2 ORDER BY seq`
	selectPacked = `SELECT ` + packedColumns + ` FROM audit_events WHERE seq > $2 AND seq <= $3 ORDER BY seq`
)

// pageSize is the number of events that Verify reads at once. SQLite cannot
// restart its write-ahead log while a statement reads, so statements are short.
const pageSize = 1000

// Verify checks the whole trail and returns its head. The error is a *BrokenError
// for the first event that is not as it was recorded, or has kind
// sesuai.KindUnavailable if the trail could not be read. Events may be appended
// meanwhile.
func (t *Trail) Verify(ctx context.Context) (Head, error) { return t.VerifyFrom(ctx, Head{}) }

// VerifyFrom is Verify for the events after a head, which the caller trusts. It
// also shows whether that head itself is still in the trail. If the events after the
// head were removed because of their age, it starts with the first one that is there.
func (t *Trail) VerifyFrom(ctx context.Context, head Head) (Head, error) {
	for {
		// The recorded head is read before the events: all events up to it are
		// there then, whatever is appended in between.
		last := t.lastSeen()
		r, err := t.readHead(ctx, t.o.DB.Read())
		if err != nil {
			return head, err
		}
		base, err := t.baseOf(r)
		if err != nil {
			return head, err
		}
		if head.Seq < base.Seq {
			head = base
		}
		before := head.Seq
		if head, err = t.verifyAfter(ctx, head, base, r.head.Seq); err != nil {
			if t.removedMeanwhile(ctx, base) {
				continue
			}
			return head, t.dated(ctx, err)
		}
		if head.Seq > before {
			continue
		}
		if err := head.Check(r.head); err != nil {
			return head, t.dated(ctx, err)
		}
		if err := t.accept(r, last); err != nil {
			return head, t.dated(ctx, err)
		}
		return r.head, nil
	}
}

// verifyAfter verifies the events after a head up to another number and, at the end of
// the trail, what is beyond it.
func (t *Trail) verifyAfter(ctx context.Context, head, base Head, to int64) (Head, error) {
	if to-head.Seq > 2*pageSize {
		return t.verifyPages(ctx, head, base, to)
	}
	return t.verifyPage(ctx, head, base, math.MaxInt64)
}

// verifyPage verifies the events after a head up to another number, and returns the head
// after them. At the base it also shows events that were inserted before it. Errors are
// those of Verify.
func (t *Trail) verifyPage(ctx context.Context, head, base Head, to int64) (Head, error) {
	after := head.Seq
	if after == base.Seq {
		after = math.MinInt64 // no event may have such a number
	}
	end, err := t.verifyRows(ctx, head, (*Entry).decodePacked, selectPacked, separator, after, to)
	if isBroken(err) {
		// Packed columns need not be readable. What is wrong, if anything, shows in all columns.
		return t.verifyRows(ctx, head, (*Entry).decode, selectEvents, after, to)
	}
	return end, err
}

// verifyRows verifies the events that a query returns, and returns the head after them.
// Errors are those of Verify.
func (t *Trail) verifyRows(ctx context.Context, head Head, decode func(*Entry, []driver.Value) error, query string, args ...driver.Value) (Head, error) {
	v := verifier{head: head, mac: t.o.Chain.Hash}
	var e Entry
	err := t.o.DB.EachRow(ctx, func(values []driver.Value) error {
		if err := decode(&e, values); err != nil {
			return err
		}
		return v.next(&e)
	}, query, args...)
	switch {
	case err == nil || isBroken(err):
		return v.head, err
	case errors.Is(err, errUnreadable):
		return v.head, brokenAt(v.head.Seq+1, "it cannot be read")
	default:
		return v.head, sqldb.Unavailable(ctx, "reading the audit trail", err)
	}
}

// page is what verifying a page of events has found. start is the head before it as it is
// stored, and end the one that its events lead to.
type page struct {
	start, end Head
	err        error
}

// verifyPages is verifyPage for many events. Each stored hash links to the one before it,
// so pages are verified at the same time, each from the stored hash before it. That must
// be the one that the page before leads to.
func (t *Trail) verifyPages(ctx context.Context, head, base Head, to int64) (Head, error) {
	var running sync.WaitGroup
	defer running.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	pages := make(chan chan page, runtime.GOMAXPROCS(0)-1) // so many at the same time, and the one that is waited for
	running.Go(func() {
		defer close(pages)
		for start := head; start.Seq < to; start = (Head{Seq: min(start.Seq+pageSize, to)}) {
			done := make(chan page, 1)
			select {
			case pages <- done:
				running.Go(func() { done <- t.verifyStored(ctx, start, base, min(start.Seq+pageSize, to)) })
			case <-ctx.Done():
				return
			}
		}
	})
	for done := range pages {
		p := <-done
		if p.start.Hash != head.Hash && (p.err == nil || isBroken(p.err)) {
			return head, brokenAt(head.Seq, "it was changed while it was read")
		}
		if p.err != nil {
			return p.end, p.err
		}
		head = head.join(p.end)
		if want := min(p.start.Seq+pageSize, to); head.Seq < want {
			return head, brokenAt(head.Seq+1, "it is missing")
		}
	}
	return head, ctx.Err()
}

// verifyStored verifies the page after a head. If that has no hash, the one that is
// stored is read first.
func (t *Trail) verifyStored(ctx context.Context, start, base Head, to int64) (p page) {
	if start.Seq > 0 && start.Hash == [32]byte{} {
		if start, p.err = t.headAt(ctx, start.Seq); p.err != nil {
			return p
		}
	}
	p.start = start
	p.end, p.err = t.verifyPage(ctx, start, base, to)
	return p
}

// join returns next, the head after further events, with the states of h where those
// events have none.
func (h Head) join(next Head) Head {
	if next.People == [32]byte{} {
		next.People = h.People
	}
	if next.Clients == [32]byte{} {
		next.Clients = h.Clients
	}
	return next
}

// headAt returns the head after the event of that number, as it is stored, without
// states; without a hash if there is no such event. The next event shows whether it was
// changed.
func (t *Trail) headAt(ctx context.Context, seq int64) (Head, error) {
	if seq <= 0 {
		return Head{}, nil
	}
	h := Head{Seq: seq}
	err := t.o.DB.Read().QueryRowContext(ctx, `SELECT hash FROM audit_events WHERE seq = $1`, seq).Scan(sqldb.ScanHash(&h.Hash))
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return Head{}, sqldb.Unavailable(ctx, "reading the audit trail", err)
	}
	return h, nil
}

// removedMeanwhile reports whether events were removed because of their age since the
// base was read.
func (t *Trail) removedMeanwhile(ctx context.Context, base Head) bool {
	now, err := t.Base(ctx)
	return err == nil && now.Seq > base.Seq
}

// dated sets the time of a *BrokenError about an event. Other errors stay as they are.
func (t *Trail) dated(ctx context.Context, err error) error {
	broken, ok := errors.AsType[*BrokenError](err)
	if !ok || broken.Seq == 0 {
		return err
	}
	var at int64
	const selectTime = `SELECT at FROM audit_events WHERE seq <= $1 ORDER BY seq DESC LIMIT 1`
	if t.o.DB.Read().QueryRowContext(ctx, selectTime, broken.Seq).Scan(&at) != nil {
		return err // it is broken, whenever it was
	}
	dated := *broken
	dated.Time = time.UnixMicro(at)
	return &dated
}

// isBroken reports whether a *BrokenError is in the chain of err.
func isBroken(err error) bool {
	_, ok := errors.AsType[*BrokenError](err)
	return ok
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
