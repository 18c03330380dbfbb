package bench

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/app"
)

const verified = `{"verification_status":true}`

// fake returns a service that h answers for.
func fake(t *testing.T, h http.HandlerFunc) *service {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	s := &service{trial: &trial{photo: []byte("photo"), claims: make([]Claim, 3)}}
	for range clients {
		s.senders = append(s.senders, Sender{server.URL, access.Revealed{}, NewHTTPClient(clients * requestsOfClient)})
	}
	return s
}

// TestMeasure: the report has every stage, and the numbers agree with what was
// answered.
func TestMeasure(t *testing.T) {
	var requests atomic.Int64
	s := fake(t, func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		_, _ = w.Write([]byte(verified))
	})
	var r Report
	if err := s.measure(t.Context(), &r, 1e9, time.Second); err != nil {
		t.Fatal(err)
	}
	sent := 0
	for i, stage := range append(r.Stages, *r.Planned, *r.Data) {
		sent += stage.Verdicts
		if stage.Verdicts == 0 || stage.Refused != 0 || stage.PerSecond <= 0 || stage.P50MS > stage.P99MS || stage.CPUMS <= 0 {
			t.Errorf("stage %d: %+v", i, stage)
		}
		if n := stage.PerSecond * stage.Seconds; math.Abs(n/float64(stage.Verdicts)-1) > 0.1+0.005/stage.Seconds { // both are rounded
			t.Errorf("stage %d: %.0f verdicts by its rate, of %d", i, n, stage.Verdicts)
		}
	}
	if n := int(requests.Load()); sent > n || sent < n/2 { // the rest is the warm-up
		t.Errorf("%d verdicts of %d requests", sent, n)
	}
	if len(r.Stages) != len(atOnce) || r.Load.Nodes < 2 || r.MemoryMiB <= 0 || r.SenderMS <= 0 {
		t.Errorf("%+v, %+v", r, r.Load)
	}
}

// TestInterrupted: what was measured before ctx ended is in the report.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var now atomic.Int64
	s := fake(t, func(w http.ResponseWriter, r *http.Request) {
		if now.Add(1) > 2 { // more than the warm-up and the first stage have
			cancel()
		}
		time.Sleep(time.Millisecond) // a verification takes time, so requests overlap
		_, _ = w.Write([]byte(verified))
		now.Add(-1)
	})
	var r Report
	err := s.measure(ctx, &r, 1, time.Minute/30)
	if !errors.Is(err, context.Canceled) || len(r.Stages) != 1 || r.Planned != nil || r.Load != nil || r.MemoryMiB <= 0 {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestRefused: an answer of 503 is counted, and its sender waits; it is not a
// verdict.
func TestRefused(t *testing.T) {
	s := fake(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Retry-After", "3600")
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	stage, err := s.closed(t.Context(), 8, 50*time.Millisecond, withPhoto)
	if err != nil || stage.Refused != 8 || stage.Verdicts != 0 || stage.PerSecond != 0 || stage.P99MS != 0 {
		t.Errorf("%+v, %v", stage, err)
	}
	var r Report
	if err := s.measure(t.Context(), &r, 1, 50*time.Millisecond); err == nil || r.Load != nil {
		t.Errorf("no verdict at all: %+v, %v", r.Load, err)
	}
}

// TestOtherAnswers: a verdict that does not verify the person, and an error, fail.
func TestOtherAnswers(t *testing.T) {
	for _, tt := range []struct {
		status int
		body   string
	}{{200, `{"verification_status":false}`}, {400, `{"reason":"Face not detected"}`}, {401, "{}"}} {
		s := fake(t, func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(tt.status)
			_, _ = w.Write([]byte(tt.body))
		})
		if _, err := s.closed(t.Context(), 2, time.Second, withoutPhoto); err == nil || !strings.Contains(err.Error(), tt.body) {
			t.Errorf("%d %s, one after the other: %v", tt.status, tt.body, err)
		}
		if _, err := s.open(t.Context(), 1000, 20*time.Millisecond); err == nil {
			t.Errorf("%d %s, at a rate: no error", tt.status, tt.body)
		}
	}
}

func TestPlan(t *testing.T) {
	for _, tt := range []struct {
		load, capacity float64
		nodes          int
		busy           float64
	}{
		{1, 100, 1, 0.01},
		{70, 100, 1, 0.7},    // exactly what is planned
		{70.1, 100, 2, 0.35}, // to a hundredth
		{1000, 100, 15, 0.67},
		{0.001, 0.0001, 15, 0.67},
	} {
		got := plan(tt.load, tt.capacity)
		if got.Nodes != tt.nodes || math.Abs(got.Busy-tt.busy) > 1e-9 {
			t.Errorf("%g a second of %g: %+v", tt.load, tt.capacity, got)
		}
	}
}

// TestOthers: what other processes used is what all used but this one.
func TestOthers(t *testing.T) {
	from, to := use{own: 10 * time.Second}, use{own: 40 * time.Second}
	from.busy, from.all = parseStat("cpu  1000 200 300 4000 500 60 40 0 0 0\ncpu0 1 2 3\n")
	to.busy, to.all = parseStat("cpu  4000 200 1300 9000 1000 60 40 500 0 0\n")
	if from.busy != 16*time.Second || from.all != 61*time.Second {
		t.Errorf("%+v", from)
	}
	// 30 s are user's, 10 s the system's and 5 s stolen, of which this process
	// used 30 s. All are 100 s.
	if got := others(from, to); got != 0.15 {
		t.Errorf("%g", got)
	}
	for _, stat := range []string{"", "cpu 1 2", "cpu a b c d e f g h", "intr 1 2 3 4 5 6 7 8 9"} {
		if busy, all := parseStat(stat); busy != 0 || all != 0 {
			t.Errorf("%q: %v of %v", stat, busy, all)
		}
	}
	if got := others(use{}, use{own: time.Second}); got != 0 {
		t.Errorf("not known: %g", got)
	}
	if now := useNow(); now.busy <= 0 || now.all < now.busy || now.own <= 0 {
		t.Errorf("%+v", now)
	}
}

// TestTrialIsApart: the service to be measured has no part of the configured one's
// registry, keys, addresses or files, and its folder is on the same disk.
func TestTrialIsApart(t *testing.T) {
	data := t.TempDir()
	c := app.DefaultConfig()
	c.Data, c.Registry, c.MasterKey, c.Models = data, "postgres://somewhere", "/etc/master.key", "/models"
	c.Admin.Listen, c.Dukcapil.Enabled = "127.0.0.1:9090", true
	c.Audit.CheckpointFile, c.Audit.CheckpointFolder, c.Audit.CheckpointSyslog = "/var/checkpoints", "/mnt/checkpoints", "local"
	for _, where := range []string{data, filepath.Join(data, "not", "there")} {
		c.Data = where
		trial, err := newTrial(c, slog.New(slog.DiscardHandler), nil)
		if err != nil {
			t.Fatal(err)
		}
		got := trial.config
		if filepath.Dir(got.Data) != data || got.Registry != "" || got.MasterKey != "" || got.Listen != "127.0.0.1:0" ||
			got.Admin.Listen != "" || got.Audit.CheckpointFile+got.Audit.CheckpointFolder+got.Audit.CheckpointSyslog != "" || got.Dukcapil.Enabled || got.Models != c.Models {
			t.Errorf("%+v", got)
		}
		if info, err := os.Stat(got.Data); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("%v, %v", info, err)
		}
		if err := trial.remove(); err != nil {
			t.Fatal(err)
		}
	}
	if entries, err := os.ReadDir(data); err != nil || len(entries) != 0 {
		t.Errorf("the folder holds %v, %v", entries, err)
	}
}
