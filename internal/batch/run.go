package batch

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/admission"
	"github.com/sesuai/sesuai/internal/jobs"
	"github.com/sesuai/sesuai/internal/sqldb"
)

// JobKind is the kind of the jobs. The arguments of one are the number of the batch,
// and the first and the last line of the rows that it verifies.
const JobKind = "batch"

const (
	// workTime is how long a job works before it continues later.
	workTime = 40 * time.Second
	// maxFailures is how many rows in a row may get no answer before the job waits:
	// one may be at fault, several mean that the registry is.
	maxFailures = 3
	// minPause and maxPause bound how long a job waits then.
	minPause = 5 * time.Second
	maxPause = 10 * time.Minute
	// clientAge is how old the settings may be by which a row is verified.
	clientAge = time.Second
	// inactivePause is how often a batch is looked at whose client is disabled or has
	// expired.
	inactivePause = time.Minute
	// giveUp is for how long a row is tried that gets no answer.
	giveUp = 24 * time.Hour
)

// Kind is how a node works batches, whose rows v verifies.
func (s *Service) Kind(v Verifier) jobs.Kind {
	return jobs.Kind{Name: JobKind, Workers: s.o.Workers, Work: worker{s, v}.work}
}

// worker works the jobs.
type worker struct {
	*Service
	verifier Verifier
}

// work verifies the rows of a chunk that are not answered yet, one after the other.
func (s worker) work(ctx context.Context, j jobs.Job) error {
	if len(j.IDs) != 3 {
		return errors.New("a job about a batch has other arguments")
	}
	b, ok, err := s.running(ctx, j.IDs[0])
	if err != nil || !ok {
		return err
	}
	ctx = admission.InBackground(ctx)
	until := s.o.Now().Add(workTime)
	lines, err := s.store.pending(ctx, b, j.IDs[1], j.IDs[2])
	if err != nil {
		return sqldb.Unavailable(ctx, "reading rows of a batch", err)
	}
	var client access.Client
	var clientReadAt time.Time
	failures, postponed, pause := 0, 0, time.Duration(0)
	for _, line := range lines {
		select {
		case <-j.Stopping:
			return jobs.Later(0)
		default:
		}
		if failures == maxFailures {
			return jobs.Later(pause)
		}
		if s.o.Now().After(until) {
			return jobs.Later(0)
		}
		if now := s.o.Now(); now.Sub(clientReadAt) >= clientAge {
			client, ok, err = s.client(ctx, b.Client)
			if err != nil {
				return err
			}
			if !ok { // it has been removed, and its batches go with it
				return s.remove(ctx, b)
			}
			clientReadAt = now
		}
		if !client.ActiveAt(s.o.Now()) {
			return jobs.Later(inactivePause)
		}
		if err := s.allow(ctx, j, client, until); err != nil {
			return err
		}
		tries, after, err := s.verifyRow(ctx, b, client, line)
		if err != nil {
			return err
		}
		if tries == 0 {
			failures = 0
			continue
		}
		failures++
		postponed++
		pause = min(max(pause, after, minPause<<min(tries-1, 10)), maxPause)
	}
	if postponed > 0 {
		return jobs.Later(pause)
	}
	return s.finish(ctx, b)
}

// running returns the batch of a job, with the time of its start; false if it does not
// run.
func (s *Service) running(ctx context.Context, n int64) (Batch, bool, error) {
	b, ok, err := s.store.one(ctx, s.o.DB.Read(), selectNumber, n)
	if err != nil || !ok || b.State != Running || !b.StartedAt.IsZero() {
		return b, ok && b.State == Running, s.store.unavailable(ctx, "reading a batch", "batches", err)
	}
	err = s.change(ctx, &b, func(b *Batch) { b.StartedAt = s.now() })
	return b, b.State == Running, err
}

// change changes a batch that runs, unless another has done so before: b is then as it
// is stored.
func (s *Service) change(ctx context.Context, b *Batch, change func(*Batch)) error {
	err := s.o.DB.InTx(ctx, func(tx *sqldb.Tx) error {
		now, err := s.store.locked(ctx, tx, *b)
		if err != nil {
			return err
		}
		if *b = now; b.State != Running {
			return nil
		}
		change(b)
		return s.store.update(ctx, tx, *b)
	})
	return s.store.unavailable(ctx, "changing a batch", "batches", err)
}

// allow waits until the client's rate allows another request, but not beyond a time, nor
// when the node stops.
func (s *Service) allow(ctx context.Context, j jobs.Job, client access.Client, until time.Time) error {
	if s.o.Limiter == nil {
		return nil
	}
	for {
		err := s.o.Limiter.AllowInBackground(ctx, client)
		limited, ok := errors.AsType[*sesuai.Error](err)
		if err == nil || !ok || limited.Kind != sesuai.KindRateLimited {
			return err
		}
		if s.o.Now().Add(limited.RetryAfter).After(until) {
			return jobs.Later(limited.RetryAfter)
		}
		select {
		case <-time.After(limited.RetryAfter):
		case <-j.Stopping:
			return jobs.Later(0)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// verifyRow verifies a row and stores its answer. If there is none now, tries is how often
// that was so, and after when it makes sense to ask again.
func (s worker) verifyRow(ctx context.Context, b Batch, client access.Client, line int) (tries int, after time.Duration, err error) {
	row, before, ok, err := s.store.row(ctx, b, line)
	if err != nil || !ok {
		return 0, 0, s.store.unavailable(ctx, "reading a row of a batch", "batch_rows", err)
	}
	var kept atomic.Bool // by the goroutine that commits
	reply, err := s.verifier.VerifyRow(ctx, Call{
		Client: client, Endpoint: b.Endpoint, Request: b.RequestID(line), Row: row,
		Keep: func(ctx context.Context, tx *sqldb.Tx, reply Reply, replace bool) (bool, error) {
			kept.Store(true)
			return s.store.answer(ctx, tx, b, newAnswer(b, row, reply), replace)
		},
	})
	switch {
	case err == nil && kept.Load():
		return 0, 0, nil
	case err != nil && ctx.Err() != nil:
		return 0, 0, ctx.Err()
	case err != nil && !(before.tries > 0 && s.o.Now().Sub(before.first) > giveUp):
		return s.postpone(ctx, b, line, before, err)
	}
	return 0, 0, s.keep(ctx, b, newAnswer(b, row, reply))
}

// keep stores the answer of a row about which nothing was recorded.
func (s *Service) keep(ctx context.Context, b Batch, a Answer) error {
	err := s.o.DB.InTx(ctx, func(tx *sqldb.Tx) error {
		_, err := s.store.answer(ctx, tx, b, a, false)
		return err
	})
	if err != nil {
		return sqldb.Unavailable(ctx, "storing an answer of a batch", err)
	}
	return nil
}

// postpone counts that a row got no answer. That there was no time for it does not
// count.
func (s *Service) postpone(ctx context.Context, b Batch, line int, before attempts, why error) (tries int, after time.Duration, err error) {
	if e, ok := errors.AsType[*sesuai.Error](why); ok {
		after = e.RetryAfter
	}
	if sesuai.KindOf(why) == sesuai.KindOverloaded {
		return 1, after, nil
	}
	err = s.o.DB.InTx(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.ExecContext(ctx, postponeRow, s.now().UnixMicro(), b.number, line)
		return err
	})
	if err != nil {
		return 0, 0, sqldb.Unavailable(ctx, "postponing a row of a batch", err)
	}
	return before.tries + 1, after, nil
}

// finish finishes a batch if all its rows are answered.
func (s *Service) finish(ctx context.Context, b Batch) error {
	err := s.o.DB.InTx(ctx, func(tx *sqldb.Tx) error {
		b, err := s.store.locked(ctx, tx, b)
		if err != nil || b.State != Running {
			return err
		}
		counts, err := s.store.counts(ctx, tx, b)
		if err != nil || counts.pending > 0 {
			return err
		}
		b.State, b.FinishedAt = Finished, s.now()
		if err := s.store.update(ctx, tx, b); err != nil {
			return err
		}
		if s.o.Finished == nil {
			return nil
		}
		return s.o.Finished(ctx, tx, b, counts)
	})
	if err == nil {
		s.o.DB.Scrub(ctx)
	}
	return s.store.unavailable(ctx, "finishing a batch", "batches", err)
}

// newAnswer returns the stored answer of a row.
func newAnswer(b Batch, r Row, reply Reply) Answer {
	a := Answer{Line: r.Line, Request: b.RequestID(r.Line), Reference: r.Fields[ReferenceField], Outcome: Rejected, Reply: reply}
	var verdict struct {
		Verified bool `json:"verification_status"`
	}
	if reply.Status == http.StatusOK && json.Unmarshal(reply.Body, &verdict) == nil {
		if a.Outcome = NotVerified; verdict.Verified {
			a.Outcome = Verified
		}
	}
	return a
}
