package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

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
	idle, err := statusMiB(s.cmd.Process.Pid, "VmRSS")
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
	engine, err := c.engine(nil, func(o *face.Options) { o.Subject, o.Limits = face.Central, &face.Limits{} })
	if err != nil {
		return err
	}
	defer engine.Close()
	return b.peer(ctx, func(photo []byte) (face.Extraction, error) { return engine.Extract(ctx, photo, face.ForProbe) })
}

// engine opens an engine with one worker. If networks is not nil, it records the
// engine's runners.
func (c *commandLine) engine(networks *recorded, change func(*face.Options)) (*face.Engine, error) {
	load, err := ort.NewLoader(ort.Options{Library: filepath.Join(c.Models, "libonnxruntime.so.1")})
	if err != nil {
		return nil, err
	}
	if networks != nil {
		load = networks.loader(load)
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
	var networks recorded
	engine, err := c.engine(&networks, nil)
	if err != nil {
		return err
	}
	defer engine.Close()
	extract := func(photo []byte) func() error {
		return func() error {
			x, err := engine.Extract(ctx, photo, face.ForProbe)
			return errors.Join(err, x.Refusal())
		}
	}
	// After one extraction the networks have inputs of a face.
	if err := extract(photo)(); err != nil {
		return err
	}

	steps := []struct {
		name string
		max  float64 // times the bare inference
		run  func() error
	}{
		{"bare inference (the networks of one photograph)", 1, func() error {
			var errs []error
			for _, r := range networks.runners {
				errs = append(errs, r.Run())
			}
			// The eye network, loaded last, runs for each of the two eyes.
			errs = append(errs, networks.runners[len(networks.runners)-1].Run())
			return errors.Join(errs...)
		}},
		{"face.Extract, 720×720 JPEG", 1.35, extract(photo)},
		{fmt.Sprintf("face.Extract, 4000×3000 JPEG of %.1f MB", float64(len(large))/1e6), 2.5, extract(large)},
		{"whole request over HTTP, 720×720", 1.8, request},
	}
	// The steps take turns, so that other load of the machine affects all of
	// them alike. A turn is twenty runs, since the processes evict each
	// other's caches.
	const turn = 20
	times := make([][]time.Duration, len(steps))
	for range max(b.Rounds/turn, 1) {
		for i, step := range steps {
			for range turn {
				start := time.Now()
				if err := step.run(); err != nil {
					return fmt.Errorf("%s: %w", step.name, err)
				}
				times[i] = append(times[i], time.Since(start))
			}
		}
	}
	fmt.Printf("One at a time, median of %d, %d at each turn:\n", len(times[0]), turn)
	bare := quantile(times[0], 0.5)
	for i, step := range steps {
		m := quantile(times[i], 0.5)
		fmt.Printf("  %-48s %6.2f ms   %.2f × bare (wanted: at most %.4g)\n", step.name, ms(m), float64(m)/float64(bare), step.max)
	}
	return nil
}

// recorded holds the runners of an engine. They keep their last inputs, so that
// running them again takes the same time as on a face. On zeros the networks take
// a third less.
type recorded struct{ runners []face.Runner }

func (r *recorded) loader(load face.Loader) face.Loader {
	return func(onnx []byte, spec face.NetworkSpec) (face.Network, error) {
		n, err := load(onnx, spec)
		return recordedNetwork{n, r}, err
	}
}

type recordedNetwork struct {
	face.Network
	recorded *recorded
}

func (n recordedNetwork) NewRunner() (face.Runner, error) {
	r, err := n.Network.NewRunner()
	if err == nil {
		n.recorded.runners = append(n.recorded.runners, r)
	}
	return r, err
}

// load sends concurrent requests and samples the server's memory.
func (b *benchCommand) load(pid int, request func() error) error {
	var mu atomic.Int64 // the next request's number
	times := make([]time.Duration, b.Requests)
	memory := make([]int, 0, 100) // MiB, sampled evenly
	group, start := errgroup.Group{}, time.Now()
	every := max(b.Requests/100, 1)
	samples := make(chan int, 128)
	for range b.Concurrency {
		group.Go(func() error {
			for {
				i := int(mu.Add(1)) - 1
				if i >= b.Requests {
					return nil
				}
				began := time.Now()
				if err := request(); err != nil {
					return err
				}
				times[i] = time.Since(began)
				if i%every == every-1 {
					rss, err := statusMiB(pid, "VmRSS")
					if err != nil {
						return err
					}
					samples <- rss
				}
			}
		})
	}
	err := group.Wait()
	took := time.Since(start)
	close(samples)
	if err != nil {
		return err
	}
	for s := range samples {
		memory = append(memory, s)
	}
	peak, err := statusMiB(pid, "VmHWM")
	if err != nil {
		return err
	}
	half := len(memory) / 2
	fmt.Printf("%d requests, %d at once, on %d cores shared with their sender:\n", b.Requests, b.Concurrency, runtime.NumCPU())
	fmt.Printf("  %.1f requests/s, p50 %.1f ms, p99 %.1f ms\n", float64(b.Requests)/took.Seconds(), ms(quantile(times, 0.5)), ms(quantile(times, 0.99)))
	fmt.Printf("  RSS peak %d MiB; median %d MiB in the first half, %d in the second; largest %d and %d\n",
		peak, median(memory[:half]), median(memory[half:]), slices.Max(memory[:half]), slices.Max(memory[half:]))
	return nil
}

// statusMiB returns a memory figure of a process from /proc, in MiB.
func statusMiB(pid int, key string) (int, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range bytes.Lines(b) {
		if rest, ok := strings.CutPrefix(string(line), key+":"); ok {
			kib, err := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")))
			return kib / 1024, err
		}
	}
	return 0, fmt.Errorf("no %s in the process's status", key)
}

func quantile(times []time.Duration, q float64) time.Duration {
	sorted := slices.Sorted(slices.Values(times))
	return sorted[int(q*float64(len(sorted)-1))]
}

func median(values []int) int { return slices.Sorted(slices.Values(values))[len(values)/2] }

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
