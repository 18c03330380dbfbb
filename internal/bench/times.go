package bench

import (
	"math"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// Closed calls send from atOnce goroutines, numbered from 0, each time with the next
// number from 0 on, until more returns false for that number or send fails. It
// returns the first error. So there are atOnce requests in progress all the time, and
// a slow answer delays the next request.
func Closed(atOnce int, more func(n int) bool, send func(goroutine, n int) error) error {
	var next, failed atomic.Int64
	var group errgroup.Group
	for g := range atOnce {
		group.Go(func() error {
			for failed.Load() == 0 {
				n := int(next.Add(1)) - 1
				if !more(n) {
					return nil
				}
				if err := send(g, n); err != nil {
					failed.Store(1)
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// Quantile returns the shortest of the times that a share q of them, 0 to 1, do not
// exceed (nearest rank), and 0 of no times. With 0.99 it is p99: of up to 100 times
// it is the longest.
func Quantile(times []time.Duration, q float64) time.Duration {
	if len(times) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(times))
	rank := int(math.Ceil(q*float64(len(sorted)) - 1e-9))
	return sorted[min(max(rank, 1), len(sorted))-1]
}

// ms returns a time in milliseconds, to a hundredth.
func ms(d time.Duration) float64 { return rounded(float64(d) / float64(time.Millisecond)) }

// rounded returns v to a hundredth.
func rounded(v float64) float64 { return math.Round(100*v) / 100 }
