package recorder_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access/limit"
	"github.com/sesuai/sesuai/internal/answer"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/audit/audittest"
	"github.com/sesuai/sesuai/internal/dukcapil/balikan"
	"github.com/sesuai/sesuai/internal/recorder"
	"github.com/sesuai/sesuai/internal/registry/registrytest"
	"github.com/sesuai/sesuai/internal/replay"
	"github.com/sesuai/sesuai/internal/replay/replaytest"
	"github.com/sesuai/sesuai/internal/sqldb"
	"github.com/sesuai/sesuai/internal/sqldb/sqltest"
	"github.com/sesuai/sesuai/internal/vault"
)

// scripted is an Outbox that runs a function in the next transaction.
type scripted struct {
	mu   sync.Mutex
	next func(ctx context.Context, tx *sqldb.Tx) error
}

func (o *scripted) AddTx(ctx context.Context, tx *sqldb.Tx, _ []balikan.Row) error {
	o.mu.Lock()
	next := o.next
	o.next = nil
	o.mu.Unlock()
	if next == nil {
		return nil
	}
	return next(ctx, tx)
}

// set sets the function.
func (o *scripted) set(next func(ctx context.Context, tx *sqldb.Tx) error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.next = next
}

// verified returns the events of a verified person's probe. failed is called if
// the outcome is not known.
func verified(t testing.TB, id string, failed func()) func(bool, limit.Prior, error) (audit.Event, *answer.Answer) {
	of := event(t, 1, id)
	return func(seen bool, prior limit.Prior, err error) (audit.Event, *answer.Answer) {
		e, a := of(seen, prior, err)
		if err != nil {
			failed()
		} else if !seen {
			e.Result = audit.Verified
		}
		return e, a
	}
}

// remember has a Recorder remember a photograph of a verified person.
func (p probes) remember(ctx context.Context, t testing.TB, id string, failed func()) error {
	_, _, err := p.Remember(ctx, nil, registrytest.NIK(t, 1), replaytest.Probe(1, id, 0), verified(t, id, failed))
	return err
}

// assertResults compares the results of all events, the first one first. Each that is a
// verdict or a refusal must have its answer, and no other one.
func (p probes) assertResults(t *testing.T, want ...audit.Result) {
	t.Helper()
	events, err := p.Events(t.Context(), audit.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	var got []audit.Result
	for i := range events {
		e := events[len(events)-1-i]
		got = append(got, e.Result)
		p.assertAnswer(t, e)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("recorded (-want +got):\n%s", diff)
	}
	if head, err := p.trail.Verify(t.Context()); err != nil || int(head.Seq) != len(want) {
		t.Errorf("Verify = %d, %v", head.Seq, err)
	}
}

// assertAnswer compares the stored answer of an event that event returned.
func (p probes) assertAnswer(t *testing.T, e audit.Entry) {
	t.Helper()
	if e.RequestID == "first" { // of appendFirst
		return
	}
	found, err := p.answers.ByRequest(t.Context(), e.Client, e.RequestID)
	if err != nil {
		t.Fatal(err)
	}
	var got []answer.Row
	for _, r := range found.Rows {
		if r.Seq == e.Seq {
			got = append(got, r)
		}
	}
	want := map[audit.Result]int{audit.Verified: 200, audit.Refused: 400}[e.Result]
	switch {
	case len(got) == 0 && want == 0:
	case len(got) != 1 || got[0].Status != want || string(got[0].Body) != fmt.Sprintf(`{"seen":%t}`, want == 400):
		t.Errorf("the answers to event %d, which is %s, are %+v", e.Seq, e.Result, got)
	case got[0].At.UnixMicro() != e.Time || got[0].Endpoint != "face_verification":
		t.Errorf("the answer to event %d is of %v, %s", e.Seq, got[0].At, got[0].Endpoint)
	}
}

// TestLateFailureIsRecorded: the time of a verification ends before the transaction
// with its probe begins. That never begins, and the event of the failure is there
// when Remember returns.
func TestLateFailureIsRecorded(t *testing.T) {
	probesEngines.Each(t, func(t *testing.T, d sqltest.Database) {
		o := newSlowOutbox()
		p := openRecorder(t, d, true, func(options *recorder.Options) { options.Outbox, options.EventTimeout = o, time.Minute })
		first := o.appendFirst(t, p.log)
		ctx, cancel := context.WithCancel(t.Context())
		canceled := make(chan struct{})
		outcome := make(chan error, 1)
		go func() {
			outcome <- p.remember(waitingContext{ctx, cancel}, t, "late", sync.OnceFunc(func() { close(canceled) }))
		}()
		<-canceled
		close(o.release)
		if err := errors.Join(<-first); err != nil {
			t.Error(err)
		}
		if err := <-outcome; sesuai.KindOf(err) != sesuai.KindUnavailable || !errors.Is(err, context.Canceled) {
			t.Errorf("Remember = %v", err)
		}
		p.assertResults(t, audit.Verified, audit.Unavailable)
		assertUnenrolled(t, d, 0)
	})
}

// assertUnenrolled compares how many people who are not on record have probes.
func assertUnenrolled(t *testing.T, d sqltest.Database, want int) {
	t.Helper()
	var rows int
	if d.QueryRow(t, `SELECT count(*) FROM unenrolled_probes`, &rows); rows != want {
		t.Errorf("the probes of %d people are remembered, want %d", rows, want)
	}
}

// TestUndecidedWhenTheTimeEnds: the time ends while the transaction runs, and
// Remember returns before that does. There is one event then: that of the outcome
// if the transaction is committed, and that of the failure otherwise.
func TestUndecidedWhenTheTimeEnds(t *testing.T) {
	probesEngines.Each(t, func(t *testing.T, d sqltest.Database) {
		for about, test := range map[string]struct {
			err  error
			want audit.Result
			rows int
		}{"committed": {nil, audit.Verified, 1}, "rolled back": {errors.New("no"), audit.Unavailable, 0}} {
			t.Run(about, func(t *testing.T) {
				d := probesEngines.New(t, d.Engine)
				o := new(scripted)
				p := openRecorder(t, d, true, func(options *recorder.Options) { options.Outbox, options.EventTimeout = o, 10*time.Second })
				release := make(chan struct{})
				ctx, cancel := context.WithCancel(t.Context())
				o.set(func(context.Context, *sqldb.Tx) error {
					cancel()
					<-release
					return test.err
				})
				returned := make(chan error, 1)
				go func() { returned <- p.remember(ctx, t, "undecided", func() {}) }()
				<-ctx.Done()
				close(release)
				err := <-returned
				p.Close()
				if (err == nil) != (test.err == nil) {
					t.Errorf("Remember = %v", err)
				}
				p.assertResults(t, test.want)
				assertUnenrolled(t, d, test.rows)
			})
		}
	})
}

// TestRememberEndsBeforeItIsDecided: Remember does not wait for ever for a transaction
// that hangs. Its event is recorded when that ends.
func TestRememberEndsBeforeItIsDecided(t *testing.T) {
	probesEngines.Each(t, func(t *testing.T, d sqltest.Database) {
		o := new(scripted)
		// Once it is returned, there is no limit that the second event could exceed.
		p := openRecorder(t, d, true, func(options *recorder.Options) { options.Outbox, options.EventTimeout = o, time.Second })
		release := make(chan struct{})
		ctx, cancel := context.WithCancel(t.Context())
		o.set(func(context.Context, *sqldb.Tx) error {
			cancel()
			<-release
			return nil
		})
		err := p.remember(ctx, t, "hangs", func() {})
		if sesuai.KindOf(err) != sesuai.KindUnavailable || !errors.Is(err, context.Canceled) {
			t.Errorf("Remember = %v", err)
		}
		close(release)
		p.Close()
		p.assertResults(t, audit.Verified)
		assertUnenrolled(t, d, 1)
	})
}

// withoutReply ends a transaction, whose commit then fails.
func withoutReply(end string) func(context.Context, *sqldb.Tx) error {
	return func(ctx context.Context, tx *sqldb.Tx) error {
		if _, err := tx.ExecContext(ctx, end); err != nil {
			return err
		}
		if tx.Engine() == sqldb.PostgreSQL {
			_, _ = tx.ExecContext(ctx, `SELECT pg_terminate_backend(pg_backend_pid())`) // it fails, as it should
		}
		return nil
	}
}

// TestCommitWithoutReply: the connection breaks at the commit. Whether it was
// committed or not, there is one event.
func TestCommitWithoutReply(t *testing.T) {
	probesEngines.Each(t, func(t *testing.T, d sqltest.Database) {
		for end, want := range map[string]struct {
			result audit.Result
			rows   int
		}{"COMMIT": {audit.Verified, 1}, "ROLLBACK": {audit.Unavailable, 0}} {
			t.Run(end, func(t *testing.T) {
				d := probesEngines.New(t, d.Engine)
				o := new(scripted)
				p := openRecorder(t, d, true, func(options *recorder.Options) { options.Outbox = o })
				o.set(withoutReply(end))
				if err := p.remember(t.Context(), t, "without-reply", func() {}); sesuai.KindOf(err) != sesuai.KindUnavailable {
					t.Errorf("Remember = %v", err)
				}
				p.assertResults(t, want.result)
				assertUnenrolled(t, d, want.rows)
			})
		}
	})
}

// TestMemoryFailsAndTheTrailDoesNot: if probes cannot be written, their events say
// so, and events without a probe are recorded as they are.
func TestMemoryFailsAndTheTrailDoesNot(t *testing.T) {
	probesEngines.Each(t, func(t *testing.T, d sqltest.Database) {
		o := newSlowOutbox()
		down := errors.New("down")
		p := openRecorder(t, d, true, func(options *recorder.Options) {
			options.Outbox, options.Probes = o, unwritable{options.Probes, down}
		})
		first := o.appendFirst(t, p.log)
		outcomes := make(map[string]chan error)
		for _, id := range []string{"a", "b", "plain"} { // one group
			outcomes[id] = make(chan error, 1)
			waiting := make(chan struct{})
			ctx := waitingContext{t.Context(), sync.OnceFunc(func() { close(waiting) })}
			go func() {
				if id == "plain" {
					outcomes[id] <- p.Append(ctx, audittest.Event(t, 1, id))
				} else {
					outcomes[id] <- p.remember(ctx, t, id, func() {})
				}
			}()
			<-waiting
		}
		close(o.release)
		if err := errors.Join(<-first, <-outcomes["plain"]); err != nil {
			t.Error(err)
		}
		for _, id := range []string{"a", "b"} {
			if err := <-outcomes[id]; sesuai.KindOf(err) != sesuai.KindUnavailable || !errors.Is(err, down) {
				t.Errorf("Remember = %v", err)
			}
		}
		p.assertResults(t, audit.Verified, audit.NotVerified, audit.Unavailable, audit.Unavailable)
	})
}

// unwritable is a store of probes that fails.
type unwritable struct {
	recorder.Probes
	err error
}

func (u unwritable) UpdateTx(context.Context, *sqldb.Tx, *vault.Keys, []replay.Update) error {
	return u.err
}
