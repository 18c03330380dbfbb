package verify

import (
	"slices"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/access/limit"
	"github.com/sesuai/sesuai/internal/answer"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/policy"
)

// decision is a verdict about a person, and what becomes of it. How much of it the
// client is told depends on what is known when it is recorded.
type decision[V any] struct {
	call Call[V]
	// event has the exact verdict.
	event audit.Event
	// disclose returns what the client is told, and whether that is less than the
	// verdict.
	disclose func(limit.Prior) (told V, less bool)
}

// outcome returns the event and the answer: see Recorder.
func (d decision[V]) outcome(prior limit.Prior) (audit.Event, *answer.Answer) {
	told, less := d.disclose(prior)
	e := d.event
	if less {
		e.Flags |= audit.CoarseAnswer
	}
	return e, d.call.verdict(told)
}

// detail returns how much the answer to a client says.
func (v *Verifier) detail(prior limit.Prior, c access.Client) policy.Detail {
	return v.o.Disclosure.After(prior.Misses, c.Precision)
}

// discloses returns what discloses a verdict on a claim and a photograph to the client.
func (v *Verifier) discloses(verdict sesuai.Verdict, c access.Client) func(limit.Prior) (sesuai.Verdict, bool) {
	return func(prior limit.Prior) (sesuai.Verdict, bool) {
		told := policy.Disclose(verdict, c.Threshold, v.detail(prior, c))
		return told, told != verdict
	}
}

// disclosesData is discloses of a verdict on a claim alone.
func (v *Verifier) disclosesData(verdict sesuai.DataVerdict, c access.Client) func(limit.Prior) (sesuai.DataVerdict, bool) {
	return func(prior limit.Prior) (sesuai.DataVerdict, bool) {
		told := policy.DiscloseData(verdict, v.detail(prior, c))
		less := told.Reason != verdict.Reason || slices.ContainsFunc(sesuai.Claimable, func(a sesuai.Attribute) bool {
			return told.Outcome(a) != verdict.Outcome(a)
		})
		return told, less
	}
}
