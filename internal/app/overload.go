package app

import (
	"sync"
	"time"

	"github.com/sesuai/sesuai/internal/telemetry"
)

const (
	// overloadParts are the parts of limits.unready_after. In each of them nearly all
	// requests must have been refused; one in which that is not so ends it.
	overloadParts = 6
	// nearlyAll of ten requests are nearly all.
	nearlyAll = 9
)

// overloadCheck finds out whether nearly all requests have been refused for a long
// time because there was too much to do. It is safe for concurrent use.
type overloadCheck struct {
	// after is how long that must have been so. 0 means that it is never found.
	after time.Duration

	mu            sync.Mutex
	start         time.Time // of the part of after that has not passed yet
	seen, refused int       // in that part
	bad           int       // how many parts before it, in a row, were bad
}

// observe counts a request that was answered, if it was a client's.
func (o *overloadCheck) observe(r *telemetry.Request) {
	if o.after == 0 || r.Client == "" {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.pass(time.Now())
	o.seen++
	if r.Shed != "" {
		o.refused++
	}
}

// overloaded reports whether nearly all requests have been refused.
func (o *overloadCheck) overloaded() bool {
	if o.after == 0 {
		return false
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.pass(time.Now())
	return o.bad >= overloadParts
}

// pass ends the parts that have passed. One without a request is not bad.
func (o *overloadCheck) pass(now time.Time) {
	if o.start.IsZero() {
		o.start = now
	}
	part := o.after / overloadParts
	passed := now.Sub(o.start) / part
	if passed <= 0 {
		return
	}
	if passed == 1 && o.refused > 0 && 10*o.refused >= nearlyAll*o.seen {
		o.bad++
	} else {
		o.bad = 0
	}
	o.start = o.start.Add(passed * part)
	o.seen, o.refused = 0, 0
}
