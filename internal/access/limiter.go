package access

import (
	"sync"
	"time"

	"github.com/sesuai/sesuai"
	"golang.org/x/time/rate"
)

// DefaultMaxTracked is how many clients a Limiter tracks unless told.
const DefaultMaxTracked = 10_000

// LimiterOptions are what a Limiter is made of.
type LimiterOptions struct {
	// Now is the clock; time.Now if nil.
	Now func() time.Time
	// MaxTracked is how many clients are tracked at once;
	// DefaultMaxTracked if 0. Where there are more, the one that called
	// longest ago starts afresh.
	MaxTracked int
}

// Limiter keeps clients to their rates, in this process alone. It is safe for
// concurrent use.
type Limiter struct {
	o       LimiterOptions
	mu      sync.Mutex
	buckets map[string]*bucket // by client ID
}

// bucket is a client's tokens (a token bucket: see package rate).
type bucket struct {
	*rate.Limiter
	used time.Time
}

// NewLimiter makes a Limiter.
func NewLimiter(o LimiterOptions) *Limiter {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.MaxTracked == 0 {
		o.MaxTracked = DefaultMaxTracked
	}
	return &Limiter{o: o, buckets: make(map[string]*bucket)}
}

// Allow counts one request of the client. An error of kind
// sesuai.KindRateLimited says that it is one too many, and after how long
// another will not be; it is not counted.
//
// A client whose limits were changed is held to the new ones at once.
func (l *Limiter) Allow(c Client) error {
	if c.Rate == 0 {
		return nil
	}
	limit, burst := rate.Limit(c.Rate), c.AtOnce()

	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.o.Now()
	b, ok := l.buckets[c.ID]
	if !ok {
		l.makeRoom()
		b = &bucket{Limiter: rate.NewLimiter(limit, burst)}
		l.buckets[c.ID] = b
	}
	b.used = now
	if b.Limit() != limit {
		b.SetLimitAt(now, limit)
	}
	if b.Burst() != burst {
		b.SetBurstAt(now, burst)
	}
	reservation := b.ReserveN(now, 1)
	wait := reservation.DelayFrom(now)
	if wait == 0 {
		return nil
	}
	reservation.CancelAt(now)
	return &sesuai.Error{Kind: sesuai.KindRateLimited, RetryAfter: wait}
}

// makeRoom forgets the client that called longest ago if as many are tracked
// as may be. Clients are few: walking over them is rare and cheap.
func (l *Limiter) makeRoom() {
	if len(l.buckets) < l.o.MaxTracked {
		return
	}
	var oldest string
	for id, b := range l.buckets {
		if oldest == "" || b.used.Before(l.buckets[oldest].used) {
			oldest = id
		}
	}
	delete(l.buckets, oldest)
}
