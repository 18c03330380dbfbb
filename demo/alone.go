package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/sesuai/sesuai/internal/bench"
	"github.com/sesuai/sesuai/internal/face"
)

// The greatest ratios, to bare inference of the networks as stored, that are wanted.
// They were set before slow operators of the networks were replaced.
const (
	maxExtract      = 1.2
	maxExtractLarge = 2.1
	maxRequest      = 1.35
)

// maxMatch is the greatest ratio, of a face match over HTTP to the two extractions that
// it needs, that is wanted.
const maxMatch = 1.2

// alone times the bare networks, the extraction of a small and of a large
// photograph, and whole requests, one at a time and in turns. It returns the CPU time
// of the networks as stored.
func (b *benchCommand) alone(ctx context.Context, c *commandLine, s *trial, photo, large []byte) (time.Duration, error) {
	engine, err := c.engine(nil)
	if err != nil {
		return 0, err
	}
	defer engine.Close()
	load, err := c.loader(true)
	if err != nil {
		return 0, err
	}
	asIs, err := c.engine(func(o *face.Options) { o.Load = load })
	if err != nil {
		return 0, err
	}
	defer asIs.Close()
	stored, err := os.ReadFile(filepath.Join(c.photos(), referenceOfFirst))
	if err != nil {
		return 0, err
	}
	// A turn is twenty runs, since the processes evict each other's caches.
	const turn = 20
	repeat := func(run func() error) func() ([]time.Duration, error) {
		return func() (times []time.Duration, err error) {
			for range turn {
				start := time.Now()
				if err := run(); err != nil {
					return nil, err
				}
				times = append(times, time.Since(start))
			}
			return times, nil
		}
	}
	extract := func(photo []byte, use face.Use) error {
		x, err := engine.Extract(ctx, photo, use)
		return errors.Join(err, x.Refusal())
	}
	infer := func(engine *face.Engine) func() ([]time.Duration, error) {
		return func() (times []time.Duration, err error) {
			err = engine.Infer(ctx, photo, func(took time.Duration) bool {
				times = append(times, took)
				return len(times) < turn
			})
			return times, err
		}
	}
	steps := []struct {
		name  string
		max   float64 // times the bare inference as stored; 0 for no limit
		turn  func() ([]time.Duration, error)
		times []time.Duration
	}{
		{name: "bare inference, the networks as stored", turn: infer(asIs)},
		{name: "bare inference, as the service runs them", turn: infer(engine)},
		{name: "face.Extract, 720×720 JPEG", max: maxExtract, turn: repeat(func() error { return extract(photo, face.ForProbe) })},
		{name: fmt.Sprintf("face.Extract, 4000×3000 JPEG of %.1f MB", float64(len(large))/1e6), max: maxExtractLarge, turn: repeat(func() error { return extract(large, face.ForProbe) })},
		{name: "whole request over HTTP, 720×720", max: maxRequest, turn: repeat(s.request(ctx, photo))},
		{name: "data verification over HTTP", turn: repeat(func() error { return answered(s.sender.VerifyData(ctx, s.first)) })},
		{name: "two extractions, that and a reference", turn: repeat(func() error {
			return errors.Join(extract(photo, face.ForProbe), extract(stored, face.ForReference))
		})},
		{name: "face match of the two over HTTP", turn: repeat(func() error { return answered(s.sender.Match(ctx, photo, stored)) })},
	}
	// The steps take turns, so that other load of the machine affects all of
	// them alike.
	for range max(b.Rounds/turn, 1) {
		for i := range steps {
			times, err := steps[i].turn()
			if err != nil {
				return 0, fmt.Errorf("%s: %w", steps[i].name, err)
			}
			steps[i].times = append(steps[i].times, times...)
		}
	}
	fmt.Printf("One at a time, median of %d, %d at each turn:\n", len(steps[0].times), turn)
	asStored := bench.Quantile(steps[0].times, 0.5)
	bare := bench.Quantile(steps[1].times, 0.5)
	for _, step := range steps {
		m := bench.Quantile(step.times, 0.5)
		fmt.Printf("  %-42s %6.2f ms", step.name, ms(m))
		if step.max > 0 {
			fmt.Printf("   %.2f × bare as stored (wanted: at most %.4g), %.2f × bare as run", ratio(m, asStored), step.max, ratio(m, bare))
		}
		fmt.Println()
	}
	match, extractions := steps[len(steps)-1].times, steps[len(steps)-2].times
	fmt.Printf("  A face match takes %.2f × two extractions (wanted: at most %.4g)\n",
		ratio(bench.Quantile(match, 0.5), bench.Quantile(extractions, 0.5)), maxMatch)
	cpu, err := inferenceCPU(ctx, asIs, photo, b.Rounds)
	if err != nil {
		return 0, err
	}
	fmt.Printf("  CPU time of bare inference, the networks as stored: %.2f ms, mean of %d\n", ms(cpu), b.Rounds)
	return cpu, nil
}

// inferenceCPU returns the mean CPU time of bare inference. Other load of the machine
// makes it little longer, unlike the time.
func inferenceCPU(ctx context.Context, engine *face.Engine, photo []byte, runs int) (time.Duration, error) {
	var first, last time.Duration
	n := 0
	err := engine.Infer(ctx, photo, func(time.Duration) bool {
		last = bench.CPUTime()
		if n == 0 { // the extraction before is not of interest
			first = last
		}
		n++
		return n <= runs
	})
	return (last - first) / time.Duration(max(n-1, 1)), err
}

func ratio(a, b time.Duration) float64 { return float64(a) / float64(b) }

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
