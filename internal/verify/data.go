package verify

import (
	"context"
	"errors"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/policy"
	"github.com/sesuai/sesuai/internal/registry"
	"github.com/sesuai/sesuai/internal/telemetry"
)

// DataRequest is one data verification. The Client's NameThreshold must be 1 to 100.
// That it may have these attributes compared is not checked: see
// access.Client.AuthorizeClaim.
type DataRequest struct {
	Call[sesuai.DataVerdict]
	// Claim must have more than a NIK.
	Claim sesuai.Claim
}

// VerifyData answers whether the claim matches the registry, without a photograph.
// A registry with a service for each of the two makes no face check.
//
// An unfavourable answer is a verdict. An error means that there is no answer:
//   - sesuai.KindUnavailable: the registry failed, took too long or gave an
//     impossible answer, or the event could not be recorded.
//   - sesuai.KindRateLimited: as of Verify.
//   - any other is a defect.
//
// An event is recorded before VerifyData returns, even if ctx ends meanwhile.
func (v *Verifier) VerifyData(ctx context.Context, req DataRequest) (sesuai.DataVerdict, error) {
	claimed := req.Claim.Claimed()
	if req.Client.NameThreshold < 1 || req.Client.NameThreshold > 100 || len(claimed) == 0 {
		return sesuai.DataVerdict{}, errors.New("verify: the client has no name threshold, or nothing is claimed")
	}
	lease, err := v.start(ctx, req.Client, req.Claim.NIK)
	if err != nil {
		return sesuai.DataVerdict{}, err
	}
	start := req.started(v.o.Now)
	event, question := newEvent(req.Call, req.Claim, start)
	event.Endpoint = audit.DataVerification
	event.Attributes = outcomesOf(sesuai.DataVerdict{}, claimed)

	// Nothing is prepared: there is nothing to do meanwhile.
	answer, err := v.ask(ctx, question, nil)
	if err != nil {
		return sesuai.DataVerdict{}, v.record(ctx, lease, unanswered(event, err), start, nil, err)
	}
	_, timing := telemetry.Start(ctx, telemetry.Policy)
	verdict := policy.DecideData(evidence(req, answer))
	timing.End()
	event = answered(event, verdict.Verified, verdict.Reason, answer)
	event.NIKOutcome, event.Name, event.DateOfBirth = verdict.NIK, verdict.Name, verdict.DateOfBirth
	event.Attributes = outcomesOf(verdict, claimed)
	d := decision[sesuai.DataVerdict]{req.Call, event, v.disclosesData(verdict, req.Client)}
	prior, err := v.commit(ctx, lease, start, d.outcome, nil)
	if err != nil {
		return sesuai.DataVerdict{}, err
	}
	told, _ := d.disclose(prior)
	return told, nil
}

// evidence is what the verdict on the answer depends on.
func evidence(req DataRequest, answer registry.Answer) policy.DataEvidence {
	e := policy.DataEvidence{
		Found:         answer.Found,
		Status:        answer.Status,
		NameClaimed:   !req.Claim.Name.IsZero(),
		DateClaimed:   !req.Claim.DateOfBirth.IsZero(),
		NameScore:     answer.NameScore,
		NameThreshold: req.Client.NameThreshold,
		DateOfBirth:   answer.DateOfBirth,
		Attributes:    make(map[sesuai.Attribute]sesuai.Outcome, len(req.Claim.Attributes)),
	}
	for a := range req.Claim.Attributes {
		e.Attributes[a] = answer.Attributes[a].Outcome
	}
	return e
}

// outcomesOf returns the verdict's outcomes of what was claimed.
func outcomesOf(verdict sesuai.DataVerdict, claimed []sesuai.Attribute) []audit.AttributeOutcome {
	all := make([]audit.AttributeOutcome, len(claimed))
	for i, a := range claimed {
		all[i] = audit.AttributeOutcome{Attribute: a, Outcome: verdict.Outcome(a)}
	}
	return all
}
