package client

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/sesuai/sesuai/internal/dukcapil/ledger"
)

// maxAnswer is how many bytes an answer may have; the known ones have a few
// hundred.
const maxAnswer = 64 << 10

// request is what a call sends, and how its answer is read.
type request struct {
	url  string
	body []byte
	// read reads the body of an answer.
	read func(body []byte) reading
}

// call is a call that has an entry in the call log and is yet to be made.
type call struct {
	request
	id int64
}

// reading is what an answer says.
type reading struct {
	class Class
	// what is a fixed word for what was not as expected. It is set if class is
	// Unexpected.
	what string
	// quota is what is left of today's quota, if quotaKnown.
	quota      int64
	quotaKnown bool
}

func unexpected(what string) reading { return reading{class: Unexpected, what: what} }

// start prepares a call and starts its entry in the call log.
func (s *service) start(ctx context.Context, q inquiry) (call, attempt) {
	req, err := q.prepare()
	if err != nil {
		return call{}, attempt{failure: &failure{service: s.name, class: NotPrepared, what: err.Error()}, after: later}
	}
	at := s.now()
	id, err := s.calls.Start(ctx, ledger.Call{
		Service: s.name, Client: q.caller.Client, RequestID: q.caller.RequestID, At: at, Price: s.price(s.name, at),
	})
	if err != nil {
		return call{}, attempt{failure: &failure{service: s.name, class: NotRecorded, cause: err}, after: soon}
	}
	return call{req, id}, attempt{}
}

// cancel cancels the entry of a call that is not made.
func (s *service) cancel(ctx context.Context, c call) {
	s.note(ctx, func(ctx context.Context) error { return s.calls.Cancel(ctx, c.id) })
}

// try makes one call: q.started, or else one that it starts. It cancels q.started
// if it does not make that call.
func (s *service) try(ctx context.Context, q inquiry) (a attempt) {
	defer func() {
		if q.started != nil {
			s.cancel(ctx, *q.started)
		}
	}()
	if ctx.Err() != nil {
		return attempt{failure: &failure{service: s.name, class: Cancelled, cause: ctx.Err()}}
	}
	if !s.breaker.acquire() {
		_, remaining := s.breaker.state()
		s.metrics.turnedAway.WithLabelValues(string(s.name), string(BreakerOpen)).Inc()
		return attempt{failure: &failure{service: s.name, class: BreakerOpen}, after: max(remaining, aMoment)}
	}
	shows := silent
	defer func() { s.breaker.done(shows) }()

	var c call
	if q.started != nil {
		c, q.started = *q.started, nil
	} else if c, a = s.start(ctx, q); a.failure != nil {
		return a
	}
	if q.waiting != nil {
		q.waiting()
	}
	at, start := s.now(), time.Now()
	got := s.exchange(ctx, c.request)
	took := time.Since(start)
	s.complete(ctx, c.id, ledger.Completion{Class: string(got.class), Billable: s.billable[got.class], Duration: took})

	s.metrics.calls.WithLabelValues(string(s.name), string(got.class)).Inc()
	s.metrics.seconds.WithLabelValues(string(s.name)).Observe(took.Seconds())
	if got.quotaKnown {
		s.quota.set(got.quota, at)
	}
	f := &failure{service: s.name, class: got.class, what: got.what, cause: ctx.Err()}
	a = attempt{failure: f, after: soon, again: s.retried[got.class]}
	switch got.class {
	case Unexpected:
		s.metrics.unexpected.WithLabelValues(string(s.name), got.what).Inc()
		shows = failed
	case Busy, HTTPStatus, Refused, Broken:
		shows = failed
	case TimedOut:
		// Earlier tries may have used up the time that all tries share. Then
		// this says nothing about the service.
		if ctx.Err() == nil || took >= s.timeout/2 {
			shows = failed
		}
	case Cancelled:
	case Untrusted:
		a.after = later
		s.log.Error("the upstream cannot be trusted, or does not trust this side", "service", string(s.name))
	case Configuration:
		a.after, shows = later, answered
		s.log.Error("the upstream refuses this side's configuration", "service", string(s.name))
	case Quota:
		a.after, shows = max(s.hold(at).Sub(s.now()), aMoment), answered
	default:
		a.failure, shows = nil, worked
	}
	return a
}

// complete records how a call ended, even if ctx has ended. The answer counts even
// if that fails: the entry then has no completion.
func (s *service) complete(ctx context.Context, id int64, e ledger.Completion) {
	s.note(ctx, func(ctx context.Context) error { return s.calls.Complete(ctx, id, e) })
}

// note writes to the call log, even if ctx has ended.
func (s *service) note(ctx context.Context, write func(context.Context) error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
	defer cancel()
	if err := write(ctx); err != nil {
		s.metrics.ledger.WithLabelValues(string(s.name)).Inc()
		s.log.Error("the completion or cancellation of a call is not recorded", "service", string(s.name), "error", err)
	}
}

// exchange sends the request and reads the answer.
func (s *service) exchange(ctx context.Context, req request) reading {
	tryCtx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(tryCtx, http.MethodPost, req.url, bytes.NewReader(req.body))
	if err != nil {
		return unexpected("request") // the URL was parsed when the configuration was
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json")
	r.Header.Set("User-Agent", "sesuai")
	var connected atomic.Bool
	fail := func(err error) reading {
		if errors.Is(ctx.Err(), context.Canceled) {
			return reading{class: Cancelled}
		}
		return reading{class: transportClass(err, connected.Load())}
	}
	resp, err := s.wires.get().Do(traceConnection(r, &connected))
	if err != nil {
		return fail(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 500 {
		return reading{class: HTTPStatus}
	}
	if resp.StatusCode != http.StatusOK {
		return unexpected("status")
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return fail(err)
	case len(body) > maxAnswer:
		return unexpected("size")
	default:
		return req.read(body)
	}
}
