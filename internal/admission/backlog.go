package admission

import "time"

const (
	// depth is how many requests may wait for each worker when a further one comes,
	// while there is lasting overload. So those that are admitted wait for about three
	// times as long as one takes.
	depth = 3
	// lasting is for how long more must have been waiting than that, all the time,
	// for the overload to be a lasting one. A burst may wait.
	lasting = time.Second
	// burst is how many requests for each worker may come to wait beyond depth
	// meanwhile. It bounds what those wait who came at the start of an overload.
	burst = 24
	// calm is how long no request must have been refused for the overload to be over.
	// While requests are refused the queue is short again and again.
	calm = 500 * time.Millisecond
)

// Reason is why a request is refused before it waits.
type Reason string

// The reasons.
const (
	// Backlog: the overload is lasting, and too many requests would be served before.
	Backlog Reason = "backlog"
	// Deadline: the request would not be finished in time.
	Deadline Reason = "deadline"
)

// Refusal says that a request is not worth starting.
type Refusal struct {
	Reason Reason
	// Wait is how long the request would have waited, as far as that is known.
	Wait time.Duration
}

// backlog watches whether too much waits, from the view of one client. The rule is
// that of CoDel (RFC 8289, 3.2): a queue that is long for a moment absorbs a burst,
// and one that is never short does nothing but delay.
type backlog struct {
	since   time.Time // since when too much waits all the time; zero if it does not
	came    int       // how many have come to wait since then
	refused time.Time // when a request was last refused
}

// see notes whether too much waits now.
func (b *backlog) see(tooMuch bool, now time.Time) {
	switch {
	case !tooMuch:
		b.since, b.came = time.Time{}, 0
	case b.since.IsZero():
		b.since = now
	}
}

// lasts reports whether the overload is a lasting one, given that too much waits.
func (b *backlog) lasts(workers int, now time.Time) bool {
	return now.Sub(b.since) >= lasting || b.came >= burst*workers || now.Sub(b.refused) < calm
}

// Refuse reports whether a request of the client that has to be finished within a
// time is better refused at once than put in the queue, and why. It is for requests of
// which nothing has been done yet: Acquire refuses none.
//
// A client whose next request would not wait for long is never refused, whatever the
// others have in the queue.
func (q *Queue) Refuse(client string, within time.Duration) (Refusal, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	free := q.free()
	l := q.clients[laneKey{client: client}]
	workers := q.workersFor(l, free)
	now, ahead := time.Now(), q.ahead(l)
	r := Refusal{Wait: time.Duration(ahead) * q.took / time.Duration(workers)}
	if ahead > 0 && r.Wait+q.took > within {
		r.Reason = Deadline
		return r, true
	}
	q.see(l, workers, now)
	if ahead < depth*workers {
		return Refusal{}, false
	}
	all := q.tooMuch() && q.backlog.lasts(q.workers, now)
	own := l != nil && l.backlog.lasts(q.workers, now)
	if all {
		q.backlog.refused = now
	}
	if own {
		l.backlog.refused = now
	}
	if !all && !own {
		return Refusal{}, false
	}
	r.Reason = Backlog
	return r, true
}

// ahead returns how many requests would be admitted before a further one of the lane.
// l is nil for a client that has no lane.
func (q *Queue) ahead(l *lane) int {
	own, running := 0, 0
	if l != nil {
		own, running = len(l.waiting), l.running
	}
	if own == 0 && running == 0 && q.running < q.MaxRunning() {
		return 0 // it would be its client's only one
	}
	n := own
	for _, other := range q.turns {
		if other != l {
			n += min(len(other.waiting), own+1)
		}
	}
	return n
}

// workersFor returns how many of the free workers serve those who wait, as a lane sees
// it: each client of which something runs and nothing waits has one.
func (q *Queue) workersFor(l *lane, free int) int {
	for _, other := range q.clients {
		if other != l && !other.background && other.running > 0 && len(other.waiting) == 0 {
			free--
		}
	}
	return max(free, 1)
}

// tooMuch reports whether too much waits for a client that has nothing in the queue:
// the overload is one by many clients.
func (q *Queue) tooMuch() bool { return q.ahead(nil) >= depth*q.workers }

// see has the backlogs of the queue and of a lane, which may be nil, note how much
// waits when so many workers are free for it.
func (q *Queue) see(l *lane, workers int, now time.Time) {
	q.backlog.see(q.tooMuch(), now)
	if l != nil {
		l.backlog.see(q.ahead(l) >= depth*workers, now)
	}
}

// queued notes that a request has come to wait in a lane.
func (q *Queue) queued(l *lane) {
	q.see(l, q.workersFor(l, q.free()), time.Now())
	for _, b := range []*backlog{&q.backlog, &l.backlog} {
		if !b.since.IsZero() {
			b.came++
		}
	}
}
