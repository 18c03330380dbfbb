package store

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"

	"github.com/sesuai/sesuai/internal/audit"
)

// maxBatch is how many events one transaction takes at most, so that the first
// of them does not wait for ever more others.
const maxBatch = 256

// trail gathers events that come at the same time into one transaction, which
// costs one wait for the disk, however many they are. Nobody waits for a batch
// to fill: an event that comes alone is written alone, and those that come
// while it is being written are the next batch.
type trail struct {
	commit func([]audit.Event) error

	mu      sync.Mutex
	waiting []*pendingEvent
	closed  bool
	wake    chan struct{} // has room for one: somebody waits, or closed
	done    chan struct{} // closed when run has ended
}

// pendingEvent is an event and where its outcome goes.
type pendingEvent struct {
	event   audit.Event
	outcome chan error // has room for it
}

// newTrail starts a trail whose batches go to commit. Close it.
func newTrail(commit func([]audit.Event) error) *trail {
	t := &trail{commit: commit, wake: make(chan struct{}, 1), done: make(chan struct{})}
	go t.run()
	return t
}

var errTrailClosed = errors.New("the audit trail is closed")

// append waits until the event is committed, or ctx ends.
func (t *trail) append(ctx context.Context, e audit.Event) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	p := &pendingEvent{e, make(chan error, 1)}
	t.mu.Lock()
	if t.closed {
		t.mu.Unlock()
		return errTrailClosed
	}
	t.waiting = append(t.waiting, p)
	t.mu.Unlock()
	t.signal()

	select {
	case err := <-p.outcome:
		return err
	case <-ctx.Done():
		t.withdraw(p)
		return ctx.Err()
	}
}

// withdraw takes back an event whose batch has not begun.
func (t *trail) withdraw(p *pendingEvent) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.waiting = slices.DeleteFunc(t.waiting, func(q *pendingEvent) bool { return q == p })
}

// close refuses further events and waits until those that wait are committed.
func (t *trail) close() {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	t.signal()
	<-t.done
}

func (t *trail) signal() {
	select {
	case t.wake <- struct{}{}:
	default: // a signal is there already
	}
}

func (t *trail) run() {
	defer close(t.done)
	for range t.wake {
		for {
			// Those whose outcome has just come may have another event:
			// letting them run first is no wait, and makes fewer batches.
			runtime.Gosched()
			batch, closed := t.take()
			if len(batch) == 0 {
				if closed {
					return
				}
				break
			}
			events := make([]audit.Event, len(batch))
			for i, p := range batch {
				events[i] = p.event
			}
			err := t.commit(events)
			for _, p := range batch {
				p.outcome <- err
			}
		}
	}
}

// take removes the next batch from those that wait.
func (t *trail) take() (batch []*pendingEvent, closed bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := min(len(t.waiting), maxBatch)
	batch = t.waiting[:n:n]
	t.waiting = slices.Clone(t.waiting[n:])
	return batch, t.closed
}
