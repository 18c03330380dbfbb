package verify

import (
	"context"
	"errors"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/replay"
)

// judgeLiveness notes the liveness in the event. The error is of kind
// KindSuspectedAttack if it is under the threshold, or KindUnavailable if it is
// not known, and the policy is to enforce.
func (v *Verifier) judgeLiveness(policy access.Policy, l face.Liveness, event *audit.Event) error {
	if policy == access.Off {
		return nil
	}
	if !l.Known {
		if policy == access.Enforce {
			return unavailable("measuring liveness", errors.New("it is to be enforced, and there is no measure"))
		}
		return nil
	}
	event.LivenessKnown, event.Liveness = true, l.Score
	if l.Score >= v.o.LivenessThreshold { // not so if it is NaN
		return nil
	}
	event.Flags |= audit.SuspectedPresentationAttack
	if policy == access.Enforce {
		return &sesuai.Error{Kind: sesuai.KindSuspectedAttack}
	}
	return nil
}

// lookForReplay notes in the event whether the photograph is the reference's
// own or was sent before for this person, and has it remembered. The error is
// of kind KindSuspectedReplay if it was and the policy is to enforce, or
// KindUnavailable if it cannot be told.
//
// It is asked for whoever's face was compared, whatever came of that and of
// the name and the date: so a refusal tells nothing of these, and nobody can
// try out names with one photograph. Of a NIK that is not on record nothing is
// remembered.
func (v *Verifier) lookForReplay(ctx context.Context, req Request, probe face.Probe, found answers, event *audit.Event) error {
	if req.Client.Replay == access.Off || !found.comparison.Portrait {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, v.o.AuditTimeout)
	defer cancel()
	seen, err := answer(ctx, func() (bool, error) {
		return v.o.Probes.Seen(ctx, req.Claim.NIK, replay.Probe{
			Signature: probe.Signature,
			Request:   replay.RequestOf(req.Client.ID, req.ID),
			At:        event.Time.UnixMicro(),
		})
	})
	if err != nil {
		return unavailable("looking for earlier probes", err)
	}
	if !seen && !found.comparison.SamePhotograph {
		return nil
	}
	event.Flags |= audit.SuspectedReplay
	if req.Client.Replay == access.Enforce {
		return &sesuai.Error{Kind: sesuai.KindSuspectedReplay}
	}
	return nil
}
