package recorder

import (
	"context"
	"time"
)

const (
	// sweepInterval is how often the probes are removed of people about whom
	// nobody asks any more, and sweepRetry is how long after a failure.
	sweepInterval = time.Hour
	sweepRetry    = time.Minute
	// sweepLimit is the maximum number of rows of a table that one transaction
	// removes. Verifications wait for that transaction on SQLite, which has one
	// writer, and for its rows on PostgreSQL.
	sweepLimit = 2000
)

// sweepIfDue starts to remove old probes, unless a sweep began in the last
// sweepInterval. It does not wait for that. now is in Unix microseconds. One that
// began an hour later began when the clock was ahead. The caller is one of r.calls.
func (r *Recorder) sweepIfDue(now int64) {
	swept := r.sweptAt.Load()
	if passed := now - swept; max(passed, -passed) < sweepInterval.Microseconds() || !r.sweptAt.CompareAndSwap(swept, now) {
		return
	}
	r.calls.Go(func() {
		err := r.sweep(time.UnixMicro(now).Add(-r.o.MaxAge))
		if err == nil || r.sweeping.Err() != nil {
			return
		}
		r.sweptAt.CompareAndSwap(now, now-(sweepInterval-sweepRetry).Microseconds())
		if r.o.SweepFailed != nil {
			r.o.SweepFailed(err)
		}
	})
}

// sweep removes the probes from before t, in several transactions. What one has
// removed stays removed if the next one fails.
func (r *Recorder) sweep(t time.Time) error {
	for {
		if more, err := r.removeSome(t); err != nil || !more {
			return err
		}
	}
}

// removeSome is one transaction of sweep.
func (r *Recorder) removeSome(t time.Time) (more bool, err error) {
	ctx, cancel := context.WithTimeout(r.sweeping, commitTimeout)
	defer cancel()
	return r.o.Probes.RemoveBefore(ctx, t, sweepLimit)
}
