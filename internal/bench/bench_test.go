package bench_test

import (
	"errors"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/bench"
)

func TestQuantile(t *testing.T) {
	var times []time.Duration
	for i := 200; i >= 1; i-- {
		times = append(times, time.Duration(i))
	}
	for _, tt := range []struct {
		times []time.Duration
		q     float64
		want  time.Duration
	}{
		{nil, 0.5, 0},
		{times[:1], 0.5, 200},
		{times[:1], 0.99, 200},
		{times, 0, 1},
		{times, 0.5, 100},
		{times, 0.99, 198},
		{times, 1, 200},
		{times[100:], 0.99, 99},
		{times[101:], 0.99, 99},
	} {
		if got := bench.Quantile(tt.times, tt.q); got != tt.want {
			t.Errorf("%g of %d: %d, want %d", tt.q, len(tt.times), got, tt.want)
		}
	}
}

// TestClosed: each number is sent once, and an error ends it.
func TestClosed(t *testing.T) {
	sent := make([]bool, 100)
	err := bench.Closed(7, func(n int) bool { return n < len(sent) }, func(_, n int) error {
		if sent[n] {
			t.Errorf("%d is sent twice", n)
		}
		sent[n] = true
		return nil
	})
	for n, done := range sent {
		if err != nil || !done {
			t.Errorf("%d: %v, %v", n, done, err)
		}
	}
	broken := errors.New("broken")
	if err := bench.Closed(3, func(int) bool { return true }, func(_, n int) error {
		if n == 50 {
			return broken
		}
		return nil
	}); err != broken {
		t.Error(err)
	}
}

// TestRunRefuses: what cannot be measured is said at once, and nothing is left in
// the data folder.
func TestRunRefuses(t *testing.T) {
	data := t.TempDir()
	config := app.DefaultConfig()
	config.Data, config.Models = data, filepath.Join(data, "no-models")
	good := bench.Options{Config: config, Time: time.Minute, Load: 1, Log: slog.New(slog.DiscardHandler)}
	for name, tt := range map[string]struct {
		change func(*bench.Options)
		kind   sesuai.Kind
	}{
		"too short":     {func(o *bench.Options) { o.Time = time.Second }, sesuai.KindConfiguration},
		"no load":       {func(o *bench.Options) { o.Load = 0 }, sesuai.KindConfiguration},
		"any load":      {func(o *bench.Options) { o.Load = math.NaN() }, sesuai.KindConfiguration},
		"endless load":  {func(o *bench.Options) { o.Load = math.Inf(1) }, sesuai.KindConfiguration},
		"no photograph": {func(o *bench.Options) { o.Photo = []byte("text") }, sesuai.KindUnsupportedImage},
		"no models":     {func(*bench.Options) {}, sesuai.KindConfiguration},
	} {
		o := good
		tt.change(&o)
		if r, err := bench.Run(t.Context(), o); sesuai.KindOf(err) != tt.kind || r == nil || len(r.Stages) != 0 {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
	if entries, err := os.ReadDir(data); err != nil || len(entries) != 0 {
		t.Errorf("the folder holds %v, %v", entries, err)
	}
}
