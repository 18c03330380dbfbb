package main

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/sesuai/sesuai/internal/bench"
)

// loaded is what a server did under load.
type loaded struct {
	pid     int
	request func() error
	times   []time.Duration // of each request
	memory  []int           // RSS in MiB, sampled evenly
	took    time.Duration   // all requests together
}

// newLoaded makes the result of so many requests.
func newLoaded(pid, requests int, request func() error) *loaded {
	samples := min(requests, 100)
	return &loaded{pid: pid, request: request, times: make([]time.Duration, requests), memory: make([]int, samples)}
}

// send sends the requests from one number up to another, so many at once.
func (l *loaded) send(from, to, atOnce int) error {
	start := time.Now()
	err := bench.Closed(atOnce, func(n int) bool { return from+n < to }, func(_, n int) error {
		n += from
		began := time.Now()
		if err := l.request(); err != nil {
			return err
		}
		l.times[n] = time.Since(began)
		// The sample of this request, and whether it is its last request.
		sample := n * len(l.memory) / len(l.times)
		if (n+1)*len(l.memory)/len(l.times) == sample {
			return nil
		}
		rss, err := bench.StatusMiB(l.pid, "VmRSS")
		l.memory[sample] = rss
		return err
	})
	l.took += time.Since(start)
	return err
}

func (l *loaded) perSecond() float64 { return float64(len(l.times)) / l.took.Seconds() }

// load sends concurrent requests to a server.
func (b *benchCommand) load(pid int, request func() error) error {
	if b.Requests < 2 {
		return errors.New("the load must have at least 2 requests")
	}
	l := newLoaded(pid, b.Requests, request)
	if err := l.send(0, b.Requests, b.Concurrency); err != nil {
		return err
	}
	return b.printLoad(l)
}

func (b *benchCommand) printLoad(l *loaded) error {
	peak, err := bench.StatusMiB(l.pid, "VmHWM")
	if err != nil {
		return err
	}
	fmt.Printf("%d requests, %d at once, on %d cores shared with their sender:\n", b.Requests, b.Concurrency, runtime.NumCPU())
	fmt.Printf("  %.1f requests/s, p50 %.1f ms, p99 %.1f ms\n", l.perSecond(), ms(bench.Quantile(l.times, 0.5)), ms(bench.Quantile(l.times, 0.99)))
	half := len(l.memory) / 2
	fmt.Printf("  RSS peak %d MiB; median %d MiB in the first half, %d in the second; largest %d and %d\n",
		peak, median(l.memory[:half]), median(l.memory[half:]), slices.Max(l.memory[:half]), slices.Max(l.memory[half:]))
	return nil
}

func median(values []int) int { return slices.Sorted(slices.Values(values))[len(values)/2] }
