package verify

import (
	"context"
	"errors"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/policy"
)

// LivenessRequest is a measurement of one photograph's liveness. The Client's policies
// do not apply.
type LivenessRequest struct {
	Call[sesuai.LivenessVerdict]
	// Photo is a whole PNG or JPEG file.
	Photo []byte
}

// checked is the photograph of a LivenessRequest.
var checked = side{image: "image", use: face.ForLiveProbe}

// Liveness answers whether a photograph looks like one of a living person. The
// Extractor must measure that.
//
// An unfavourable answer is a verdict. Errors are those of Match, and
// sesuai.KindUnavailable if liveness cannot be measured. An event is recorded as by
// Match.
func (v *Verifier) Liveness(ctx context.Context, req LivenessRequest) (sesuai.LivenessVerdict, error) {
	lease, err := v.start(ctx, req.Client, sesuai.NIK{})
	if err != nil {
		return sesuai.LivenessVerdict{}, err
	}
	start := req.started(v.o.Now)
	event, _ := newEvent(req.Call, sesuai.Claim{}, start)
	event.Endpoint, event.NameThreshold = audit.PassiveLiveness, 0

	extraction, err := v.extract(ctx, req.Client.ID, req.Photo, checked.use)
	if err == nil && !extraction.Liveness.Known {
		err = unavailable("measuring liveness", errors.New("it cannot be measured"))
		return sesuai.LivenessVerdict{}, v.record(ctx, lease, unanswered(event, err), start, nil, err)
	}
	verdict := sesuai.LivenessVerdict{Threshold: v.o.LivenessThreshold}
	switch kind := sesuai.KindOf(err); {
	case kind == sesuai.KindFaceNotDetected:
		verdict.Status = sesuai.SpoofNoFace
	case kind == sesuai.KindMultipleFaces:
		verdict.Status = sesuai.SpoofFaces
	case refuses(kind):
		err = checked.named(err)
		return sesuai.LivenessVerdict{}, v.record(ctx, lease, refused(event, err), start, req.refusal(err), err)
	case err != nil:
		lease.Cancel()
		return sesuai.LivenessVerdict{}, err
	default:
		verdict = v.measured(extraction.Liveness.Score, &event)
	}
	event.Result, event.Reason = audit.Measured, string(verdict.Status)
	if err := v.record(ctx, lease, event, start, req.verdict(verdict), nil); err != nil {
		return sesuai.LivenessVerdict{}, err
	}
	return verdict, nil
}

// measured gives the verdict on a liveness, and enters it in the event.
func (v *Verifier) measured(score float64, event *audit.Event) sesuai.LivenessVerdict {
	event.LivenessKnown, event.Liveness, event.LivenessThreshold = true, score, v.o.LivenessThreshold
	verdict := sesuai.LivenessVerdict{
		Status: policy.DecideLiveness(score, v.o.LivenessThreshold), Spoof: 1 - min(max(score, 0), 1), Measured: true, Threshold: v.o.LivenessThreshold,
	}
	if verdict.Status == sesuai.SpoofHigh {
		event.Flags |= audit.SuspectedPresentationAttack
	}
	return verdict
}
