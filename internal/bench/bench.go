// Package bench measures what a service does on the machine that it runs on, and
// from that how many such machines a load needs. It runs the service as serve does,
// on synthetic people in a folder that it removes, and asks it over HTTP. It leaves
// what the figures are printed as to its callers.
package bench

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/app"
)

// MinTime is the shortest time that Run accepts.
const MinTime = 2 * time.Second

// Options are what Run measures.
type Options struct {
	// Config is the configuration of the service to be measured. Its models,
	// limits and times are taken as they are. Its registry is neither read nor
	// written, and Dukcapil is not asked: see newTrial.
	Config app.Config
	// Time is how long Run takes about.
	Time time.Duration
	// Load is the number of verifications a second that Report.Load is about.
	Load float64
	// Photo is the JPEG or PNG that is sent. nil is a drawn face: see drawn.
	Photo []byte
	// Log gets what the service logs.
	Log *slog.Logger
	// Progress, if not nil, is called every tenth of a second, and at the end,
	// with the time that has passed, of Time.
	Progress func(passed time.Duration)
}

// Report is what was measured. What Run did not get to is zero.
type Report struct {
	// Cores is the number of cores that the process may use.
	Cores int `json:"cores"`
	// Workers is how many photographs of one client are processed at once: the
	// setting face.workers.
	Workers int `json:"workers"`
	// Model and Calibration are those of the configuration.
	Model       string `json:"model"`
	Calibration string `json:"calibration"`
	// JPEGDecoder is libjpeg-turbo or image/jpeg.
	JPEGDecoder string `json:"jpeg_decoder"`
	// SyncMS is the median time, in milliseconds, of writing a page of 4 KiB and
	// waiting until it is on the disk (fsync).
	SyncMS float64 `json:"sync_ms"`
	// Photo is what was sent.
	Photo Photo `json:"photo"`
	// Inference is what the networks take alone.
	Inference Inference `json:"inference"`
	// Stages are the verifications at 1, 8 and 64 at once.
	Stages []Stage `json:"stages"`
	// Planned is the stage at the planned rate: PlannedShare of the greatest
	// PerSecond of Stages. It is nil if it was not run.
	Planned *Stage `json:"planned"`
	// Data is data verifications, which have no photograph, at 8 at once. It is nil if
	// they were not sent.
	Data *Stage `json:"data"`
	// MemoryMiB is the peak of the process's resident set while the service ran
	// (VmHWM), in MiB. The sender's memory is part of it.
	MemoryMiB int `json:"memory_mib"`
	// SenderMS is the CPU time, in milliseconds, that the sender of a request
	// takes at most. It runs in the same process, so its time is part of CPUMS,
	// and it is not subtracted from anything.
	SenderMS float64 `json:"sender_ms"`
	// OthersShare is the share of the machine's CPU time, 0 to 1, that other
	// processes used while the service was measured. If it is more than a few
	// hundredths, the machine does more than the report says.
	OthersShare float64 `json:"others_share"`
	// Load is what the load needs. It is nil if Stages are not complete.
	Load *Load `json:"load"`
}

// Inference is the time of the networks alone: see face.Engine.Infer.
type Inference struct {
	// MS is the median, in milliseconds, of the networks of one photograph with
	// one thread on an otherwise idle machine.
	MS float64 `json:"ms"`
	// PerSecond is how many photographs a second all workers infer at once. It
	// is less than Workers × 1000 / MS where cores share caches, memory or a
	// processor's arithmetic units.
	PerSecond float64 `json:"per_second"`
}

// Load is what a load needs.
type Load struct {
	// PerSecond is the load, in verifications a second.
	PerSecond float64 `json:"per_second"`
	// Capacity is how many verifications a second one node answers at most: the
	// greatest PerSecond of the stages.
	Capacity float64 `json:"capacity"`
	// PlannedShare is the share of Capacity that a node is to be given.
	PlannedShare float64 `json:"planned_share"`
	// Nodes is how many nodes the load needs: PerSecond / (Capacity ×
	// PlannedShare), rounded up. One more lets one of them fail.
	Nodes int `json:"nodes"`
	// Busy is the share of their capacity that the load takes of so many nodes.
	Busy float64 `json:"busy"`
}

// PlannedShare leaves 30 % of a node for bursts. The busier a node is, the longer
// requests wait for each other: in the queue M/M/2, at 70 % about as long as the work
// itself takes, at 90 % four times as long.
const PlannedShare = 0.7

// plan returns what a load needs of nodes with that capacity.
func plan(load, capacity float64) *Load {
	// A rounding error must not cost a node.
	nodes := math.Max(1, math.Ceil(load/(capacity*PlannedShare)-1e-9))
	return &Load{
		PerSecond: load, Capacity: capacity, PlannedShare: PlannedShare,
		Nodes: int(nodes), Busy: rounded(load / (capacity * nodes)),
	}
}

// The shares of the time, after the service has started, that the parts take.
const (
	warmUpShare    = 0.04
	stageShare     = 0.22 // each
	plannedShare   = 0.17
	dataShare      = 0.03
	senderShare    = 0.05
	inferenceShare = 0.1 // of the whole time, of one worker and of all workers together
)

// atOnce are the numbers of requests in progress.
var atOnce = [...]int{1, 8, 64}

// Run measures. If ctx ends or something fails, it returns what it has measured
// until then, and the error; if ctx has ended, one of kind sesuai.KindUnavailable. It
// leaves nothing behind unless the process is killed; then there is the folder that
// newTrial has made. If the folder cannot be removed, that is part of the error.
func Run(ctx context.Context, o Options) (r *Report, err error) {
	r = &Report{Stages: []Stage{}}
	if o.Time < MinTime {
		return r, &sesuai.Error{Kind: sesuai.KindConfiguration, Detail: fmt.Sprintf("the time must be at least %s", MinTime)}
	}
	if !(o.Load > 0) || math.IsInf(o.Load, 0) {
		return r, &sesuai.Error{Kind: sesuai.KindConfiguration, Detail: "the load must be a number of verifications a second over 0"}
	}
	start := time.Now()
	defer watch(o.Progress, start, o.Time)()
	if r.Photo, err = photoOf(o.Photo); err != nil {
		return r, err
	}
	t, err := newTrial(o.Config, o.Log, r.Photo.file)
	if err != nil {
		return r, err
	}
	return r, errors.Join(t.run(ctx, r, o, start), t.remove())
}

// run completes the report.
func (t *trial) run(ctx context.Context, r *Report, o Options, start time.Time) error {
	if err := t.prepare(ctx, r, time.Duration(inferenceShare*float64(o.Time))); err != nil {
		return stopped(ctx, err)
	}
	s, err := t.serve(ctx)
	if err != nil {
		return err
	}
	err = s.measure(ctx, r, o.Load, max(o.Time-time.Since(start), o.Time/2))
	return errors.Join(stopped(ctx, err), s.stop())
}

// stopped returns the error of what has failed with err. If ctx has ended, it failed
// for that.
func stopped(ctx context.Context, err error) error {
	if err == nil || ctx.Err() == nil {
		return err
	}
	return &sesuai.Error{Kind: sesuai.KindUnavailable, Detail: "stopped before all was measured"}
}

// watch calls progress until the function that it returns is called.
func watch(progress func(time.Duration), start time.Time, whole time.Duration) (stop func()) {
	if progress == nil {
		return func() {}
	}
	done, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(time.Second / 10)
		defer tick.Stop()
		for {
			progress(min(time.Since(start), whole))
			select {
			case <-tick.C:
			case <-done:
				return
			}
		}
	}()
	return func() {
		close(done)
		<-stopped
	}
}
