package sqldb

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
)

// MaxBatch is the maximum number of items in one batch of a Batcher. It bounds
// how long the first of them waits for the others.
const MaxBatch = 256

// ErrClosed is the error of a Batcher that is closed.
var ErrClosed = errors.New("the database is closed")

// Batcher commits items that arrive at the same time in one transaction (group
// commit): one wait for the disk, however many they are. It does not wait for a
// batch to fill. An item that arrives alone is committed alone, and the items
// that arrive during a commit are the next batch. It is safe for concurrent use.
type Batcher[T any] struct {
	commit func([]T) error

	mu      sync.Mutex
	waiting []*batched[T]
	closed  bool
	wake    chan struct{} // capacity one: items wait, or closed is set
	done    chan struct{} // closed when run returns
}

// batched is an item and the channel for its outcome.
type batched[T any] struct {
	item    T
	outcome chan error // capacity one
}

// NewBatcher starts a Batcher that passes batches of 1 to MaxBatch items to
// commit, one batch at a time. The caller must close it.
func NewBatcher[T any](commit func([]T) error) *Batcher[T] {
	b := &Batcher[T]{commit: commit, wake: make(chan struct{}, 1), done: make(chan struct{})}
	go b.run()
	return b
}

// Commit returns commit's error for the batch with the item. If ctx ends first,
// it returns ctx's error: the item is then not committed, unless its batch was
// being committed.
func (b *Batcher[T]) Commit(ctx context.Context, item T) error {
	outcome, err := b.commitOrLeave(ctx, item)
	if outcome != nil {
		return ctx.Err()
	}
	return err
}

// CommitOrCancel is Commit, but if ctx ends while the item's batch is being
// committed, it waits for that and returns commit's error. Any other error means
// that the item is not committed and never will be.
func (b *Batcher[T]) CommitOrCancel(ctx context.Context, item T) error {
	outcome, err := b.commitOrLeave(ctx, item)
	if outcome != nil {
		return <-outcome
	}
	return err
}

// commitOrLeave commits an item. If ctx ends while its batch is being committed, it
// returns the channel for the outcome.
func (b *Batcher[T]) commitOrLeave(ctx context.Context, item T) (<-chan error, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	p := &batched[T]{item, make(chan error, 1)}
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return nil, ErrClosed
	}
	b.waiting = append(b.waiting, p)
	b.mu.Unlock()
	b.signal()

	select {
	case err := <-p.outcome:
		return nil, err
	case <-ctx.Done():
		if b.cancel(p) {
			return nil, ctx.Err()
		}
		return p.outcome, nil
	}
}

// cancel removes an item, and reports whether it was in no batch yet.
func (b *Batcher[T]) cancel(p *batched[T]) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	before := len(b.waiting)
	b.waiting = slices.DeleteFunc(b.waiting, func(q *batched[T]) bool { return q == p })
	return len(b.waiting) < before
}

// Close refuses further items and returns when the waiting ones are committed.
func (b *Batcher[T]) Close() {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	b.signal()
	<-b.done
}

func (b *Batcher[T]) signal() {
	select {
	case b.wake <- struct{}{}:
	default: // there is a signal already
	}
}

func (b *Batcher[T]) run() {
	defer close(b.done)
	for range b.wake {
		for {
			// Callers that have just received an outcome may have another
			// item. Letting them run first makes batches larger.
			runtime.Gosched()
			batch, closed := b.next()
			if len(batch) == 0 {
				if closed {
					return
				}
				break
			}
			items := make([]T, len(batch))
			for i, p := range batch {
				items[i] = p.item
			}
			err := b.commit(items)
			for _, p := range batch {
				p.outcome <- err
			}
		}
	}
}

// next removes the next batch from the waiting items.
func (b *Batcher[T]) next() (batch []*batched[T], closed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := min(len(b.waiting), MaxBatch)
	batch = b.waiting[:n:n]
	b.waiting = slices.Clone(b.waiting[n:])
	return batch, b.closed
}
