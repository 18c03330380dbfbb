package recorder_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/recorder"
	"github.com/sesuai/sesuai/internal/registry"
	"github.com/sesuai/sesuai/internal/registry/registrytest"
	"github.com/sesuai/sesuai/internal/replay"
	"github.com/sesuai/sesuai/internal/replay/replaytest"
	"github.com/sesuai/sesuai/internal/sqldb"
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
			}})
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

		// Who gives up has left the event of that, and no probe.
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
	if head, err := p.trail.Verify(t.Context()); err != nil || head.Seq != 12 {
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
	refused := newRefusals(r)
	closing := recorder.New(recorder.Options{DB: db, Trail: other.trail, Probes: refused, Vault: keys})
	h := other.hold(t, 1, replaytest.Probe(1, "other", 0))
	outcome := make(chan error, 1)
	go func() {
		_, _, err := closing.Remember(t.Context(), nil, registrytest.NIK(t, 1), replaytest.Probe(2, "waits", 1), event(t, 1, "waits"))
		outcome <- err
	}()
	refused.await(1)
	closed := make(chan struct{})
	go func() {
		closing.Close()
		close(closed)
	}()
	refused.await(2)
	select {
	case <-closed:
		t.Error("Close has not waited")
	default:
	}
	h.release()
	<-closed
	if err := errors.Join(<-outcome, <-h.ended); err != nil {
		t.Error(err)
	}
	_, _, err := closing.Remember(t.Context(), nil, registrytest.NIK(t, 1), replaytest.Probe(3, "late", 1), event(t, 1, "late"))
	if !errors.Is(err, sqldb.ErrClosed) {
		t.Errorf("Remember after Close = %v", err)
	}
}

// TestWaitingHoldsNoConnection: with the minimum of connections, people are read and
// verified while more verifications than that wait for a person.
func TestWaitingHoldsNoConnection(t *testing.T) {
	d := probesEngines.PostgreSQL(t)
	other := openRecorder(t, d, true)
	d.Options.Connections = 2
	var refused *refusals
	p := openRecorder(t, d, true, func(o *recorder.Options) {
		refused = newRefusals(o.Probes)
		o.Probes = refused
	})
	const waiting = 8
	h := other.hold(t, 1, replaytest.Probe(100, "other", 0))
	outcomes := make(chan error, waiting)
	for n := range waiting {
		go func() {
			_, err := replaytest.Seen(t.Context(), t, p, 1, replaytest.Probe(n, "waits", 1))
			outcomes <- err
		}()
	}
	refused.await(waiting)
	for n := range 5 {
		replaytest.AssertSeen(t, p, 2, replaytest.Probe(n, "another person", time.Duration(n)), false)
		if _, err := p.people.Prepare(t.Context(), registry.Question{Claim: registrytest.Claim(registrytest.Person(t, 1))}); err != nil {
			t.Error(err)
		}
	}
	// Another person who is changed meanwhile is waited for no longer than that.
	brief := other.hold(t, 3, replaytest.Probe(101, "other", 0))
	briefly := make(chan error, 1)
	go func() {
		_, err := replaytest.Seen(t.Context(), t, p, 3, replaytest.Probe(102, "waits", 1))
		briefly <- err
	}()
	refused.awaitPerson(registrytest.NIK(t, 3))
	brief.release()
	if err := errors.Join(<-brief.ended, <-briefly); err != nil {
		t.Error(err)
	}
	if len(outcomes) > 0 {
		t.Error("Remember has not waited")
	}
	h.release()
	for range waiting {
		if err := <-outcomes; err != nil {
			t.Error(err)
		}
	}
	if err := <-h.ended; err != nil {
		t.Error(err)
	}
}

// refusals is a store of probes that tells about updates that it leaves out.
type refusals struct {
	recorder.Probes
	mu    sync.Mutex
	more  *sync.Cond
	total int
	of    map[string]int // by NIK
}

func newRefusals(p recorder.Probes) *refusals {
	r := &refusals{Probes: p, of: make(map[string]int)}
	r.more = sync.NewCond(&r.mu)
	return r
}

func (r *refusals) UpdateTx(ctx context.Context, tx *sqldb.Tx, keys *vault.Keys, updates []replay.Update) error {
	watched := slices.Clone(updates)
	made := make([]bool, len(updates))
	for i, u := range updates {
		watched[i].Change = func(earlier []replay.Probe, err error) []replay.Probe {
			made[i] = true
			return u.Change(earlier, err)
		}
	}
	err := r.Probes.UpdateTx(ctx, tx, keys, watched)
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, u := range updates {
		if err == nil && !made[i] {
			r.total++
			r.of[u.NIK.Reveal()]++
		}
	}
	r.more.Broadcast()
	return err
}

// await returns when n more updates were left out.
func (r *refusals) await(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for n += r.total; r.total < n; {
		r.more.Wait()
	}
}

// awaitPerson returns when an update of a person was left out.
func (r *refusals) awaitPerson(nik sesuai.NIK) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.of[nik.Reveal()] == 0 {
		r.more.Wait()
	}
}
