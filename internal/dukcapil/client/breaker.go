package client

import (
	"sync"
	"time"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"
)

// BreakerConfig is about the circuit breaker of each service.
type BreakerConfig struct {
	// Rate is the share of failures that opens the breaker, among the calls
	// within dukcapil.breaker.window, once there are
	// dukcapil.breaker.minimum of them. While it is open the service is not
	// called and the answer is 503.
	Rate float64 `yaml:"rate" range:"0.01,1"`
	// Window is the time over which failures are counted.
	Window time.Duration `yaml:"window" range:"1s,1h"`
	// Minimum is the number of calls within the window below which the breaker
	// stays closed.
	Minimum int `yaml:"minimum" range:"1,10000"`
	// Delay is how long the breaker stays open before it lets trial calls
	// through.
	Delay time.Duration `yaml:"delay" range:"100ms,1h"`
	// Trials is the number of trial calls at a time, and the number of
	// successes in a row that close the breaker. One failure opens it for
	// another dukcapil.breaker.delay.
	Trials int `yaml:"trials" range:"1,100"`
}

// effect is what a call says about the service's health.
type effect uint8

const (
	// silent: nothing. The call was not made or was cancelled, or one side does
	// not trust the other.
	silent effect = iota
	// answered: the service answers, if only that the configuration of this side
	// is wrong. That closes a half-open breaker, but does not count as a success
	// while it is closed.
	answered
	worked
	failed
)

// breaker is a circuit breaker for calls some of which say nothing.
//
// The library's, half open, takes a permit for good if no result is recorded.
// So after a silent trial the trials begin anew.
type breaker struct {
	mu      sync.Mutex
	circuit circuitbreaker.CircuitBreaker[any]
}

func newBreaker(c BreakerConfig) *breaker {
	return &breaker{circuit: circuitbreaker.NewBuilder[any]().
		WithFailureRateThreshold(c.Rate, uint(c.Minimum), c.Window).
		WithDelay(c.Delay).
		WithSuccessThreshold(uint(c.Trials)).
		Build()}
}

// acquire is whether a call may be made; done must be called after it.
func (b *breaker) acquire() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.circuit.TryAcquirePermit()
}

// done records what a call has shown.
func (b *breaker) done(e effect) {
	b.mu.Lock()
	defer b.mu.Unlock()
	half := b.circuit.IsHalfOpen()
	switch {
	case e == worked || e == answered && half:
		b.circuit.RecordSuccess()
	case e == failed:
		b.circuit.RecordFailure()
	case half:
		b.circuit.Open()
		b.circuit.HalfOpen()
	}
}

// state is closed, half-open or open, and for how long it is open.
func (b *breaker) state() (circuitbreaker.State, time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	remaining := b.circuit.RemainingDelay()
	state := b.circuit.State()
	if state == circuitbreaker.OpenState && remaining == 0 {
		return circuitbreaker.HalfOpenState, 0 // as the next call will find it
	}
	return state, remaining
}
