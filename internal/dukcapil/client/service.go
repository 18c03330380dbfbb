package client

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/bulkhead"
	"github.com/failsafe-go/failsafe-go/retrypolicy"

	"github.com/sesuai/sesuai/internal/dukcapil/ledger"
)

// RetryConfig says when a call is made again.
type RetryConfig struct {
	// Tries is how many calls a question may take, the first included.
	Tries int `yaml:"tries"`
	// Delay is how long to wait before the second; it doubles with each
	// further one, up to MaxDelay, and each is made up to half of itself
	// longer or shorter.
	Delay    time.Duration `yaml:"delay"`
	MaxDelay time.Duration `yaml:"max_delay"`
}

const (
	jitter = 0.5
	// soon is when another try makes sense if the upstream has just failed:
	// there have been retries already.
	soon = 5 * time.Second
	// later is when it does if the operator has something to mend first.
	later = time.Minute
	// aMoment is when it does if only too much is going on.
	aMoment = time.Second
	// endTimeout bounds how long the ledger may take for the ending of a call.
	endTimeout = 5 * time.Second
)

// service is one of the upstream's services, with all that keeps calls to it
// within their bounds. It is safe for concurrent use.
type service struct {
	name     ledger.Service
	wires    *connector
	timeout  time.Duration  // of one try
	retried  map[Class]bool // classes after which a call is made again
	tries    RetryConfig
	billable map[Class]bool
	calendar calendar
	ledger   ledger.Ledger
	price    func(ledger.Service, time.Time) int64
	now      func() time.Time
	log      *slog.Logger
	metrics  *metrics

	breaker *breaker
	slots   bulkhead.Bulkhead[any]
	retry   retrypolicy.RetryPolicy[attempt]
	quota   quota

	mu        sync.Mutex
	heldUntil time.Time // the quota of this day is used up
}

func (s *service) start(inFlight int, b BreakerConfig) {
	s.breaker = newBreaker(b)
	s.slots = bulkhead.New[any](uint(inFlight))
	s.retry = retrypolicy.NewBuilder[attempt]().
		HandleIf(func(a attempt, _ error) bool { return a.again }).
		WithMaxAttempts(s.tries.Tries).
		WithBackoff(s.tries.Delay, s.tries.MaxDelay).
		WithJitterFactor(jitter).
		ReturnLastFailure().
		Build()
}

// attempt is what one try came to.
type attempt struct {
	failure *failure // nil: there is an answer
	after   time.Duration
	again   bool
}

// turnAway is the error of a question that is not put to the upstream.
func (s *service) turnAway(why Class, retryAfter time.Duration) error {
	s.metrics.turnedAway.WithLabelValues(string(s.name), string(why)).Inc()
	return (&failure{service: s.name, class: why}).unavailable(max(retryAfter, aMoment))
}

// held is until when the service is not to be called, and why.
func (s *service) held(now time.Time) (until time.Time, why Class) {
	s.mu.Lock()
	quotaUntil := s.heldUntil
	s.mu.Unlock()
	if now.Before(quotaUntil) {
		at, _ := s.calendar.opens(quotaUntil)
		return at, QuotaHeld
	}
	return s.calendar.opens(now)
}

// closed is until when the service is not to be called, and why; "" if it may
// be.
func (s *service) closed(now time.Time) (until time.Time, why Class) {
	if until, why := s.held(now); why != "" {
		return until, why
	}
	if _, remaining := s.breaker.state(); remaining > 0 {
		return now.Add(remaining), BreakerOpen
	}
	return time.Time{}, ""
}

// admit is whether a question may be put now. If so it takes one of the places
// there are for calls in flight, which release gives back.
func (s *service) admit() (release func(), err error) {
	now := s.now()
	if until, why := s.closed(now); why != "" {
		return nil, s.turnAway(why, until.Sub(now))
	}
	if !s.slots.TryAcquirePermit() {
		return nil, s.turnAway(InFlight, aMoment)
	}
	s.metrics.inFlight.WithLabelValues(string(s.name)).Inc()
	return func() {
		s.slots.ReleasePermit()
		s.metrics.inFlight.WithLabelValues(string(s.name)).Dec()
	}, nil
}

// ask makes calls until one is answered, the table allows no further one, or
// there is no time for it. The first is the one that is begun, if there is one;
// each other has a request of its own.
func (s *service) ask(ctx context.Context, begun *call, prepare func() (request, error)) error {
	defer func() {
		if begun != nil { // ctx had ended
			s.withdraw(ctx, *begun)
		}
	}()
	tries := 0
	last, err := failsafe.With(s.retry).WithContext(ctx).Get(func() (attempt, error) {
		tries++
		first := begun
		begun = nil
		a := s.try(ctx, first, prepare)
		a.again = a.again && s.hasTime(ctx, tries)
		return a, nil
	})
	switch {
	case err != nil: // ctx has ended
		class := TimedOut
		if ctx.Err() == context.Canceled {
			class = Left
		}
		return (&failure{service: s.name, class: class, cause: err}).unavailable(soon)
	case last.failure != nil:
		return last.failure.unavailable(last.after)
	default:
		return nil
	}
}

// hasTime is whether there is time to wait for another try after so many.
func (s *service) hasTime(ctx context.Context, tries int) bool {
	deadline, ok := ctx.Deadline()
	if !ok {
		return ctx.Err() == nil
	}
	delay := min(s.tries.Delay<<min(tries-1, 20), s.tries.MaxDelay)
	return time.Until(deadline) > time.Duration(float64(delay)*(1+jitter))
}

// hold keeps the service from being called until the day of that moment ends.
func (s *service) hold(at time.Time) time.Time {
	until := midnight(at)
	s.mu.Lock()
	defer s.mu.Unlock()
	if until.After(s.heldUntil) {
		s.heldUntil = until
		s.log.Warn("the daily quota is used up", "service", string(s.name), "until", until)
	}
	return until
}

// State is how a service is doing.
type State struct {
	// Breaker is closed, half-open or open.
	Breaker string `json:"breaker"`
	// HeldUntil is when the service may be called again, zero if it may; Why
	// is breaker, quota_held, hours or maintenance.
	HeldUntil time.Time `json:"held_until,omitzero"`
	Why       Class     `json:"why,omitempty"`
}

func (s *service) state() State {
	breaker, _ := s.breaker.state()
	state := State{Breaker: breaker.String()}
	state.HeldUntil, state.Why = s.closed(s.now())
	return state
}
