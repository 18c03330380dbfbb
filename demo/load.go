package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/sesuai/sesuai/internal/bench"
)

// What is wanted under load. boundBare is what bare inference of the networks as
// stored did in a CPU-second where minPerCPUSecond was set. Other machines compare
// minPerCPUSecond / boundBare.
const (
	minPerCPUSecond = 88.0
	boundBare       = 108.0
	minFaster       = 1.15 // times the requests a second of the program before
)

// loaded is what a server did under load.
type loaded struct {
	pid     int
	request func() error
	times   []time.Duration // of each request
	memory  []int           // RSS in MiB, sampled evenly
	took    time.Duration   // all requests together
	cpu     float64         // seconds that the server used
}

// newLoaded makes the result of so many requests.
func newLoaded(pid, requests int, request func() error) *loaded {
	samples := min(requests, 100)
	return &loaded{pid: pid, request: request, times: make([]time.Duration, requests), memory: make([]int, samples)}
}

// send sends the requests from one number up to another, so many at once.
func (l *loaded) send(from, to, atOnce int) error {
	before, err := cpuSeconds(l.pid)
	if err != nil {
		return err
	}
	start := time.Now()
	err = bench.Closed(atOnce, func(n int) bool { return from+n < to }, func(_, n int) error {
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
	after, unknown := cpuSeconds(l.pid)
	l.cpu += after - before
	return errors.Join(err, unknown)
}

func (l *loaded) perSecond() float64    { return float64(len(l.times)) / l.took.Seconds() }
func (l *loaded) perCPUSecond() float64 { return float64(len(l.times)) / l.cpu }

// load sends concurrent requests to the server and, in turns, to one of the program
// before. asStored is the CPU time of bare inference of the networks as stored.
func (b *benchCommand) load(ctx context.Context, c *commandLine, s *trial, photo []byte, asStored time.Duration) error {
	if b.Requests < 2 {
		return errors.New("the load must have at least 2 requests")
	}
	now := newLoaded(s.cmd.Process.Pid, b.Requests, s.request(ctx, photo))
	if b.Before == "" {
		if err := now.send(0, b.Requests, b.Concurrency); err != nil {
			return err
		}
		if err := b.printLoad(now, asStored); err != nil {
			return err
		}
		fmt.Printf("  not compared with an earlier program, which --before names (wanted: at least %.2f × its requests/s)\n", minFaster)
		return nil
	}
	old := *c
	old.Sesuai = b.Before
	return old.try(ctx, func(o *trial) error {
		before := newLoaded(o.cmd.Process.Pid, b.Requests, o.request(ctx, photo))
		for range 20 { // the other server has had its first requests
			if err := before.request(); err != nil {
				return err
			}
		}
		if err := inTurns(b.Requests, b.Concurrency, before, now); err != nil {
			return err
		}
		if err := b.printLoad(now, asStored); err != nil {
			return err
		}
		fmt.Printf("  %s, in turns: %.1f requests/s, %.1f verifications per CPU-second;\n", b.Before, before.perSecond(), before.perCPUSecond())
		fmt.Printf("  now %.2f × its requests/s (wanted: at least %.2f) and %.2f × its verifications per CPU-second\n",
			now.perSecond()/before.perSecond(), minFaster, now.perCPUSecond()/before.perCPUSecond())
		return nil
	})
}

// inTurns sends the requests to each in ten turns, so that other load of the machine
// affects all alike.
func inTurns(requests, atOnce int, all ...*loaded) error {
	const turns = 10
	for i := range turns {
		for _, l := range all {
			if err := l.send(i*requests/turns, (i+1)*requests/turns, atOnce); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *benchCommand) printLoad(l *loaded, asStored time.Duration) error {
	peak, err := bench.StatusMiB(l.pid, "VmHWM")
	if err != nil {
		return err
	}
	fmt.Printf("%d requests, %d at once, on %d cores shared with their sender:\n", b.Requests, b.Concurrency, runtime.NumCPU())
	fmt.Printf("  %.1f requests/s, p50 %.1f ms, p99 %.1f ms\n", l.perSecond(), ms(bench.Quantile(l.times, 0.5)), ms(bench.Quantile(l.times, 0.99)))
	bare := 1 / asStored.Seconds()
	fmt.Printf("  %.1f verifications per CPU-second of the server (wanted: at least %.0f, where bare inference as stored does %.0f)\n",
		l.perCPUSecond(), minPerCPUSecond, boundBare)
	fmt.Printf("  that is %.2f × bare inference as stored, which does %.1f here (wanted: at least %.2f)\n",
		l.perCPUSecond()/bare, bare, minPerCPUSecond/boundBare)
	half := len(l.memory) / 2
	fmt.Printf("  RSS peak %d MiB; median %d MiB in the first half, %d in the second; largest %d and %d\n",
		peak, median(l.memory[:half]), median(l.memory[half:]), slices.Max(l.memory[:half]), slices.Max(l.memory[half:]))
	return nil
}

func median(values []int) int { return slices.Sorted(slices.Values(values))[len(values)/2] }
