package admission

import (
	"context"
	"slices"
	"sync"
	"time"
)

// maxPassed is how many later requests may pass one that does not fit into the
// free memory. After that, nothing passes until it fits. It is so large because
// one that waits for memory is usually admitted when the next one finishes.
const maxPassed = 64

// presence is how long a client counts as present after its last request has ended:
// about as long as the longest request runs.
const presence = 250 * time.Millisecond

// averaged is over how many requests Queue.took is averaged, about.
const averaged = 8

// Queue admits requests to workers and memory. Clients that wait take turns, one
// request each, however many requests a client has. It is safe for concurrent use.
//
// The number of workers bounds the requests that run. But a request of a client that
// has no other need not wait for those of other clients to finish: it may run beside
// them, on up to as many workers again, and the operating system divides the cores.
// So that it seldom has to share one, a worker is kept free for its client while that
// is present, which means that a request of it has ended a moment ago.
type Queue struct {
	workers int
	memory  int64

	mu      sync.Mutex
	running int
	used    int64
	clients map[laneKey]*lane // those that are present, and some that were
	// turns are the lanes in which something waits, the next turn first; those of
	// the background apart.
	turns, behind []*lane
	// took is how long requests for memory take, on a moving average.
	took    time.Duration
	backlog backlog // as a client sees it that has no request
}

// laneKey is a client and whether its requests are in the background.
type laneKey struct {
	client     string
	background bool
}

// lane holds the requests of a client, or what is done for it in the background.
type lane struct {
	laneKey
	running int
	waiting []*waiter // those without memory first; then the first in is the first out
	ended   time.Time // when its last request ended
	backlog backlog   // as its client sees it
}

// waiter is a request that waits.
type waiter struct {
	bytes    int64
	single   bool // its client had no other request when it came
	passed   int  // how many later requests were admitted before it
	admitted chan struct{}
	start    time.Time // when it was admitted
}

// NewQueue returns a Queue for that many workers (at least 1) and bytes.
func NewQueue(workers int, memory int64) *Queue {
	return &Queue{workers: max(workers, 1), memory: memory, clients: make(map[laneKey]*lane)}
}

// Workers returns how many requests of one client may run at once.
func (q *Queue) Workers() int { return q.workers }

// MaxRunning returns how many requests may run at once.
func (q *Queue) MaxRunning() int { return 2 * q.workers }

// Load is how many requests wait, and how many run.
type Load struct{ Waiting, Running int }

// Load returns how many requests there are now.
func (q *Queue) Load() Load {
	q.mu.Lock()
	defer q.mu.Unlock()
	load := Load{Running: q.running}
	for _, turns := range [][]*lane{q.turns, q.behind} {
		for _, l := range turns {
			load.Waiting += len(l.waiting)
		}
	}
	return load
}

// Acquire waits until it is the turn of ctx's client, and a worker and n bytes are
// free. If n is over the whole memory, it waits for all of it. A request for no
// memory precedes the others of its client: it is for short work, after which less
// memory is held elsewhere. The error is that of ctx. release must be called once.
func (q *Queue) Acquire(ctx context.Context, n int64) (release func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	w := &waiter{bytes: min(n, q.memory), admitted: make(chan struct{})}
	l := q.wait(laneKey{ClientOf(ctx), background(ctx)}, w)
	select {
	case <-w.admitted:
		return func() { q.finish(l, w) }, nil
	case <-ctx.Done():
		q.leave(l, w)
		return nil, ctx.Err()
	}
}

// wait puts w in its client's lane.
func (q *Queue) wait(of laneKey, w *waiter) *lane {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := q.clients[of]
	if l == nil {
		l = &lane{laneKey: of}
		q.clients[of] = l
	}
	at := len(l.waiting)
	w.single = l.running == 0 && at == 0 && !l.background
	if w.bytes == 0 {
		if i := slices.IndexFunc(l.waiting, func(other *waiter) bool { return other.bytes > 0 }); i >= 0 {
			at = i
		}
	}
	if l.waiting = slices.Insert(l.waiting, at, w); len(l.waiting) == 1 {
		turns := q.turnsOf(l)
		*turns = append(*turns, l)
	}
	q.admit()
	if w.bytes > 0 && w.start.IsZero() && !l.background {
		q.queued(l)
	}
	return l
}

// turnsOf returns the turns that a lane takes.
func (q *Queue) turnsOf(l *lane) *[]*lane {
	if l.background {
		return &q.behind
	}
	return &q.turns
}

// leave takes w out of the queue, or gives back what it was admitted to.
func (q *Queue) leave(l *lane, w *waiter) {
	q.mu.Lock()
	defer q.mu.Unlock()
	i := slices.Index(l.waiting, w)
	if i < 0 {
		q.end(l, w)
		return
	}
	if l.waiting = slices.Delete(l.waiting, i, i+1); len(l.waiting) == 0 {
		turns := q.turnsOf(l)
		at := slices.Index(*turns, l)
		*turns = slices.Delete(*turns, at, at+1)
		l.ended = time.Now()
	}
	q.admit()
}

func (q *Queue) finish(l *lane, w *waiter) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.end(l, w)
}

func (q *Queue) end(l *lane, w *waiter) {
	l.running--
	l.ended = time.Now()
	q.running--
	q.used -= w.bytes
	if w.bytes > 0 && !l.background {
		q.measure(l.ended.Sub(w.start))
	}
	q.admit()
}

// measure takes the time of a request into the moving average.
func (q *Queue) measure(took time.Duration) {
	if q.took == 0 {
		q.took = took
	}
	q.took += (took - q.took) / averaged
}

// free returns how many workers are not kept for a client that has no request, or a
// single one that waits. It drops clients that are no longer present.
func (q *Queue) free() int {
	now, kept := time.Now(), 0
	for id, l := range q.clients {
		switch {
		case l.running > 0:
		case l.background:
			if len(l.waiting) == 0 {
				delete(q.clients, id)
			}
		case len(l.waiting) > 0:
			if l.waiting[0].single {
				kept = 1
			}
		case now.Sub(l.ended) < presence:
			kept = 1
		default:
			delete(q.clients, id)
		}
	}
	return max(q.workers-kept, 1)
}

// admit admits what it can.
func (q *Queue) admit() {
	for {
		workers := q.free()
		turns := &q.turns
		at := q.next(workers)
		if at < 0 {
			turns = &q.behind
			at = q.nextBehind(workers)
		}
		if at < 0 {
			return
		}
		for _, l := range (*turns)[:at] {
			l.waiting[0].passed++
		}
		l := (*turns)[at]
		w := l.waiting[0]
		l.waiting = l.waiting[1:]
		// The client's next request waits for one of every other client.
		if *turns = slices.Delete(*turns, at, at+1); len(l.waiting) > 0 {
			*turns = append(*turns, l)
		}
		l.running++
		q.running++
		q.used += w.bytes
		w.start = time.Now()
		if !l.background {
			q.see(l, q.workersFor(l, workers), w.start)
		}
		close(w.admitted)
	}
}

// next returns whose turn it is; -1 if nothing can be admitted. Whoever waits for a
// worker waits for the end of a request, so no timer is needed.
func (q *Queue) next(workers int) int {
	for i, l := range q.turns {
		w := l.waiting[0]
		switch {
		case q.running >= q.MaxRunning():
			return -1
		case q.running >= workers && (l.running > 0 || !w.single):
			// It waits for a worker.
		case q.used+w.bytes <= q.memory:
			return i
		case w.passed >= maxPassed:
			return -1
		}
	}
	return -1
}

// nextBehind is next for the background. If a worker is kept for a client that is
// present, what waits here is admitted at the end of another request, or not until
// then: when the last one ends, none is kept.
func (q *Queue) nextBehind(workers int) int {
	if len(q.turns) > 0 || q.running >= workers {
		return -1
	}
	for i, l := range q.behind {
		switch w := l.waiting[0]; {
		case q.used+w.bytes <= q.memory:
			return i
		case w.passed >= maxPassed:
			return -1
		}
	}
	return -1
}
