package store

import (
	"context"
	"database/sql"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sesuai/sesuai/internal/dukcapil/ledger"
)

const (
	insertCall = `
		INSERT INTO upstream_calls (at, day, client, request_id, service, price, billable, duration)
		VALUES ($1, $2, $3, $4, $5, $6, 0, 0) RETURNING id`

	updateCall = `
		UPDATE upstream_calls SET class = $1, billable = $2, duration = $3 WHERE id = $4 AND class IS NULL`

	deleteCall = `DELETE FROM upstream_calls WHERE id = $1 AND class IS NULL`
)

const (
	// endLinger is how long the ending of a call waits at most for something
	// to be written with: until the next call is begun, where there is load.
	endLinger = 100 * time.Millisecond
	// endRetry is when endings that could not be written are tried again, and
	// maxEndings how many are kept for it; the calls of more stay without.
	endRetry   = time.Second
	maxEndings = 100_000
)

// calls writes the account of calls. Who begins a call waits until that is on
// the disk, together with all who begin one at that time. Nobody waits for an
// ending: it goes with the next batch of beginnings, or after endLinger. So a
// verification with two calls waits twice, and not four times.
type calls struct {
	s      *Store
	begins *gatherer[*begunCall]

	mu     sync.Mutex
	ends   []endedCall
	timer  *time.Timer // nil before the first ending
	armed  bool        // timer runs
	closed bool
}

// begunCall is a call that is being begun. A nil one writes the endings that
// wait.
type begunCall struct {
	call  ledger.Call
	id    int64 // once state is callBegun
	state atomic.Int32
}

// The states of a begunCall: it waits, it is on the disk, or whoever waited for
// it has left. Whichever of the last two comes first stays.
const (
	callWaits = iota
	callBegun
	callLeft
)

// endedCall is a call that has ended, or was withdrawn: then without an ending.
type endedCall struct {
	id     int64
	ending *ledger.Ending
}

func newCalls(s *Store) *calls {
	c := &calls{s: s}
	c.begins = newGatherer(c.commit)
	return c
}

// close writes what waits. Endings that cannot be written are lost: their calls
// have none, which is how Usage counts them.
func (c *calls) close() {
	c.mu.Lock()
	c.closed = true
	if c.timer != nil {
		c.timer.Stop()
	}
	c.mu.Unlock()
	c.begins.close()
	_ = c.commit(nil)
}

// Begin implements ledger.Ledger.
func (s *Store) Begin(ctx context.Context, call ledger.Call) (int64, error) {
	b := &begunCall{call: call}
	err := s.calls.begins.append(ctx, b)
	// It may have been written although ctx has ended; otherwise the call has
	// no one who would make it, even if it is written yet.
	if err != nil && b.state.CompareAndSwap(callWaits, callLeft) {
		return 0, unavailable(ctx, "recording a call", err)
	}
	return b.id, nil
}

// End implements ledger.Ledger. It never waits for the disk.
func (s *Store) End(_ context.Context, id int64, e ledger.Ending) error {
	s.calls.end(endedCall{id, &e})
	return nil
}

// Withdraw implements ledger.Ledger. It never waits for the disk.
func (s *Store) Withdraw(_ context.Context, id int64) error {
	s.calls.end(endedCall{id, nil})
	return nil
}

func (c *calls) end(e ...endedCall) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keep(append(c.ends, e...), endLinger)
}

// keep has the endings written after that time, or before. c is locked.
func (c *calls) keep(ends []endedCall, after time.Duration) {
	c.ends = ends[max(0, len(ends)-maxEndings):]
	if len(c.ends) == 0 || c.armed || c.closed {
		return
	}
	c.armed = true
	c.timer = time.AfterFunc(after, func() {
		c.mu.Lock()
		c.armed = false
		c.mu.Unlock()
		_ = c.flush(context.Background()) // what it could not write waits on
	})
}

// flush writes the endings that wait.
func (c *calls) flush(ctx context.Context) error { return c.begins.append(ctx, nil) }

// take removes from those that wait what one transaction takes.
func (c *calls) take() []endedCall {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := min(len(c.ends), 4*maxBatch)
	ends := c.ends[:n:n]
	c.ends = append([]endedCall(nil), c.ends[n:]...)
	return ends
}

// commit writes a batch of beginnings, and the endings that wait. If it fails
// nothing is begun, and the endings wait on.
func (c *calls) commit(batch []*begunCall) error {
	ends := c.take()
	err := c.write(batch, ends)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		c.keep(append(ends, c.ends...), endRetry)
		return err
	}
	for _, b := range batch {
		if b != nil && b.id != 0 && !b.state.CompareAndSwap(callWaits, callBegun) {
			c.ends = append(c.ends, endedCall{b.id, nil})
		}
	}
	c.keep(c.ends, endLinger)
	return nil
}

// write is one transaction. It sets the ids of what is begun.
func (c *calls) write(batch []*begunCall, ends []endedCall) error {
	var begins []*begunCall
	for _, b := range batch {
		if b != nil && b.state.Load() == callWaits {
			begins = append(begins, b)
		}
	}
	if len(begins)+len(ends) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), commitTimeout)
	defer cancel()
	return c.s.inTx(ctx, func(tx *transaction) error {
		// These come first: SQLite gives the number of a row that is deleted
		// again, and what is written a second time must not meet another's.
		if err := endCalls(ctx, tx, ends); err != nil {
			return err
		}
		return prepared(ctx, tx, insertCall, len(begins), func(insert *sql.Stmt) error {
			for _, b := range begins {
				call := b.call
				if err := insert.QueryRowContext(ctx,
					call.At.UnixMicro(), int64(ledger.DayOf(call.At)), call.Client, call.RequestID, string(call.Service), call.Price,
				).Scan(&b.id); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

func endCalls(ctx context.Context, tx *transaction, ends []endedCall) error {
	for _, e := range ends {
		var err error
		if e.ending == nil {
			_, err = tx.ExecContext(ctx, deleteCall, e.id)
		} else {
			_, err = tx.ExecContext(ctx, updateCall, e.ending.Class, asInt(e.ending.Billable), e.ending.Duration.Microseconds(), e.id)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// prepared runs f with a statement that is prepared for the transaction, unless
// there is nothing to run it for.
func prepared(ctx context.Context, tx *transaction, query string, times int, f func(*sql.Stmt) error) error {
	if times == 0 {
		return nil
	}
	stmt, err := tx.PrepareContext(ctx, query)
	if err != nil {
		return err
	}
	defer stmt.Close() //nolint:errcheck // the transaction's end closes it, too
	return f(stmt)
}
