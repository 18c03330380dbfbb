package access_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/access/limit"
)

// clock is a clock that a test sets.
type clock struct{ now time.Time }

func (c *clock) limiter(maxTracked int) *access.Limiter {
	c.now = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	return access.NewLimiter(limit.NewRates(limit.RatesOptions{Now: func() time.Time { return c.now }, MaxTracked: maxTracked}))
}

// allowed returns the number of requests that are allowed at once, and after how
// long the next one is.
func allowed(t *testing.T, l *access.Limiter, c access.Client) (int, time.Duration) {
	t.Helper()
	for n := range 1000 {
		err := l.Allow(t.Context(), c)
		if err == nil {
			continue
		}
		e, ok := errors.AsType[*sesuai.Error](err)
		if !ok || e.Kind != sesuai.KindRateLimited || e.RetryAfter <= 0 {
			t.Fatalf("Allow = %v", err)
		}
		return n, e.RetryAfter
	}
	return 1000, 0
}

func TestLimiter(t *testing.T) {
	var c clock
	l := c.limiter(0)
	client := access.Client{ID: "a", Rate: 2, Burst: 5}
	if n, retry := allowed(t, l, client); n != 5 || retry != 500*time.Millisecond {
		t.Errorf("%d requests allowed, retry after %v", n, retry)
	}
	// Refused requests do not count, and RetryAfter is exact.
	c.now = c.now.Add(500 * time.Millisecond)
	if n, _ := allowed(t, l, client); n != 1 {
		t.Errorf("%d requests allowed after RetryAfter", n)
	}
	c.now = c.now.Add(time.Hour)
	if n, _ := allowed(t, l, client); n != 5 {
		t.Errorf("%d requests allowed after an hour", n)
	}
	if n, _ := allowed(t, l, access.Client{ID: "b", Rate: 1, Burst: 3}); n != 3 {
		t.Errorf("%d requests of another client let through", n)
	}
}

// TestLimiterInBackground: what nobody waits for has the whole rate, and half of the
// requests at once are kept for others.
func TestLimiterInBackground(t *testing.T) {
	var c clock
	l := c.limiter(0)
	client := access.Client{ID: "a", Rate: 2, Burst: 5}
	behind := func() (n int, wait time.Duration) {
		t.Helper()
		for ; ; n++ {
			err := l.AllowInBackground(t.Context(), client)
			if limited, ok := errors.AsType[*sesuai.Error](err); ok {
				return n, limited.RetryAfter
			}
			if err != nil || n > 5 {
				t.Fatal(n, err)
			}
		}
	}
	if n, wait := behind(); n != 3 || wait != 500*time.Millisecond {
		t.Errorf("%d in the background at once, the next after %v", n, wait)
	}
	c.now = c.now.Add(500 * time.Millisecond)
	if n, _ := behind(); n != 1 {
		t.Errorf("%d in the background after RetryAfter", n)
	}
	if n, _ := allowed(t, l, client); n != 2 {
		t.Errorf("%d requests allowed beside it, want 2", n)
	}
	if n, wait := behind(); n != 0 || wait != 1500*time.Millisecond {
		t.Errorf("%d in the background after them, the next after %v", n, wait)
	}
	if err := l.AllowInBackground(t.Context(), access.Client{ID: "b", Rate: 0.1}); err != nil {
		t.Errorf("with one request at once: %v", err)
	}
}

func TestLimiterDefaults(t *testing.T) {
	for _, test := range []struct {
		rate float64
		want int
	}{{0, 1000}, {0.1, 1}, {1, 1}, {2.5, 3}, {10, 10}} {
		var c clock
		if n, _ := allowed(t, c.limiter(0), access.Client{ID: "a", Rate: test.rate}); n != test.want {
			t.Errorf("rate %v without a burst allows %d, want %d", test.rate, n, test.want)
		}
	}
}

func TestLimiterAppliesChanges(t *testing.T) {
	var c clock
	l := c.limiter(0)
	allowed(t, l, access.Client{ID: "a", Rate: 1, Burst: 1})
	c.now = c.now.Add(time.Second)
	// The whole burst was there, and so is a larger one.
	if n, _ := allowed(t, l, access.Client{ID: "a", Rate: 10, Burst: 10}); n != 10 {
		t.Errorf("%d requests allowed", n)
	}
	c.now = c.now.Add(time.Second)
	if n, _ := allowed(t, l, access.Client{ID: "a", Rate: 10, Burst: 10}); n != 10 {
		t.Errorf("%d requests allowed at the new rate", n)
	}
	if n, _ := allowed(t, l, access.Client{ID: "a"}); n != 1000 {
		t.Errorf("%d requests allowed without a limit", n)
	}
}

func TestLimiterIsBounded(t *testing.T) {
	var c clock
	l := c.limiter(10)
	busy := access.Client{ID: "busy", Rate: 0.001, Burst: 1}
	allowed(t, l, busy)
	for i := range 1000 {
		c.now = c.now.Add(time.Millisecond)
		allowed(t, l, access.Client{ID: fmt.Sprint(i), Rate: 1, Burst: 1})
		if n, _ := allowed(t, l, busy); n != 0 { // not the one that called longest ago
			t.Fatalf("after %d others the busy client was dropped", i)
		}
	}
}

func TestLimiterConcurrently(t *testing.T) {
	var c clock
	l := c.limiter(0)
	var through atomic.Int64
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 100 {
				if l.Allow(t.Context(), access.Client{ID: "a", Rate: 1, Burst: 50}) == nil {
					through.Add(1)
				}
			}
		})
	}
	group.Wait()
	if n := through.Load(); n != 50 {
		t.Errorf("%d requests allowed, want 50", n)
	}
}
