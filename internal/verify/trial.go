package verify

import (
	"context"
	"crypto/rand"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/access/limit"
	"github.com/sesuai/sesuai/internal/answer"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/policy"
)

// TrialClient is the client's id in the events of trials. No client has it.
const TrialClient = "trial"

// Trial is what an operator tries out.
type Trial struct {
	// Actor is the operator, as audit.WithActor has it.
	Actor string
	Claim sesuai.Claim
	// Photo is that of a Request.
	Photo []byte
}

// Try is Verify for an operator instead of a client, by the default thresholds. It takes
// its turn for the face engine as a client does. No limit holds and none is used up, the
// photograph is neither remembered nor compared with earlier ones, and a suspicion about
// liveness is flagged and refuses nothing. All that is stored is one event, with
// audit.Trial among its flags.
//
// It returns that event. A refusal of the photograph is an event, too, and not an error.
// The errors are the others of Verify, but for sesuai.KindRateLimited.
func (v *Verifier) Try(ctx context.Context, t Trial) (audit.Event, error) {
	o := v.o
	recorded := &trialRecorder{Recorder: o.Recorder, actor: t.Actor}
	o.Recorder, o.Limits, o.Disclosure = recorded, nil, policy.Disclosure{}
	_, err := (&Verifier{o, v.preparer}).Verify(ctx, Request{
		Call: Call[sesuai.Verdict]{ID: "trial-" + rand.Text(), Client: access.Client{
			ID: TrialClient, Name: TrialClient, Scopes: []access.Scope{access.FaceVerification},
			Threshold: sesuai.PercentageOf(access.DefaultThreshold), NameThreshold: access.DefaultNameThreshold,
			Replay: access.Off, Liveness: access.Log,
		}},
		Claim: t.Claim, Photo: t.Photo,
	})
	if err != nil && !Refused(err) {
		return audit.Event{}, err
	}
	return recorded.event, nil
}

// trialRecorder records the one event of a trial, and stores no answer. Remember is not
// called, since nothing is compared with earlier photographs.
type trialRecorder struct {
	Recorder
	actor string
	event audit.Event
}

// Record implements Recorder.
func (r *trialRecorder) Record(ctx context.Context, _ *limit.Lease, outcome func(limit.Prior) (audit.Event, *answer.Answer)) (limit.Prior, error) {
	ofTrial := func(prior limit.Prior) (audit.Event, *answer.Answer) {
		e, _ := outcome(prior)
		e.Flags |= audit.Trial
		e.Actor = r.actor
		return e, nil
	}
	prior, err := r.Recorder.Record(ctx, nil, ofTrial)
	if err == nil {
		r.event, _ = ofTrial(prior)
	}
	return prior, err
}
