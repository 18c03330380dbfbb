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
	"github.com/sesuai/sesuai/internal/face/ort"
	"github.com/sesuai/sesuai/internal/face/turbo"
)

type benchCommand struct {
	Rounds      int `help:"How often each step is timed." default:"200"`
	Requests    int `help:"How many requests the load has." default:"10000"`
	Concurrency int `help:"How many requests are in flight." default:"8"`
}

// benchPhoto is a photograph of 720×720 with one face.
const benchPhoto = "ayu-720.jpg"

// Run measures a server, and the face engine beside it.
func (b *benchCommand) Run(ctx context.Context, c *commandLine) error {
	return c.try(ctx, func(s *trial) error { return b.measure(ctx, c, s) })
}

func (b *benchCommand) measure(ctx context.Context, c *commandLine, s *trial) error {
	idle, err := bench.StatusMiB(s.cmd.Process.Pid, "VmRSS")
	if err != nil {
		return err
	}
	photo, err := os.ReadFile(filepath.Join(c.photos(), benchPhoto))
	if err != nil {
		return err
	}
	large, err := enlarged(photo)
	if err != nil {
		return err
	}
	request := func(photo []byte) func() error {
		return func() error {
			status, answer, err := s.post(ctx, s.first, photo)
			if err == nil && status != 200 {
				err = fmt.Errorf("status %d: %s", status, answer)
			}
			return err
		}
	}
	if err := b.alone(ctx, c, photo, large, request(photo)); err != nil {
		return err
	}
	if err := b.load(s.cmd.Process.Pid, request(photo)); err != nil {
		return err
	}
	if err := b.largeMemory(s.cmd.Process.Pid, idle, request(large)); err != nil {
		return err
	}
	engine, err := c.engine(func(o *face.Options) { o.Subject, o.Limits = face.Central, &face.Limits{} })
	if err != nil {
		return err
	}
	defer engine.Close()
	return b.peer(ctx, func(photo []byte) (face.Extraction, error) { return engine.Extract(ctx, photo, face.ForProbe) })
}

// engine opens an engine with one worker.
func (c *commandLine) engine(change func(*face.Options)) (*face.Engine, error) {
	load, err := ort.NewLoader(ort.Options{Library: filepath.Join(c.Models, "libonnxruntime.so.1")})
	if err != nil {
		return nil, err
	}
	manifest := face.DefaultManifest()
	calibration, err := face.ShippedCalibration(manifest.Calibration)
	if err != nil {
		return nil, err
	}
	o := face.Options{
		Models: c.Models, Manifest: manifest, Calibration: calibration,
		Load: load, DecodeJPEG: turbo.Decode, Workers: 1,
	}
	if change != nil {
		change(&o)
	}
	return face.New(o)
}

// alone times the bare networks, the extraction of a small and of a large
// photograph, and the whole request, one at a time and in turns.
func (b *benchCommand) alone(ctx context.Context, c *commandLine, photo, large []byte, request func() error) error {
	engine, err := c.engine(nil)
	if err != nil {
		return err
	}
	defer engine.Close()
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
	extract := func(photo []byte) func() ([]time.Duration, error) {
		return repeat(func() error {
			x, err := engine.Extract(ctx, photo, face.ForProbe)
			return errors.Join(err, x.Refusal())
		})
	}
	steps := []struct {
		name  string
		max   float64 // times the bare inference
		turn  func() ([]time.Duration, error)
		times []time.Duration
	}{
		{name: "bare inference (the networks of one photograph)", max: 1, turn: func() (times []time.Duration, err error) {
			err = engine.Infer(ctx, photo, func(took time.Duration) bool {
				times = append(times, took)
				return len(times) < turn
			})
			return times, err
		}},
		{name: "face.Extract, 720×720 JPEG", max: 1.35, turn: extract(photo)},
		{name: fmt.Sprintf("face.Extract, 4000×3000 JPEG of %.1f MB", float64(len(large))/1e6), max: 2.5, turn: extract(large)},
		{name: "whole request over HTTP, 720×720", max: 1.8, turn: repeat(request)},
	}
	// The steps take turns, so that other load of the machine affects all of
	// them alike.
	for range max(b.Rounds/turn, 1) {
		for i := range steps {
			times, err := steps[i].turn()
			if err != nil {
				return fmt.Errorf("%s: %w", steps[i].name, err)
			}
			steps[i].times = append(steps[i].times, times...)
		}
	}
	fmt.Printf("One at a time, median of %d, %d at each turn:\n", len(steps[0].times), turn)
	bare := bench.Quantile(steps[0].times, 0.5)
	for _, step := range steps {
		m := bench.Quantile(step.times, 0.5)
		fmt.Printf("  %-48s %6.2f ms   %.2f × bare (wanted: at most %.4g)\n", step.name, ms(m), float64(m)/float64(bare), step.max)
	}
	return nil
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
