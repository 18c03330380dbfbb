package recorder_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/answer"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/audit/audittest"
	"github.com/sesuai/sesuai/internal/recorder"
	"github.com/sesuai/sesuai/internal/registry/registrytest"
	"github.com/sesuai/sesuai/internal/replay/replaytest"
	"github.com/sesuai/sesuai/internal/sqldb"
	"github.com/sesuai/sesuai/internal/sqldb/sqltest"
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
					outcomes <- p.Record(ctx, e, &answer.Answer{Request: id, Status: 400, Body: []byte(`{"seen":true}`)})
					return
				}
				_, err := p.Remember(ctx, registrytest.NIK(t, 1), replaytest.Probe(1, id, 0), verified(t, id, func() {}))
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
		err := p.Record(t.Context(), audittest.Event(t, 1, "b"), &answer.Answer{Request: "b", Status: 200, Body: []byte(`{}`)})
		if sesuai.KindOf(err) != sesuai.KindUnavailable || !errors.Is(err, full) {
			t.Errorf("Record = %v", err)
		}
		p.assertResults(t, audit.Unavailable)
		assertUnenrolled(t, d, 0)
	})
}
