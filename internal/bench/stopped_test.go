package bench_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/bench"
	"github.com/sesuai/sesuai/test/process"
)

// stopper is a log that ends a context when something is logged.
type stopper struct {
	slog.Handler
	stop func()
}

func (s stopper) Enabled(context.Context, slog.Level) bool  { return true }
func (s stopper) Handle(context.Context, slog.Record) error { s.stop(); return nil }
func (s stopper) WithAttrs(_ []slog.Attr) slog.Handler      { return s }
func (s stopper) WithGroup(_ string) slog.Handler           { return s }

// TestRunStopped: what was measured before Run was stopped is in the report, and
// nothing is left in the data folder.
func TestRunStopped(t *testing.T) {
	const models = "../../models"
	process.Need(t, filepath.Join(models, "libonnxruntime.so.1"))
	data := t.TempDir()
	config := app.DefaultConfig()
	config.Data, config.Models = data, models
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	// The service logs when it starts, after the networks were timed.
	log := slog.New(stopper{slog.DiscardHandler, stop})
	r, err := bench.Run(ctx, bench.Options{Config: config, Time: 4 * time.Second, Load: 1, Log: log})
	if sesuai.KindOf(err) != sesuai.KindUnavailable || r.Cores == 0 || r.SyncMS <= 0 || r.Inference.MS <= 0 || r.Inference.PerSecond <= 0 {
		t.Errorf("%d cores, %v ms, %+v, %v", r.Cores, r.SyncMS, r.Inference, err)
	}
	if len(r.Stages) != 0 || r.Planned != nil || r.Data != nil || r.Load != nil {
		t.Errorf("not run: %+v, %+v, %+v", r.Stages, r.Planned, r.Load)
	}
	if entries, err := os.ReadDir(data); err != nil || len(entries) != 0 {
		t.Errorf("the folder holds %v, %v", entries, err)
	}
	ctx, stop = context.WithCancel(t.Context())
	stop()
	if r, err = bench.Run(ctx, bench.Options{Config: config, Time: 4 * time.Second, Load: 1, Log: log}); sesuai.KindOf(err) != sesuai.KindUnavailable || r.Inference.MS != 0 {
		t.Errorf("stopped before: %+v, %v", r.Inference, err)
	}
	if entries, err := os.ReadDir(data); err != nil || len(entries) != 0 {
		t.Errorf("the folder holds %v, %v", entries, err)
	}
}
