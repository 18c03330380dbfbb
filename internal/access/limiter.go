package access

import (
	"sync"
	"time"

	"github.com/sesuai/sesuai"
	"golang.org/x/time/rate"
)

// DefaultMaxTracked is the default maximum number of clients that a Limiter
// tracks.
const DefaultMaxTracked = 10_000

// LimiterOptions are what a Limiter is made of.
type LimiterOptions struct {
	// Now is the clock; time.Now if nil.
	Now func() time.Time
	// MaxTracked is the maximum number of clients that are tracked at once;
	// DefaultMaxTracked if 0. To track another one, the Limiter drops the
	// client that called longest ago.
	MaxTracked int
}

// Limiter limits the rates of clients within one process. It is safe for
// concurrent use.
type Limiter struct {
	o       LimiterOptions
	mu      sync.Mutex
	buckets map[string]*bucket // by client ID
}

// bucket is the token bucket of a client: see package rate.
type bucket struct {
	*rate.Limiter
	used time.Time
}

// NewLimiter returns a new Limiter.
func NewLimiter(o LimiterOptions) *Limiter {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.MaxTracked == 0 {
		o.MaxTracked = DefaultMaxTracked
	}
	return &Limiter{o: o, buckets: make(map[string]*bucket)}
}

// Allow counts a request of a client. If the request exceeds the client's limits,
// it is not counted, and the error has kind sesuai.KindRateLimited and says after
// how long a request will be allowed. Changed limits apply at once.
func (l *Limiter) Allow(c Client) error { return l.allow(c, 0) }

// AllowInBackground is Allow for a request that nobody waits for: half of Client.AtOnce
// is kept for others.
func (l *Limiter) AllowInBackground(c Client) error { return l.allow(c, c.AtOnce()/2) }

// allow is Allow for a request beside which some are kept for others.
func (l *Limiter) allow(c Client, kept int) error {
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
	reservation := b.ReserveN(now, 1+kept)
	wait := reservation.DelayFrom(now)
	reservation.CancelAt(now)
	if wait > 0 {
		return &sesuai.Error{Kind: sesuai.KindRateLimited, RetryAfter: wait}
	}
	b.AllowN(now, 1)
	return nil
}

// makeRoom drops the client that called longest ago if the maximum number is
// tracked. Clients are few, so the loop is rare and cheap.
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
