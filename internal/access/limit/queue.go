package limit

import (
	"slices"
	"sync"
)

// queue has requests wait for those in progress, first come, first served. Each waits for
// a key, and only the first of a key has its turn. It is safe for concurrent use.
type queue struct {
	mu      sync.Mutex
	waiting map[string][]*waiter // by key
}

// waiter is a request that waits.
type waiter struct {
	key string
	// turn has a value when the waiter is the first and something has changed.
	turn chan struct{} // capacity one
}

func newQueue() *queue { return &queue{waiting: make(map[string][]*waiter)} }

// busy returns the first of the keys that somebody waits for; "" if nobody does.
func (q *queue) busy(keys ...string) string {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, key := range keys {
		if len(q.waiting[key]) > 0 {
			return key
		}
	}
	return ""
}

// join has a request wait for a key. If it is the first, it has its turn at once: what it
// waits for may have changed before.
func (q *queue) join(key string) *waiter {
	w := &waiter{key, make(chan struct{}, 1)}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting[key] = append(q.waiting[key], w)
	q.wake(key)
	return w
}

// leave ends the waiting. The next one has its turn.
func (q *queue) leave(w *waiter) {
	q.mu.Lock()
	defer q.mu.Unlock()
	rest := slices.DeleteFunc(q.waiting[w.key], func(o *waiter) bool { return o == w })
	if len(rest) == 0 {
		delete(q.waiting, w.key)
		return
	}
	q.waiting[w.key] = rest
	q.wake(w.key)
}

// changed gives the first waiters of the keys their turn.
func (q *queue) changed(keys ...string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, key := range keys {
		q.wake(key)
	}
}

// isFirst reports whether a waiter is the first of its key.
func (q *queue) isFirst(w *waiter) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	all := q.waiting[w.key]
	return len(all) > 0 && all[0] == w
}

// wake gives the first waiter of a key its turn. The caller holds q.mu.
func (q *queue) wake(key string) {
	if all := q.waiting[key]; len(all) > 0 {
		select {
		case all[0].turn <- struct{}{}:
		default: // it has its turn already
		}
	}
}
