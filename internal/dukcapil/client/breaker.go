package client

import (
	"sync"
	"time"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"
)

// BreakerConfig says when a service is left alone for a while.
type BreakerConfig struct {
	// Rate is the share of failures, 0 to 1, within Window from which the
	// breaker opens, if there were Minimum calls or more.
	Rate    float64       `yaml:"rate"`
	Window  time.Duration `yaml:"window"`
	Minimum int           `yaml:"minimum"`
	// Delay is how long it is open. Then Trials calls at a time are let
	// through: so many successes close it, one failure opens it again.
	Delay  time.Duration `yaml:"delay"`
	Trials int           `yaml:"trials"`
}

// effect is what a call says about the service's health.
type effect uint8

const (
	// silent: nothing. The call was not made, whoever asked has left, or it is
	// a matter of who trusts whom.
	silent effect = iota
	// answered: the service answers, if only that something here is not
	// configured as it should be. That ends an outage but makes up for none.
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
