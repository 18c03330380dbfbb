// Package verify is the use case: a claim and a photograph go to the registry
// and the face engine, what comes back goes to the policy, and the verdict is
// given only when the audit trail holds it. It must not know HTTP, how a
// registry works, or how events are kept.
package verify

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/policy"
	"github.com/sesuai/sesuai/internal/registry"
	"github.com/sesuai/sesuai/internal/replay"
)

// The defaults of Options.
const (
	DefaultRegistryTimeout = 10 * time.Second
	DefaultAuditTimeout    = 5 * time.Second
)

// Options are what a Verifier is made of. Registry, Extractor, Probes and Audit
// are required.
type Options struct {
	Registry  registry.Registry
	Extractor face.Extractor
	// Probes remembers photographs that were sent.
	Probes replay.Memory
	Audit  audit.Log
	// Now is the clock that dates events; time.Now if nil.
	Now func() time.Time
	// Parallel asks the registry to compare the face while it checks the claim:
	// an answer comes sooner, and a comparison is paid for that nobody needs
	// where the person is not on record or not active. Else a registry.Preparer
	// prepares the comparison while it waits for others to check the claim.
	Parallel bool
	// RegistryTimeout bounds what the registry takes for one verification,
	// both of its calls together; DefaultRegistryTimeout if 0.
	RegistryTimeout time.Duration
	// AuditTimeout bounds how long an event may take to be recorded, and how
	// long a probe may take to be remembered; DefaultAuditTimeout if 0.
	AuditTimeout time.Duration
	// LivenessThreshold is what the liveness of a photograph must reach, 0
	// to 1; face.DefaultLivenessThreshold if 0.
	LivenessThreshold float64
}

// Verifier verifies claims. It is safe for concurrent use.
type Verifier struct{ o Options }

// New makes a Verifier.
func New(o Options) *Verifier {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.RegistryTimeout == 0 {
		o.RegistryTimeout = DefaultRegistryTimeout
	}
	if o.AuditTimeout == 0 {
		o.AuditTimeout = DefaultAuditTimeout
	}
	if o.LivenessThreshold == 0 {
		o.LivenessThreshold = face.DefaultLivenessThreshold
	}
	return &Verifier{o}
}

// Request is one verification: who asks, and what is claimed.
type Request struct {
	// ID is the request's id, for the audit trail.
	ID string
	// Client is who asks. Its Threshold must be known, its NameMark 1 to 100
	// and its policies set: they are what the verdict is given by.
	Client access.Client
	Claim  sesuai.Claim
	// Photo is the photograph of the person who is to be verified: a whole
	// PNG or JPEG file.
	Photo []byte
}

// Verify answers whether the claim and the photograph match the registry.
//
// An unfavourable answer is a verdict. An error means that there is no answer:
//   - the photograph cannot be used: sesuai.KindUnsupportedImage,
//     KindInvalidImage, KindTooLarge, KindFaceNotDetected, KindMultipleFaces or
//     KindFaceQuality, or KindSuspectedAttack where the client's policy is to
//     enforce; the registry was not asked, unless it was the registry that
//     could not work with the photograph (KindInvalidImage)
//   - sesuai.KindSuspectedReplay: the photograph was sent before or is that of
//     the reference, where the client's policy is to enforce
//   - sesuai.KindUnavailable: the registry failed, took too long or said
//     something that cannot be, the memory of earlier probes failed, liveness
//     is enforced and cannot be measured, or the event could not be recorded
//   - sesuai.KindOverloaded: there was no time to look at the photograph
//   - any other is a defect
//
// Once the registry has been asked, an event is recorded whatever happens,
// even if ctx ends meanwhile; so it is for a photograph that is refused.
func (v *Verifier) Verify(ctx context.Context, req Request) (sesuai.Verdict, error) {
	if !req.Client.Threshold.Known() || req.Client.NameMark < 1 || req.Client.NameMark > 100 {
		return sesuai.Verdict{}, errors.New("verify: the client has no threshold or no name mark")
	}
	if req.Client.Replay == 0 || req.Client.Liveness == 0 {
		return sesuai.Verdict{}, errors.New("verify: the client has no policies")
	}
	start := v.o.Now()
	event := audit.Event{
		Time:      start,
		RequestID: req.ID,
		Client:    req.Client.ID,
		NIK:       req.Claim.NIK,
		NameScore: -1,
		Threshold: req.Client.Threshold,
	}

	// The photograph comes first: what no comparison can be made with is not
	// worth a question to the registry, which may cost money and shows it
	// who is being asked about.
	probe, err := v.acquire(ctx, req, &event)
	if refuses(sesuai.KindOf(err)) {
		event.Result, event.Reason = audit.Refused, string(sesuai.KindOf(err))
		return sesuai.Verdict{}, v.record(ctx, event, start, err)
	}
	if err != nil && sesuai.KindOf(err) != sesuai.KindUnavailable {
		return sesuai.Verdict{}, err
	}

	var found answers
	if err == nil {
		found, err = v.ask(registry.WithAsker(ctx, registry.Asker{Client: req.Client.ID, RequestID: req.ID}), req.Claim, probe)
	}
	if err == nil {
		err = v.lookForReplay(ctx, req, probe, found, &event)
	}
	if kind := sesuai.KindOf(err); kind == sesuai.KindSuspectedReplay || kind == sesuai.KindInvalidImage {
		event.Result, event.Reason = audit.Refused, string(kind)
		return sesuai.Verdict{}, v.record(ctx, event, start, err)
	}
	if err != nil {
		event.Result, event.Reason = audit.Unavailable, string(sesuai.KindOf(err))
		return sesuai.Verdict{}, v.record(ctx, event, start, err)
	}

	verdict := policy.Decide(policy.Evidence{
		Found:       found.record.Found,
		Status:      found.record.Status,
		NameScore:   found.record.NameScore,
		NameMark:    req.Client.NameMark,
		DateOfBirth: found.record.DateOfBirth,
		Portrait:    found.comparison.Portrait,
		Percentage:  found.comparison.Percentage,
		Threshold:   req.Client.Threshold,
	})
	event.Result, event.Reason = audit.NotVerified, string(verdict.Reason)
	if verdict.Verified {
		event.Result = audit.Verified
	}
	event.NIKOutcome, event.Name, event.DateOfBirth = verdict.NIK, verdict.Name, verdict.DateOfBirth
	event.Percentage = verdict.Face
	if found.record.Found {
		event.NameScore = found.record.NameScore
	}
	if found.record.Duplicate {
		event.Flags |= audit.DuplicateRecord
	}
	if found.comparison.Suspect {
		event.Flags |= audit.ScoreTooHigh
	}
	if found.comparison.Portrait {
		event.Compared = true
		event.Score = found.comparison.Score
		event.Model, event.Calibration = found.comparison.Model, found.comparison.Calibration
	}
	if err := v.record(ctx, event, start, nil); err != nil {
		return sesuai.Verdict{}, err
	}
	return verdict, nil
}

// acquire makes the probe of the photograph.
func (v *Verifier) acquire(ctx context.Context, req Request, event *audit.Event) (face.Probe, error) {
	use := face.ForProbe
	if req.Client.Liveness != access.Off {
		use = face.ForLiveProbe
	}
	extraction, err := v.o.Extractor.Extract(ctx, req.Photo, use)
	if err == nil {
		err = extraction.Refusal()
	}
	if err != nil && ctx.Err() != nil {
		// Time ran out before the photograph's turn came.
		err = &sesuai.Error{Kind: sesuai.KindOverloaded, Err: fmt.Errorf("extracting the face: %w", err)}
	}
	if err == nil {
		err = v.judgeLiveness(req.Client.Liveness, extraction.Liveness, event)
	}
	if err != nil {
		return face.Probe{}, err
	}
	return face.Probe{Template: extraction.Template, Signature: extraction.Signature, Picture: extraction.Picture}, nil
}

// refuses reports whether errors of the kind are about the photograph.
func refuses(k sesuai.Kind) bool {
	switch k {
	case sesuai.KindUnsupportedImage, sesuai.KindInvalidImage, sesuai.KindTooLarge,
		sesuai.KindFaceNotDetected, sesuai.KindMultipleFaces, sesuai.KindFaceQuality,
		sesuai.KindSuspectedAttack:
		return true
	default:
		return false
	}
}

// record appends the event before anything is answered, and returns cause, or
// an error of kind KindUnavailable if the event is not recorded: neither a
// verdict nor a refusal is given that the trail does not hold.
//
// What has happened has happened, so it is recorded even when ctx has ended.
func (v *Verifier) record(ctx context.Context, e audit.Event, start time.Time, cause error) error {
	e.Duration = v.o.Now().Sub(start)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), v.o.AuditTimeout)
	defer cancel()
	if err := v.o.Audit.Append(ctx, e); err != nil {
		return unavailable("recording the event", errors.Join(err, cause))
	}
	return cause
}

// unavailable is an error of kind KindUnavailable whatever err is; it keeps
// when another try makes sense, if err says so.
func unavailable(doing string, err error) error {
	e := &sesuai.Error{Kind: sesuai.KindUnavailable, Err: fmt.Errorf("%s: %w", doing, err)}
	if inner, ok := errors.AsType[*sesuai.Error](err); ok {
		e.RetryAfter = inner.RetryAfter
	}
	return e
}
