package recorder_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access/limit"
	"github.com/sesuai/sesuai/internal/answer"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/audit/audittest"
	"github.com/sesuai/sesuai/internal/recorder"
	"github.com/sesuai/sesuai/internal/registry/registrytest"
	"github.com/sesuai/sesuai/internal/replay/replaytest"
	"github.com/sesuai/sesuai/internal/sqldb"
	"github.com/sesuai/sesuai/internal/sqldb/sqltest"
	"github.com/sesuai/sesuai/internal/verify"
)

// TestAnswersOfAGroup: of several requests in one transaction, with and without a
// probe, each has the answer of its own event. Of one photograph that is sent twice the
// first is answered, and the other refused.
func TestAnswersOfAGroup(t *testing.T) {
	probesEngines.Each(t, func(t *testing.T, d sqltest.Database) {
		o := newSlowOutbox()
		p := openRecorder(t, d, true, func(options *recorder.Options) { options.Outbox = o })
		first := o.appendFirst(t, p.log)
		outcomes := make(chan error, 4)
		for i := range cap(outcomes) {
			id, waiting := fmt.Sprintf("request-%d", i), make(chan struct{})
			ctx := waitingContext{t.Context(), sync.OnceFunc(func() { close(waiting) })}
			go func() {
				if i == 3 {
					e := audittest.Event(t, 1, id)
					e.Result = audit.Refused
					outcomes <- record(ctx, p, e, &answer.Answer{Request: id, Status: 400, Body: []byte(`{"seen":true}`)})
					return
				}
				_, _, err := p.Remember(ctx, nil, registrytest.NIK(t, 1), replaytest.Probe(1, id, 0), verified(t, id, func() {}))
				outcomes <- err
			}()
			<-waiting
		}
		close(o.release)
		<-o.entered
		if err := <-first; err != nil {
			t.Error(err)
		}
		for range cap(outcomes) {
			if err := <-outcomes; err != nil {
				t.Error(err)
			}
		}
		events, err := p.Events(t.Context(), audit.Filter{})
		if err != nil {
			t.Fatal(err)
		}
		recorded := make(map[audit.Result]int)
		for _, e := range events {
			recorded[e.Result]++
			p.assertAnswer(t, e)
		}
		if recorded[audit.Verified] != 2 || recorded[audit.Refused] != 3 || len(events) != 5 {
			t.Errorf("recorded are %v", recorded)
		}
	})
}

// failingAnswers are Answers that fail after they were written.
type failingAnswers struct {
	recorder.Answers
	err error
}

func (f failingAnswers) AddTx(ctx context.Context, tx *sqldb.Tx, rows []answer.Row) error {
	return errors.Join(f.Answers.AddTx(ctx, tx, rows), f.err)
}

// TestAnswersFail: if an answer cannot be stored, its verdict is not recorded and the
// photograph is not remembered. There is an event that says so, with no answer.
func TestAnswersFail(t *testing.T) {
	probesEngines.Each(t, func(t *testing.T, d sqltest.Database) {
		full := errors.New("full")
		p := openRecorder(t, d, true, func(options *recorder.Options) { options.Answers = failingAnswers{options.Answers, full} })
		if err := p.remember(t.Context(), t, "a", func() {}); sesuai.KindOf(err) != sesuai.KindUnavailable || !errors.Is(err, full) {
			t.Errorf("Remember = %v", err)
		}
		err := record(t.Context(), p, audittest.Event(t, 1, "b"), &answer.Answer{Request: "b", Status: 200, Body: []byte(`{}`)})
		if sesuai.KindOf(err) != sesuai.KindUnavailable || !errors.Is(err, full) {
			t.Errorf("Record = %v", err)
		}
		p.assertResults(t, audit.Unavailable)
		assertUnenrolled(t, d, 0)
	})
}

// take takes an idempotency key for a request.
func (p probes) take(t *testing.T, text string) *answer.Reservation {
	t.Helper()
	taken, err := p.answers.Reserve(t.Context(), answer.Key{Client: "cli_test", Text: text})
	if err != nil || taken.Reservation == nil {
		t.Fatalf("Reserve = %+v, %v", taken, err)
	}
	t.Cleanup(taken.Reservation.Release)
	return taken.Reservation
}

// assertKey checks the status that a key is answered with; 0 if it is not answered.
func (p probes) assertKey(t *testing.T, text string, want int) {
	t.Helper()
	taken, err := p.answers.Reserve(t.Context(), answer.Key{Client: "cli_test", Text: text})
	got := 0
	if taken.Answer != nil {
		got = taken.Answer.Status
	}
	if taken.Reservation != nil {
		taken.Reservation.Release()
	}
	if err != nil || got != want {
		t.Errorf("the key %s is answered with %d, %v; want %d", text, got, err, want)
	}
}

// rememberWithKey remembers a photograph of a verified person whose answer has a key.
func (p probes) rememberWithKey(ctx context.Context, t *testing.T, id string, key *answer.Reservation) error {
	of := verified(t, id, func() {})
	_, _, err := p.Remember(ctx, nil, registrytest.NIK(t, 1), replaytest.Probe(1, id, 0), func(seen bool, prior limit.Prior, err error) (audit.Event, *answer.Answer) {
		e, a := of(seen, prior, err)
		if a != nil {
			a.Key = key
		}
		return e, a
	})
	return err
}

// recordWithKey records a refusal whose answer has a key.
func (p probes) recordWithKey(ctx context.Context, t *testing.T, id string, key *answer.Reservation) error {
	e := audittest.Event(t, 1, id)
	e.Result = audit.Refused
	return record(ctx, p, e, &answer.Answer{Request: id, Status: 400, Body: []byte(`{"seen":true}`), Key: key})
}

// lose takes a key away from its call.
func lose(t *testing.T, d sqltest.Database) {
	t.Helper()
	d.Exec(t, `UPDATE idempotency_keys SET token = zeroblob(3) WHERE sealed IS NULL`)
}

// TestKeyAndEventAreCommittedTogether: a key is answered with the answer of the event
// that is recorded, with and without a probe. One that is lost gets no answer, and its
// call no event but that it was not answered. Others of the group are not affected.
func TestKeyAndEventAreCommittedTogether(t *testing.T) {
	probesEngines.Each(t, func(t *testing.T, d sqltest.Database) {
		o := newSlowOutbox()
		p := openRecorder(t, d, true, func(options *recorder.Options) { options.Outbox = o })
		held := map[string]*answer.Reservation{"lost-probe": p.take(t, "lost-probe"), "lost-plain": p.take(t, "lost-plain")}
		lose(t, d)
		for _, id := range []string{"probe", "plain"} {
			held[id] = p.take(t, id)
		}
		first := o.appendFirst(t, p.log)
		outcomes := make(map[string]chan error)
		for id, key := range held { // one group
			outcomes[id] = make(chan error, 1)
			waiting := make(chan struct{})
			ctx := waitingContext{t.Context(), sync.OnceFunc(func() { close(waiting) })}
			go func() {
				if strings.HasSuffix(id, "probe") {
					outcomes[id] <- p.rememberWithKey(ctx, t, id, key)
				} else {
					outcomes[id] <- p.recordWithKey(ctx, t, id, key)
				}
			}()
			<-waiting
		}
		close(o.release)
		<-o.entered
		if err := errors.Join(<-first, <-outcomes["probe"], <-outcomes["plain"]); err != nil {
			t.Error(err)
		}
		for _, id := range []string{"lost-probe", "lost-plain"} {
			if err := <-outcomes[id]; sesuai.KindOf(err) != sesuai.KindUnavailable || !errors.Is(err, answer.ErrLost) {
				t.Errorf("%s: %v", id, err)
			}
		}
		p.assertKey(t, "probe", 200)
		p.assertKey(t, "plain", 400)
		events, err := p.Events(t.Context(), audit.Filter{})
		if err != nil {
			t.Fatal(err)
		}
		recorded := make(map[string]audit.Result)
		for _, e := range events {
			recorded[e.RequestID] = e.Result
			p.assertAnswer(t, e)
		}
		want := map[string]audit.Result{"first": audit.Verified, "probe": audit.Verified, "plain": audit.Refused, "lost-probe": audit.Unavailable}
		if diff := cmp.Diff(want, recorded); diff != "" || len(events) != len(want) {
			t.Errorf("recorded (-want +got):\n%s", diff)
		}
		assertUnenrolled(t, d, 1)
	})
}

// TestKeyOfACommitWithoutReply: the connection breaks at the commit. The key is answered
// if that was committed, and free otherwise.
func TestKeyOfACommitWithoutReply(t *testing.T) {
	probesEngines.Each(t, func(t *testing.T, d sqltest.Database) {
		for end, want := range map[string]int{"COMMIT": 200, "ROLLBACK": 0} {
			d := probesEngines.New(t, d.Engine)
			o := new(scripted)
			p := openRecorder(t, d, true, func(options *recorder.Options) { options.Outbox = o })
			o.set(withoutReply(end))
			taken, err := p.answers.Reserve(t.Context(), answer.Key{Client: "cli_test", Text: "key"})
			if err != nil {
				t.Fatal(err)
			}
			if err := p.rememberWithKey(t.Context(), t, "without-reply", taken.Reservation); sesuai.KindOf(err) != sesuai.KindUnavailable {
				t.Errorf("Remember = %v", err)
			}
			taken.Reservation.Release()
			p.assertKey(t, "key", want)
		}
	})
}

// record records an event and an answer that depend on nothing known before.
func record(ctx context.Context, r verify.Recorder, e audit.Event, a *answer.Answer) error {
	_, err := r.Record(ctx, nil, func(limit.Prior) (audit.Event, *answer.Answer) { return e, a })
	return err
}
