package verify

import (
	"context"
	"errors"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/registry"
	"github.com/sesuai/sesuai/internal/replay"
)

// judgeLiveness enters the liveness in the event. If the policy is to enforce, the
// error has kind KindSuspectedAttack if liveness is under the threshold, and
// KindUnavailable if it is not known.
func (v *Verifier) judgeLiveness(policy access.Policy, l face.Liveness, event *audit.Event) error {
	if policy == access.Off {
		return nil
	}
	if !l.Known {
		if policy == access.Enforce {
			return unavailable("measuring liveness", errors.New("liveness is enforced and cannot be measured"))
		}
		return nil
	}
	event.LivenessKnown, event.Liveness, event.LivenessThreshold = true, l.Score, v.o.LivenessThreshold
	if l.Score >= v.o.LivenessThreshold { // not so if it is NaN
		return nil
	}
	event.Flags |= audit.SuspectedPresentationAttack
	if policy == access.Enforce {
		return &sesuai.Error{Kind: sesuai.KindSuspectedAttack}
	}
	return nil
}

// lookForReplay enters in the event whether the photograph is that of the
// reference or was sent before for this person, and remembers it with its
// result. If it was and the policy is to enforce, the error has kind
// KindSuspectedReplay. It has kind KindUnavailable if the memory fails.
//
// It does so for every compared face, whatever the verdict, which only decides
// how the photograph is remembered. A refusal therefore says nothing about the
// outcomes of face, name and date, and one photograph cannot be used to try out
// names. Nothing is remembered about a NIK that is not on record.
func (v *Verifier) lookForReplay(ctx context.Context, req Request, probe face.Probe, compared registry.Comparison, verdict sesuai.Verdict, event *audit.Event) error {
	if req.Client.Replay == access.Off || !compared.Portrait {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, v.o.AuditTimeout)
	defer cancel()
	seen, err := guard(ctx, func() (bool, error) {
		return v.o.Probes.Seen(ctx, req.Claim.NIK, replay.Probe{
			Signature: probe.Signature,
			Aligned:   probe.Aligned,
			Request:   replay.RequestOf(req.Client.ID, req.ID, req.Claim, probe.Signature.File),
			At:        event.Time.UnixMicro(),
			Result:    resultOf(compared, verdict, req.Client.Threshold),
		})
	})
	if err != nil {
		return unavailable("looking for earlier probes", err)
	}
	event.ReplayChecked = true
	if !seen && !compared.SamePhotograph {
		return nil
	}
	event.Flags |= audit.SuspectedReplay
	if req.Client.Replay == access.Enforce {
		return &sesuai.Error{Kind: sesuai.KindSuspectedReplay}
	}
	return nil
}

// resultOf returns the result with which a probe is remembered. The photograph
// of the reference is known without being remembered, so its copies must not
// displace others.
func resultOf(compared registry.Comparison, verdict sesuai.Verdict, threshold sesuai.Percentage) replay.Result {
	switch {
	case compared.SamePhotograph:
		return replay.NonMatch
	case verdict.Verified:
		return replay.Verified
	case verdict.Face.AtLeast(threshold):
		return replay.Match
	default:
		return replay.NonMatch
	}
}
