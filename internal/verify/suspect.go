package verify

import (
	"context"
	"errors"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/access/limit"
	"github.com/sesuai/sesuai/internal/answer"
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

// sent is a photograph whose face was compared.
type sent struct {
	req      Request
	probe    face.Probe
	compared registry.Comparison
	verdict  sesuai.Verdict
}

// remember remembers the photograph with its result, and records the verification,
// even if ctx has ended. It returns what was known before. The event is that of the
// decision, with a flag if the photograph is that of the reference or was sent before
// for this person. If it was and the policy is to enforce, the event is a refusal made
// of bare, the one without the verdict, and the error has kind KindSuspectedReplay. The
// error has kind KindUnavailable if the photograph is not remembered. The event says so
// then.
//
// It does so for every compared face, whatever the verdict, which only decides
// how the photograph is remembered. A refusal therefore says nothing about the
// outcomes of face, name and date, and one photograph cannot be used to try out
// names. Nothing is remembered about a NIK that is not on record, although
// Options.SameTime has it take the same time.
func (v *Verifier) remember(
	ctx context.Context, l *limit.Lease, s sent, bare audit.Event, d decision[sesuai.Verdict], start time.Time,
) (limit.Prior, error) {
	bare.Duration = max(0, v.o.Now().Sub(start))
	d.event.Duration = bare.Duration
	enforce := s.req.Client.Replay == access.Enforce
	ctx, done := v.recording(ctx)
	defer done()
	seen, prior, err := v.o.Recorder.Remember(ctx, l, s.req.Claim.NIK, s.remembered(start), func(seen bool, prior limit.Prior, err error) (audit.Event, *answer.Answer) {
		if err != nil {
			e := bare
			e.Result, e.Reason = audit.Unavailable, string(sesuai.KindUnavailable)
			return e, nil
		}
		replayed := seen || s.compared.SamePhotograph
		e, a := d.outcome(prior)
		if replayed && enforce {
			e, a = bare, s.req.refusal(errReplay())
			e.Result, e.Reason = audit.Refused, string(sesuai.KindSuspectedReplay)
		}
		e.ReplayChecked = s.compared.Portrait
		if replayed {
			e.Flags |= audit.SuspectedReplay
		}
		return e, a
	})
	switch {
	case err != nil:
		return prior, unavailable("recording the event and the probe", err)
	case enforce && (seen || s.compared.SamePhotograph):
		return prior, errReplay()
	default:
		return prior, nil
	}
}

func errReplay() error { return &sesuai.Error{Kind: sesuai.KindSuspectedReplay} }

// remembered returns the probe as it is remembered. It was sent at start.
func (s sent) remembered(start time.Time) replay.Probe {
	return replay.Probe{
		Signature: s.probe.Signature,
		Aligned:   s.probe.Aligned,
		Request:   replay.RequestOf(s.req.Client.ID, s.req.ID, s.req.Claim, s.probe.Signature.File),
		At:        start.UnixMicro(),
		Result:    resultOf(s.compared, s.verdict, s.req.Client.Threshold),
	}
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
