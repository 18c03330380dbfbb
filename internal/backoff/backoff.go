// Package backoff says how long to wait before another try. It leaves it to its
// callers what is tried, and when to give up.
package backoff

import (
	"context"
	"math/rand/v2"
	"time"
)

// Double returns d doubled a number of times, up to limit.
func Double(d time.Duration, times int, limit time.Duration) time.Duration {
	for ; times > 0 && d < limit; times-- {
		d *= 2
	}
	return min(d, limit)
}

// Jitter returns a random duration from d/2 to d, so that those who failed
// together do not try again together.
func Jitter(d time.Duration) time.Duration {
	return d/2 + rand.N(d/2+1) //nolint:gosec // nobody gains from guessing it
}

// Pause returns after d, or when ctx ends.
func Pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
