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
	"github.com/sesuai/sesuai/internal/registry"
)

// RetryConfig is about repeated calls.
type RetryConfig struct {
	// Tries is the number of calls for one question, the first included.
	Tries int `yaml:"tries" range:"1,10"`
	// Delay is the pause before the second call. It doubles with each further
	// one, up to dukcapil.retry.max_delay, and is made up to half of itself
	// longer or shorter at random.
	Delay time.Duration `yaml:"delay" range:"1ms,1h"`
	// MaxDelay is the longest pause between two calls. It must be longer
	// than dukcapil.retry.delay.
	MaxDelay time.Duration `yaml:"max_delay" range:"1ms,1h"`
}

const (
	jitter = 0.5
	// soon is the Retry-After of a failure of the upstream, which was retried
	// already.
	soon = 5 * time.Second
	// later is the Retry-After of a failure that the operator has to fix.
	later = time.Minute
	// aMoment is the Retry-After where only too many calls are in flight.
	aMoment = time.Second
	// endTimeout is how long the call log may take to complete or cancel an
	// entry.
	endTimeout = 5 * time.Second
)

// service is one of the upstream's services, with everything that limits the
// calls to it. It is safe for concurrent use.
type service struct {
	name     ledger.Service
	wires    *connector
	timeout  time.Duration  // of one try
	retried  map[Class]bool // classes after which there is another try
	tries    RetryConfig
	billable map[Class]bool
	calendar calendar
	calls    ledger.CallLog
	price    func(ledger.Service, time.Time) int64
	now      func() time.Time
	log      *slog.Logger
	metrics  *metrics

	breaker *breaker
	slots   bulkhead.Bulkhead[any]
	retry   retrypolicy.RetryPolicy[attempt]
	quota   quota

	mu        sync.Mutex
	heldUntil time.Time // the end of the day whose quota is used up
}

func (s *service) open(inFlight int, b BreakerConfig) {
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

// attempt is the result of one try.
type attempt struct {
	failure *failure // nil: there is an answer
	after   time.Duration
	again   bool
}

// turnAway returns the error of a question that the upstream is not asked.
func (s *service) turnAway(why Class, retryAfter time.Duration) error {
	s.metrics.turnedAway.WithLabelValues(string(s.name), string(why)).Inc()
	return (&failure{service: s.name, class: why}).unavailable(max(retryAfter, aMoment))
}

// held returns until when quota or calendar keep the service from being called,
// and which of them; "" if it may be called.
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

// closed returns until when the service must not be called, and why; "" if it may
// be called.
func (s *service) closed(now time.Time) (until time.Time, why Class) {
	if until, why := s.held(now); why != "" {
		return until, why
	}
	if _, remaining := s.breaker.state(); remaining > 0 {
		return now.Add(remaining), BreakerOpen
	}
	return time.Time{}, ""
}

// admit takes one of the places for questions in flight, which release gives back.
// It fails if there is none or the service must not be called now.
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

// inquiry is what a service is asked for one question.
type inquiry struct {
	caller registry.Caller
	// prepare makes the request of one try.
	prepare func() (request, error)
	// started is the call of the first try, if that has been started; else nil.
	started *call
	// waiting, unless it is nil, is called before each try waits for its answer.
	waiting func()
}

// ask makes calls until one is answered, its class allows no further try, or no
// time is left for one. It cancels q.started if it does not make that call.
func (s *service) ask(ctx context.Context, q inquiry) error {
	defer func() {
		if q.started != nil { // ctx had ended
			s.cancel(ctx, *q.started)
		}
	}()
	tries := 0
	last, err := failsafe.With(s.retry).WithContext(ctx).Get(func() (attempt, error) {
		tries++
		first := q
		q.started = nil
		a := s.try(ctx, first)
		a.again = a.again && s.hasTime(ctx, tries)
		return a, nil
	})
	switch {
	case err != nil: // ctx has ended
		class := TimedOut
		if ctx.Err() == context.Canceled {
			class = Cancelled
		}
		return (&failure{service: s.name, class: class, cause: err}).unavailable(soon)
	case last.failure != nil:
		return last.failure.unavailable(last.after)
	default:
		return nil
	}
}

// hasTime reports whether ctx leaves time for the delay after so many tries.
func (s *service) hasTime(ctx context.Context, tries int) bool {
	deadline, ok := ctx.Deadline()
	if !ok {
		return ctx.Err() == nil
	}
	delay := min(s.tries.Delay<<min(tries-1, 20), s.tries.MaxDelay)
	return time.Until(deadline) > time.Duration(float64(delay)*(1+jitter))
}

// hold keeps the service from being called until the end of the day of at.
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

// State is the state of a service.
type State struct {
	// Breaker is closed, half-open or open.
	Breaker string `json:"breaker"`
	// HeldUntil is when the service may be called again, zero if it may be
	// called now. Why is breaker, quota_held, hours or maintenance.
	HeldUntil time.Time `json:"held_until,omitzero"`
	Why       Class     `json:"why,omitempty"`
}

func (s *service) state() State {
	breaker, _ := s.breaker.state()
	state := State{Breaker: breaker.String()}
	state.HeldUntil, state.Why = s.closed(s.now())
	return state
}
