package verify

import (
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/answer"
)

// Call is what every request says of its caller. V is the verdict on it.
type Call[V any] struct {
	// ID is the request's id, and Reference the client's own id for it, as the audit
	// trail gets them. Reference is "" if the client gave none.
	ID, Reference string
	// Consent is what the client states of the ground for the request.
	Consent sesuai.Consent
	// Client is the caller.
	Client access.Client
	// Time dates the event. If it is zero, that is the Verifier's clock.
	Time time.Time
	// Answer returns what the client is answered to the verdict if err is nil, or to a
	// refusal otherwise. It is stored with the event. To one without a verdict or a
	// refusal nothing is stored, so that the client may ask again. Answer may be
	// called more than once, and after the call has returned. Nothing is stored if it
	// is nil.
	Answer func(verdict V, err error) answer.Answer
	// Key is the idempotency key that the client gave the request; nil if it gave none.
	// There is no verdict or refusal if it is lost: see answer.ErrLost.
	Key *answer.Reservation
}

// started returns when the verification started.
func (c Call[V]) started(now func() time.Time) time.Time {
	if c.Time.IsZero() {
		return now()
	}
	return c.Time
}

// Refused reports whether an error of a Verifier is an answer: a refusal of the photograph,
// which is recorded and stored as a verdict is.
func Refused(err error) bool {
	kind := sesuai.KindOf(err)
	return refuses(kind) || kind == sesuai.KindSuspectedReplay
}

// verdict returns the answer to a verdict; nil if it is not stored.
func (c Call[V]) verdict(v V) *answer.Answer { return c.answer(v, nil) }

// refusal returns the answer to an error about the photograph; nil if it is not stored.
func (c Call[V]) refusal(err error) *answer.Answer {
	var none V
	return c.answer(none, err)
}

func (c Call[V]) answer(v V, err error) *answer.Answer {
	if c.Answer == nil {
		return nil
	}
	a := c.Answer(v, err)
	a.Key = c.Key
	return &a
}
