package backoff_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sesuai/sesuai/internal/backoff"
)

func TestDouble(t *testing.T) {
	for times, want := range map[int]time.Duration{0: 2, 1: 4, 2: 8, 3: 9, 1 << 40: 9} {
		if got := backoff.Double(2, times, 9); got != want {
			t.Errorf("Double(2, %d, 9) = %d, want %d", times, got, want)
		}
	}
}

func TestJitter(t *testing.T) {
	seen := make(map[time.Duration]bool)
	for range 1000 {
		d := backoff.Jitter(10)
		if d < 5 || d > 10 {
			t.Fatalf("Jitter(10) = %d", d)
		}
		seen[d] = true
	}
	if len(seen) != 6 {
		t.Errorf("%d of 6 durations were drawn", len(seen))
	}
}

func TestPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		backoff.Pause(t.Context(), time.Hour)
		if got := time.Since(start); got != time.Hour {
			t.Errorf("it waited %s", got)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start = time.Now()
		backoff.Pause(ctx, time.Hour)
		if got := time.Since(start); got != time.Minute {
			t.Errorf("it waited %s after its context ended", got-time.Minute)
		}
	})
}
