package recorder

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access/limit"
	"github.com/sesuai/sesuai/internal/answer"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/replay"
	"github.com/sesuai/sesuai/internal/sqldb"
)

// errNoProbes is about a Recorder without Options.Probes.
var errNoProbes = errors.New("the recorder was opened without a store of probes")

// remembered is what Remember returns.
type remembered struct {
	seen  bool
	prior limit.Prior
	err   error
}

// Remember implements verify.Recorder. If a transaction fails, none of its probes
// is remembered. Then another transaction records the events of those failures.
//
// It returns at most Options.EventTimeout after ctx has ended. If it is not known
// by then what became of a transaction, the event is recorded when it is, and Close
// waits for that.
func (r *Recorder) Remember(
	ctx context.Context, l *limit.Lease, nik sesuai.NIK, p replay.Probe,
	outcome func(seen bool, prior limit.Prior, err error) (audit.Event, *answer.Answer),
) (bool, limit.Prior, error) {
	if !r.enter() {
		return false, limit.Prior{}, sqldb.Unavailable(ctx, "remembering a probe", sqldb.ErrClosed)
	}
	done, failed := make(chan remembered, 1), make(chan error, 1)
	go func() {
		defer r.calls.Done()
		if r.o.Probes != nil {
			r.sweepIfDue(p.At)
		}
		one := &entry{lease: l, nik: nik, probe: &p, outcomeOf: outcome}
		seen, err := r.remember(ctx, one, failed)
		if err != nil {
			endLease(context.Background(), l)
		}
		done <- remembered{seen, one.prior, err}
	}()
	select {
	case o := <-done:
		return o.seen, o.prior, o.err
	case <-ctx.Done():
	}
	select {
	case o := <-done:
		return o.seen, o.prior, o.err
	case <-time.After(r.o.EventTimeout):
	}
	select {
	case err := <-failed: // it may say when to ask again
		return false, limit.Prior{}, err
	default:
		return false, limit.Prior{}, sqldb.Unavailable(ctx, "remembering a probe", ctx.Err())
	}
}

// remember is Remember, but returns only when it is decided which event is
// recorded. Before it records that of a failure, it sends the error to failed.
func (r *Recorder) remember(ctx context.Context, e *entry, failed chan<- error) (seen bool, err error) {
	if err = r.commitProbe(ctx, e); err == nil {
		if e.err != nil {
			return false, sqldb.Unavailable(ctx, "remembering a probe", e.err)
		}
		return e.seen, nil
	}
	err = sqldb.Unavailable(ctx, "remembering a probe", err)
	failed <- err
	if second := r.recordFailure(e, err); second != nil {
		err = &sesuai.Error{
			Kind: sesuai.KindUnavailable, RetryAfter: retryAfter(err), Err: errors.Join(err, fmt.Errorf("recording that: %w", second)),
		}
	}
	return false, err
}

// retryAfter is that of an error.
func retryAfter(err error) time.Duration {
	if own, ok := errors.AsType[*sesuai.Error](err); ok {
		return own.RetryAfter
	}
	return 0
}

// recordFailure records the event of a probe that could not be remembered, since
// err, unless an event of the entry turns out to be recorded. No transaction with
// the entry is running.
func (r *Recorder) recordFailure(e *entry, err error) error {
	ctx, cancel := context.WithTimeout(context.Background(), r.o.EventTimeout)
	defer cancel()
	one := &entry{lease: e.lease, attempts: e.attempts, outcomeOf: func(_ bool, prior limit.Prior, _ error) (audit.Event, *answer.Answer) {
		return e.outcomeOf(false, prior, err)
	}}
	one.decide(limit.Prior{})
	if err := r.batcher.CommitOrCancel(ctx, one); err != nil {
		return err
	}
	return one.failed
}

// The pauses between two attempts to commit an entry about a person whom another
// transaction is changing. They double.
const (
	minPause = 5 * time.Millisecond
	maxPause = 320 * time.Millisecond
)

// commitProbe commits an entry with a probe. If it returns an error, no transaction
// with the entry is running.
//
// An import may change the person for seconds. Until that ends the entry is part of
// a group now and then, and holds no connection to the database in between.
func (r *Recorder) commitProbe(ctx context.Context, e *entry) error {
	if r.o.Probes == nil {
		return errNoProbes
	}
	ctx, cancel := context.WithTimeout(ctx, commitTimeout)
	defer cancel()
	for pause := minPause; ; pause = min(2*pause, maxPause) {
		err := r.batcher.CommitOrCancel(ctx, e)
		if err == nil {
			err = e.failed
		}
		if err != nil || e.done {
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
