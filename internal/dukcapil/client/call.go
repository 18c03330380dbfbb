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
	"github.com/sesuai/sesuai/internal/registry"
)

// maxAnswer is how many bytes an answer may have; those that are known have a
// few hundred.
const maxAnswer = 64 << 10

// request is what a call sends, and how its answer is read.
type request struct {
	url  string
	body []byte
	// read is what the body of an answer says.
	read func(body []byte) reading
}

// call is one that is on the account and yet to be made.
type call struct {
	request
	id int64
}

// reading is what an answer says.
type reading struct {
	class Class
	// what was not as expected; a fixed word, with class Unexpected.
	what string
	// quota is what is left of today's, if quotaKnown.
	quota      int64
	quotaKnown bool
}

func unexpected(what string) reading { return reading{class: Unexpected, what: what} }

// begin prepares a call and puts it on the account: it is one row of the ledger.
func (s *service) begin(ctx context.Context, prepare func() (request, error)) (call, attempt) {
	req, err := prepare()
	if err != nil {
		return call{}, attempt{failure: &failure{service: s.name, class: NotPrepared, what: err.Error()}, after: later}
	}
	at, asker := s.now(), registry.AskerOf(ctx)
	id, err := s.ledger.Begin(ctx, ledger.Call{
		Service: s.name, Client: asker.Client, RequestID: asker.RequestID, At: at, Price: s.price(s.name, at),
	})
	if err != nil {
		return call{}, attempt{failure: &failure{service: s.name, class: NotRecorded, cause: err}, after: soon}
	}
	return call{req, id}, attempt{}
}

// withdraw takes a call off the account that is not made.
func (s *service) withdraw(ctx context.Context, c call) {
	s.note(ctx, func(ctx context.Context) error { return s.ledger.Withdraw(ctx, c.id) })
}

// try makes one call: the one that is begun, if there is one.
func (s *service) try(ctx context.Context, begun *call, prepare func() (request, error)) (a attempt) {
	defer func() {
		if begun != nil {
			s.withdraw(ctx, *begun)
		}
	}()
	if ctx.Err() != nil {
		return attempt{failure: &failure{service: s.name, class: Left, cause: ctx.Err()}}
	}
	if !s.breaker.acquire() {
		_, remaining := s.breaker.state()
		s.metrics.turnedAway.WithLabelValues(string(s.name), string(BreakerOpen)).Inc()
		return attempt{failure: &failure{service: s.name, class: BreakerOpen}, after: max(remaining, aMoment)}
	}
	shows := silent
	defer func() { s.breaker.done(shows) }()

	var c call
	if begun != nil {
		c, begun = *begun, nil
	} else if c, a = s.begin(ctx, prepare); a.failure != nil {
		return a
	}
	registry.Waits(ctx)
	at, start := s.now(), time.Now()
	got := s.exchange(ctx, c.request)
	took := time.Since(start)
	s.end(ctx, c.id, ledger.Ending{Class: string(got.class), Billable: s.billable[got.class], Duration: took})

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
		// The time that all tries share may have been used up before this one
		// began: of the service that says nothing.
		if ctx.Err() == nil || took >= s.timeout/2 {
			shows = failed
		}
	case Left:
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

// end records how a call ended, also when nobody waits for it any more. The
// answer counts even if that fails: the call is on record as one of unknown
// ending.
func (s *service) end(ctx context.Context, id int64, e ledger.Ending) {
	s.note(ctx, func(ctx context.Context) error { return s.ledger.End(ctx, id, e) })
}

func (s *service) note(ctx context.Context, write func(context.Context) error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
	defer cancel()
	if err := write(ctx); err != nil {
		s.metrics.ledger.WithLabelValues(string(s.name)).Inc()
		s.log.Error("how a call ended, or that it was not made, is not recorded", "service", string(s.name), "error", err)
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
			return reading{class: Left}
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
