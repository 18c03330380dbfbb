package recorder_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/sesuai/sesuai/internal/recorder"
	"github.com/sesuai/sesuai/internal/registry/registrytest"
	"github.com/sesuai/sesuai/internal/replay/replaytest"
	"github.com/sesuai/sesuai/internal/sqldb"
	"github.com/sesuai/sesuai/internal/sqldb/sqltest"
)

// sweeps is a store of probes that tells what becomes of sweeps. It removes the
// rows of one person at a time.
type sweeps struct {
	recorder.Probes
	ended  chan struct{} // an element for each sweep
	failed chan error

	mu   sync.Mutex
	err  error
	hang chan struct{} // nil, or what a transaction waits for until its context ends
}

func (s *sweeps) RemoveBefore(ctx context.Context, t time.Time, limit int) (more bool, err error) {
	s.mu.Lock()
	err, hang := s.err, s.hang
	s.mu.Unlock()
	if hang != nil {
		close(hang)
		<-ctx.Done()
		err = ctx.Err()
	}
	if err == nil {
		more, err = s.Probes.RemoveBefore(ctx, t, min(limit, 1))
	}
	if !more {
		s.ended <- struct{}{}
	}
	return more, err
}

// set makes the next sweeps fail or hang.
func (s *sweeps) set(err error, hang chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err, s.hang = err, hang
}

// openSweeping opens a Recorder of unenrolled people whose sweeps can be watched.
func openSweeping(t *testing.T, d sqltest.Database, maxAge time.Duration) (probes, *sweeps) {
	t.Helper()
	s := &sweeps{ended: make(chan struct{}, 10), failed: make(chan error, 10)}
	p := openRecorder(t, d, true, func(o *recorder.Options) {
		s.Probes = o.Probes
		o.Probes, o.MaxAge, o.SweepFailed = s, maxAge, func(err error) { s.failed <- err }
	})
	return p, s
}

// assertRows compares how many rows with probes there are of people who are on
// record, and of as many who are not.
func assertRows(t *testing.T, d sqltest.Database, want int) {
	t.Helper()
	for _, table := range []string{"probes", "unenrolled_probes"} {
		var rows int
		d.QueryRow(t, `SELECT count(*) FROM `+table, &rows)
		if rows != want {
			t.Errorf("%s has %d rows, want %d", table, rows, want)
		}
	}
}

// TestOldProbesAreRemoved: those of people about whom nobody asks any more, within
// an hour, those of people who are not on record too. A failure fails no
// verification, and the next sweep is a minute later.
func TestOldProbesAreRemoved(t *testing.T) {
	probesEngines.Each(t, func(t *testing.T, d sqltest.Database) {
		const maxAge = 48 * time.Hour
		p, s := openSweeping(t, d, maxAge)
		p.enrol(t, 6)
		for i := range 12 {
			replaytest.AssertSeen(t, p, i, replaytest.Probe(i, "a", 0), false)
		}
		<-s.ended // the one at the start
		at := maxAge
		for _, i := range []int{0, 6} {
			replaytest.AssertSeen(t, p, i, replaytest.Probe(i, "b", at), true) // remembered as of now
		}
		<-s.ended // it was just not too long ago
		at += time.Second
		for _, i := range []int{1, 7} {
			replaytest.AssertSeen(t, p, i, replaytest.Probe(i, "b", at), false)
		}
		assertRows(t, d, 6) // it was less than an hour

		at += time.Hour
		down := errors.New("down")
		s.set(down, nil)
		replaytest.AssertSeen(t, p, 1, replaytest.Probe(1, "c", at), true)
		<-s.ended
		if err := <-s.failed; !errors.Is(err, down) {
			t.Errorf("the sweep failed with %v", err)
		}
		s.set(nil, nil)
		replaytest.AssertSeen(t, p, 1, replaytest.Probe(1, "d", at+59*time.Second), true)
		assertRows(t, d, 6)
		at += time.Minute
		replaytest.AssertSeen(t, p, 7, replaytest.Probe(7, "c", at), true)
		<-s.ended
		assertRows(t, d, 2)
		if len(s.ended) > 0 || len(s.failed) > 0 {
			t.Error("there was another sweep")
		}
	})
}

// TestSweepsAfterClockWasAhead: once the clock was set back, there are sweeps again.
func TestSweepsAfterClockWasAhead(t *testing.T) {
	p, s := openSweeping(t, probesEngines.SQLite(t), 48*time.Hour)
	const year = 365 * 24 * time.Hour
	replaytest.AssertSeen(t, p, 1, replaytest.Probe(1, "a", year), false)
	<-s.ended
	replaytest.AssertSeen(t, p, 2, replaytest.Probe(2, "b", year-time.Minute), false) // of a request that came earlier
	if len(s.ended) > 0 {
		t.Error("there was another sweep in the same hour")
	}
	replaytest.AssertSeen(t, p, 3, replaytest.Probe(3, "c", 0), false)
	<-s.ended
}

// TestNobodyWaitsForASweep: people are verified while old probes are removed, and
// Close ends that.
func TestNobodyWaitsForASweep(t *testing.T) {
	probesEngines.Each(t, func(t *testing.T, d sqltest.Database) {
		p, s := openSweeping(t, d, 0)
		hangs := make(chan struct{})
		s.set(nil, hangs)
		replaytest.AssertSeen(t, p, 1, replaytest.Probe(1, "a", 0), false)
		<-hangs
		replaytest.AssertSeen(t, p, 1, replaytest.Probe(1, "b", 1), true)
		p.Close()
		if len(s.ended) != 1 || len(s.failed) > 0 {
			t.Errorf("%d sweeps have ended and %d failed, want 1 and 0", len(s.ended), len(s.failed))
		}
		_, _, err := p.Remember(t.Context(), nil, registrytest.NIK(t, 1), replaytest.Probe(2, "late", 2), event(t, 1, "late"))
		if !errors.Is(err, sqldb.ErrClosed) {
			t.Errorf("Remember after Close = %v", err)
		}
	})
}
