package recorder_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/recorder"
	"github.com/sesuai/sesuai/internal/registry/registrytest"
	"github.com/sesuai/sesuai/internal/replay"
	"github.com/sesuai/sesuai/internal/replay/replaytest"
	"github.com/sesuai/sesuai/internal/sqldb"
	"github.com/sesuai/sesuai/internal/sqldb/sqltest"
	"github.com/sesuai/sesuai/internal/vault"
)

// holding is a transaction that changes a person and does not end.
type holding struct {
	release func()
	ended   chan error
}

// hold begins such a transaction. It keeps the probe.
func (p probes) hold(t *testing.T, person int, kept replay.Probe) holding {
	t.Helper()
	entered, release := make(chan struct{}), make(chan struct{})
	h := holding{func() { close(release) }, make(chan error, 1)}
	go func() {
		h.ended <- p.vault.Change(t.Context(), func(tx *sqldb.Tx, keys *vault.Keys) error {
			return p.people.UpdateTx(t.Context(), tx, keys, []replay.Update{{
				NIK: registrytest.NIK(t, person),
				Change: func([]replay.Probe, error) []replay.Probe {
					close(entered)
					<-release
					return []replay.Probe{kept}
				},
			}}, true)
		})
	}()
	<-entered
	return h
}

// TestPersonWhoIsBeingChanged: on PostgreSQL, only the verifications of a person
// wait for another transaction that changes the person. They see what it has
// written.
func TestPersonWhoIsBeingChanged(t *testing.T) {
	d := probesEngines.PostgreSQL(t)
	p, other := openRecorder(t, d, true), openRecorder(t, d, true)
	p.enrol(t, 2)
	for _, person := range []int{0, 5} { // 5 is not on record
		h := other.hold(t, person, replaytest.Probe(1, "other", 0))
		type outcome struct {
			seen bool
			err  error
		}
		waiting := make(chan outcome, 2)
		for n := range 2 {
			go func() {
				seen, err := replaytest.Seen(t.Context(), t, p, person, replaytest.Probe(1+n, "waits", 1))
				waiting <- outcome{seen, err}
			}()
		}
		replaytest.AssertSeen(t, p, 1, replaytest.Probe(10+person, "another person", 1), false)
		replaytest.AssertSeen(t, other, 6, replaytest.Probe(20+person, "another person", 1), false)

		// Who gives up has left nothing.
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		_, err := replaytest.Seen(ctx, t, p, person, replaytest.Probe(3, "gives up", 1))
		cancel()
		if sesuai.KindOf(err) != sesuai.KindUnavailable || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Remember = %v", err)
		}
		select {
		case got := <-waiting:
			t.Errorf("Remember has not waited: %v", got)
		default:
		}
		h.release()
		if err := <-h.ended; err != nil {
			t.Error(err)
		}
		seen := 0
		for range 2 {
			got := <-waiting
			if got.err != nil {
				t.Error(got.err)
			}
			if got.seen {
				seen++
			}
		}
		if seen != 1 {
			t.Errorf("%d of the two photographs were sent before, want 1", seen)
		}
		replaytest.AssertSeen(t, p, person, replaytest.Probe(3, "after that", 2), false)
	}
	if head, err := p.trail.Verify(t.Context()); err != nil || head.Seq != 10 {
		t.Errorf("Verify = %d, %v", head.Seq, err)
	}
}

// TestCloseWaitsForThoseWhoWait: those who wait for a person are recorded before
// Close returns.
func TestCloseWaitsForThoseWhoWait(t *testing.T) {
	d := probesEngines.PostgreSQL(t)
	other := openRecorder(t, d, true)
	db := d.Open(t)
	keys, r := openProbes(t, db, d.Dir, true)
	closing := recorder.New(recorder.Options{DB: db, Trail: other.trail, Probes: r, Vault: keys})
	h := other.hold(t, 1, replaytest.Probe(1, "other", 0))
	outcome := make(chan error, 1)
	go func() {
		_, err := closing.Remember(t.Context(), registrytest.NIK(t, 1), replaytest.Probe(2, "waits", 1), event(t, 1, "waits"))
		outcome <- err
	}()
	awaitWaiting(t, d)
	closed := make(chan struct{})
	go func() {
		closing.Close()
		close(closed)
	}()
	select {
	case <-closed:
		t.Error("Close has not waited")
	case <-time.After(100 * time.Millisecond):
	}
	h.release()
	<-closed
	if err := errors.Join(<-outcome, <-h.ended); err != nil {
		t.Error(err)
	}
	_, err := closing.Remember(t.Context(), registrytest.NIK(t, 1), replaytest.Probe(3, "late", 1), event(t, 1, "late"))
	if !errors.Is(err, sqldb.ErrClosed) {
		t.Errorf("Remember after Close = %v", err)
	}
}

// awaitWaiting returns when a transaction waits for an advisory lock.
func awaitWaiting(t *testing.T, d sqltest.Database) {
	t.Helper()
	for start := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		var waiting int
		d.QueryRow(t, `SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`, &waiting)
		if waiting > 0 {
			return
		}
		if time.Since(start) > time.Minute {
			t.Fatal("nobody waits for a person after a minute")
		}
	}
}
