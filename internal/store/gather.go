package store

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
)

// maxBatch is how many things one transaction takes at most, so that the first
// of them does not wait for ever more others.
const maxBatch = 256

// gatherer gathers what is to be written at the same time, such as events of
// the audit trail, into one transaction, which costs one wait for the disk,
// however many they are. Nobody waits for a batch to fill: what comes alone is
// written alone, and what comes while it is being written is the next batch.
type gatherer[T any] struct {
	commit func([]T) error

	mu      sync.Mutex
	waiting []*gathered[T]
	closed  bool
	wake    chan struct{} // has room for one: somebody waits, or closed
	done    chan struct{} // closed when run has ended
}

// gathered is one thing and where its outcome goes.
type gathered[T any] struct {
	it      T
	outcome chan error // has room for it
}

// newGatherer starts one whose batches go to commit. Close it.
func newGatherer[T any](commit func([]T) error) *gatherer[T] {
	g := &gatherer[T]{commit: commit, wake: make(chan struct{}, 1), done: make(chan struct{})}
	go g.run()
	return g
}

var errClosed = errors.New("the store is closed")

// append waits until it is committed, or ctx ends.
func (g *gatherer[T]) append(ctx context.Context, it T) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	p := &gathered[T]{it, make(chan error, 1)}
	g.mu.Lock()
	if g.closed {
		g.mu.Unlock()
		return errClosed
	}
	g.waiting = append(g.waiting, p)
	g.mu.Unlock()
	g.signal()

	select {
	case err := <-p.outcome:
		return err
	case <-ctx.Done():
		g.withdraw(p)
		return ctx.Err()
	}
}

// withdraw takes back what is in no batch yet.
func (g *gatherer[T]) withdraw(p *gathered[T]) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.waiting = slices.DeleteFunc(g.waiting, func(q *gathered[T]) bool { return q == p })
}

// close refuses more and waits until those that wait are committed.
func (g *gatherer[T]) close() {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	g.signal()
	<-g.done
}

func (g *gatherer[T]) signal() {
	select {
	case g.wake <- struct{}{}:
	default: // a signal is there already
	}
}

func (g *gatherer[T]) run() {
	defer close(g.done)
	for range g.wake {
		for {
			// Those whose outcome has just come may have another:
			// letting them run first is no wait, and makes fewer batches.
			runtime.Gosched()
			batch, closed := g.take()
			if len(batch) == 0 {
				if closed {
					return
				}
				break
			}
			all := make([]T, len(batch))
			for i, p := range batch {
				all[i] = p.it
			}
			err := g.commit(all)
			for _, p := range batch {
				p.outcome <- err
			}
		}
	}
}

// take removes the next batch from those that wait.
func (g *gatherer[T]) take() (batch []*gathered[T], closed bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := min(len(g.waiting), maxBatch)
	batch = g.waiting[:n:n]
	g.waiting = slices.Clone(g.waiting[n:])
	return batch, g.closed
}
