// Package verify holds the use cases of face verification, data verification, face
// match and passive liveness.
// The first extracts the face of a photograph, asks the registry about the claim and
// the face, has the policy decide, and gives the verdict once the audit trail holds
// the event and the photograph is remembered. The second does the same without a
// photograph. The others ask no registry. The package leaves HTTP, how a registry answers, and how events and
// photographs are stored to others.
package verify

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/access/limit"
	"github.com/sesuai/sesuai/internal/admission"
	"github.com/sesuai/sesuai/internal/answer"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/policy"
	"github.com/sesuai/sesuai/internal/registry"
	"github.com/sesuai/sesuai/internal/replay"
	"github.com/sesuai/sesuai/internal/telemetry"
)

// The defaults of Options.
const (
	DefaultRegistryTimeout = 10 * time.Second
	// DefaultAuditTimeout is longer than SQLite waits for another process's
	// lock, which is 5 s: the error about that says when to ask again.
	DefaultAuditTimeout = 6 * time.Second
)

// Options are the parts of a Verifier. Registry, Extractor and Recorder are
// required.
type Options struct {
	// Registry is asked once there is a probe. If it is a registry.Preparer, it
	// reads the record while the face is extracted.
	Registry registry.Registry
	// Scale maps two templates to a percentage, for Match, and Calibration is its
	// ID. Without a Scale, Match fails.
	Scale       registry.Scale
	Calibration string
	// Extractor is called with a context of the calling client: see
	// admission.ClientOf.
	Extractor face.Extractor
	Recorder  Recorder
	// Limits is asked before anything else is done. Nil means that nothing is limited,
	// and that nothing is known before a request is completed.
	Limits Limits
	// Disclosure says how much an answer says after misses on its NIK. All are exact if
	// it is zero, but for the clients' settings.
	Disclosure policy.Disclosure
	// Now is the clock that dates events; time.Now if nil.
	Now func() time.Time
	// RegistryTimeout bounds how long the registry may take;
	// DefaultRegistryTimeout if 0. The time of the extraction does not count.
	RegistryTimeout time.Duration
	// AuditTimeout bounds how long an event and its probe may take to be
	// recorded; DefaultAuditTimeout if 0. The event of a failure may take longer:
	// see Recorder.
	AuditTimeout time.Duration
	// SameTime has a photograph that is sent for an unknown NIK recorded as if it were
	// remembered, so that the time of an answer does not tell who is on record. It is for
	// a Recorder that remembers nothing about people who are not on record.
	SameTime bool
	// LivenessThreshold is the minimum liveness of a photograph, 0 to 1;
	// face.DefaultLivenessThreshold if 0.
	LivenessThreshold float64
}

// Limits limits what clients ask; *limit.Store implements it. It is safe for concurrent
// use.
type Limits interface {
	// Start starts a request. If it exceeds a limit of the client or of the NIK, the
	// error has kind sesuai.KindRateLimited and says when to try again, whether or not
	// the NIK is on record. The caller completes the lease, by recording the request's
	// event, or cancels it.
	Start(ctx context.Context, r limit.Request) (*limit.Lease, error)
}

// Recorder records what verifications leave behind; *recorder.Recorder implements
// it. It is safe for concurrent use.
type Recorder interface {
	// Record is Append of an audit.Log, for a verification without a probe. It
	// stores the answer with the event, in one transaction, unless it is nil. If the
	// answer's key is lost, nothing is recorded, and answer.ErrLost is in the chain.
	//
	// outcome returns the event and the answer. They may depend on what is known
	// before: on all requests that were completed earlier, and on no others. Record
	// returns what outcome was given for the event that is recorded, so that the caller
	// can call it again. outcome may be called more than once, by another goroutine, and
	// after Record has returned since ctx has ended. So it must depend on nothing
	// that changes. It must not panic.
	//
	// The transaction completes the request's lease. If nothing is recorded, the lease
	// is cancelled; if ctx has ended, it expires. The lease is nil if the request is not
	// counted. Then nothing is known before.
	Record(ctx context.Context, l *limit.Lease, outcome func(limit.Prior) (audit.Event, *answer.Answer)) (limit.Prior, error)
	// Remember reports whether the person's probe was sent before, as
	// replay.Judge defines it, remembers it, appends the event of that
	// outcome and stores its answer, in one transaction. Of several calls at the
	// same time with one new probe, one returns false.
	//
	// If the error is nil the probe is remembered and the event recorded: both
	// survive a kill -9 and a power cut. Any error has kind
	// sesuai.KindUnavailable, and the caller must then not give the verdict. The
	// probe is then not remembered, and outcome(false, prior, err) is recorded instead,
	// also if ctx has ended, in which case its error is in the chain. That takes
	// more time than ctx has, within a limit of the Recorder. There are three
	// exceptions:
	//   - The Recorder is closed: nothing is recorded.
	//   - The audit trail cannot be written either: nothing is recorded.
	//   - The transaction was committed although that was not confirmed, or was
	//     confirmed too late: the probe is remembered and the event of the outcome
	//     recorded.
	//
	// So no call ever leaves two events, or a probe without one.
	//
	// outcome returns the event and the answer, nil if that is not stored. If its
	// err is not nil, it is not known whether the probe was sent before. Else it is
	// as that of Record, and so are the lease and what is returned of it.
	//
	// About a person who is not on record nothing is remembered, unless the
	// people on record are elsewhere. The probe was then not sent before.
	Remember(
		ctx context.Context, l *limit.Lease, nik sesuai.NIK, p replay.Probe,
		outcome func(seen bool, prior limit.Prior, err error) (audit.Event, *answer.Answer),
	) (seen bool, prior limit.Prior, err error)
}

// Verifier verifies claims. It is safe for concurrent use.
type Verifier struct {
	o Options
	// preparer is Options.Registry; nil if that is not one.
	preparer registry.Preparer
}

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
	preparer, _ := o.Registry.(registry.Preparer)
	return &Verifier{o, preparer}
}

// Request is one verification. The Client's Threshold must be known, its NameThreshold
// 1 to 100 and its policies set: they are what the verdict is given by.
type Request struct {
	Call[sesuai.Verdict]
	Claim sesuai.Claim
	// Photo is the photograph of the person to be verified: a whole PNG or JPEG
	// file.
	Photo []byte
}

// Verify answers whether the claim and the photograph match the registry.
//
// An unfavourable answer is a verdict. An error means that there is no answer:
//   - sesuai.KindUnsupportedImage, KindInvalidImage, KindTooLarge,
//     KindFaceNotDetected, KindMultipleFaces, KindFaceQuality, and
//     KindSuspectedAttack if the client's policy is to enforce: the photograph
//     cannot be used. The registry was not asked, unless it is the registry
//     that cannot use the photograph (KindInvalidImage). A registry.Preparer may
//     have read the record. That has no effect on the answer.
//   - sesuai.KindSuspectedReplay: the photograph was sent before or is that of
//     the reference, and the client's policy is to enforce.
//   - sesuai.KindUnavailable: the registry failed, took too long or gave an
//     impossible answer, the memory of earlier probes failed, liveness is
//     enforced and cannot be measured, or the event could not be recorded.
//   - sesuai.KindOverloaded: there was no time to process the photograph.
//   - sesuai.KindRateLimited: a limit of the client or of the NIK is exceeded. Nothing
//     was done.
//   - any other is a defect.
//
// Once the registry has been asked, an event is recorded whatever happens, even
// if ctx ends meanwhile, unless the audit trail cannot be written. One is also
// recorded for a photograph that is refused.
func (v *Verifier) Verify(ctx context.Context, req Request) (sesuai.Verdict, error) {
	if !req.Client.Threshold.Known() || req.Client.NameThreshold < 1 || req.Client.NameThreshold > 100 {
		return sesuai.Verdict{}, errors.New("verify: the client has no threshold or no name threshold")
	}
	if req.Client.Replay == 0 || req.Client.Liveness == 0 {
		return sesuai.Verdict{}, errors.New("verify: the client has no policies")
	}
	lease, err := v.start(ctx, req.Client, req.Claim.NIK)
	if err != nil {
		return sesuai.Verdict{}, err
	}
	start := req.started(v.o.Now)
	event, question := newEvent(req.Call, req.Claim, start)
	event.Threshold = req.Client.Threshold
	// Nothing of the reading outlives the request. It is waited for after a
	// refusal is recorded. So the time of a refusal does not depend on how long
	// the reading takes, which may differ where the NIK is not on record.
	reading := v.prepare(ctx, question)
	defer reading.stop()

	// The photograph comes first. Without a usable one there is nothing to ask:
	// a question may cost money and shows the registry whom it is about.
	probe, err := v.acquire(ctx, req, &event)
	if refuses(sesuai.KindOf(err)) {
		return sesuai.Verdict{}, v.record(ctx, lease, refused(event, err), start, req.refusal(err), err)
	}
	if err != nil && sesuai.KindOf(err) != sesuai.KindUnavailable {
		lease.Cancel()
		return sesuai.Verdict{}, err
	}

	var answer registry.Answer
	if err == nil {
		question.Probe = &probe
		answer, err = v.ask(ctx, question, reading)
	}
	if err != nil {
		if sesuai.KindOf(err) == sesuai.KindInvalidImage {
			return sesuai.Verdict{}, v.record(ctx, lease, refused(event, err), start, req.refusal(err), err)
		}
		return sesuai.Verdict{}, v.record(ctx, lease, unanswered(event, err), start, nil, err)
	}
	verdict := decide(ctx, policy.Evidence{
		Found:         answer.Found,
		Status:        answer.Status,
		NameScore:     answer.NameScore,
		NameThreshold: req.Client.NameThreshold,
		DateOfBirth:   answer.DateOfBirth,
		Portrait:      answer.Face.Portrait,
		Percentage:    answer.Face.Percentage,
		Threshold:     req.Client.Threshold,
	})
	if answer.Face.Portrait {
		verdict.Model, verdict.Calibration = answer.Face.Model, answer.Face.Calibration
		compared(ctx, answer.Face.Percentage, answer.Face.Model)
	}
	d := decision[sesuai.Verdict]{req.Call, decided(event, verdict, answer), v.discloses(verdict, req.Client)}
	var prior limit.Prior
	if req.Client.Replay != access.Off && (answer.Face.Portrait || v.o.SameTime && !answer.Found) {
		prior, err = v.remember(ctx, lease, sent{req, probe, answer.Face, verdict}, event, d, start)
	} else {
		prior, err = v.commit(ctx, lease, start, d.outcome, nil)
	}
	if err != nil {
		return sesuai.Verdict{}, err
	}
	told, _ := d.disclose(prior)
	return told, nil
}

// newEvent returns the event of a verification that starts now, and its question.
func newEvent[V any](c Call[V], claim sesuai.Claim, now time.Time) (audit.Event, registry.Question) {
	event := audit.Event{
		Time: now, RequestID: c.ID, Reference: c.Reference, Consent: c.Consent, Client: c.Client.ID, NIK: claim.NIK, NameScore: -1,
		NameThreshold: c.Client.NameThreshold,
	}
	return event, registry.Question{Caller: registry.Caller{Client: c.Client.ID, RequestID: c.ID}, Claim: claim}
}

// unanswered returns the event of a verification to which there is no answer.
func unanswered(event audit.Event, err error) audit.Event {
	event.Result, event.Reason = audit.Unavailable, string(sesuai.KindOf(err))
	return event
}

// withoutOutcome returns the event of a verification to which there is no answer, given
// one with an outcome.
func withoutOutcome(e audit.Event, err error) audit.Event {
	return unanswered(audit.Event{
		Time: e.Time, RequestID: e.RequestID, Reference: e.Reference, Consent: e.Consent, Client: e.Client, NIK: e.NIK, NameScore: -1,
		NameThreshold: e.NameThreshold, Threshold: e.Threshold, Endpoint: e.Endpoint, Duration: e.Duration,
	}, unavailable("recording the event", err))
}

// refused returns the event of a verification whose photograph cannot be used.
func refused(event audit.Event, err error) audit.Event {
	event.Result, event.Reason = audit.Refused, string(sesuai.KindOf(err))
	if refusal, ok := errors.AsType[*sesuai.Error](err); ok {
		event.Measures = refusal.Measures
	}
	return event
}

// answered returns the event of a verdict, given what was known before the registry
// was asked.
func answered(event audit.Event, verified bool, reason sesuai.Reason, answer registry.Answer) audit.Event {
	event.Result, event.Reason = audit.NotVerified, string(reason)
	if verified {
		event.Result = audit.Verified
	}
	if answer.Found {
		event.NameScore = answer.NameScore
	}
	if answer.Duplicate {
		event.Flags |= audit.DuplicateRecord
	}
	return event
}

// decided is answered for a verdict about a photograph.
func decided(event audit.Event, verdict sesuai.Verdict, answer registry.Answer) audit.Event {
	event = answered(event, verdict.Verified, verdict.Reason, answer)
	event.NIKOutcome, event.Name, event.DateOfBirth = verdict.NIK, verdict.Name, verdict.DateOfBirth
	event.Percentage = verdict.Face
	if answer.Face.Suspect {
		event.Flags |= audit.ScoreTooHigh
	}
	if answer.Face.Portrait {
		event.Compared = true
		event.Score = answer.Face.Score
		s := answer.Face.Similarity
		event.Cosine, event.ReferenceLength, event.ProbeLength = s.Cosine, s.Reference, s.Probe
		event.Model, event.Calibration = answer.Face.Model, answer.Face.Calibration
	}
	return event
}

// decide has the policy decide.
func decide(ctx context.Context, e policy.Evidence) sesuai.Verdict {
	_, timing := telemetry.Start(ctx, telemetry.Policy)
	defer timing.End()
	return policy.Decide(e)
}

// compared tells the request's telemetry of a comparison of faces.
func compared(ctx context.Context, p sesuai.Percentage, model string) {
	if r := telemetry.Of(ctx); p.Known() {
		r.Compare(p.Value(), model)
	}
}

// acquire makes the probe of the photograph.
func (v *Verifier) acquire(ctx context.Context, req Request, event *audit.Event) (face.Probe, error) {
	use := face.ForProbe
	if req.Client.Liveness != access.Off {
		use = face.ForLiveProbe
	}
	extraction, err := v.extract(ctx, req.Client.ID, req.Photo, use)
	if err == nil {
		err = v.judgeLiveness(req.Client.Liveness, extraction.Liveness, event)
	}
	if err != nil {
		return face.Probe{}, err
	}
	return face.Probe{
		Template: extraction.Template, Signature: extraction.Signature, Aligned: extraction.Aligned, Picture: extraction.Picture,
	}, nil
}

// extract extracts the one face of a photograph.
func (v *Verifier) extract(ctx context.Context, client string, photo []byte, use face.Use) (face.Extraction, error) {
	ctx, timing := telemetry.Start(ctx, telemetry.Face)
	defer timing.End()
	extraction, err := v.o.Extractor.Extract(admission.WithClient(ctx, client), photo, use)
	if err == nil {
		err = extraction.Refusal()
	}
	if err != nil && ctx.Err() != nil {
		// The photograph had to wait for too long.
		err = &sesuai.Error{Kind: sesuai.KindOverloaded, Err: fmt.Errorf("extracting the face: %w", err)}
	}
	return extraction, err
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

// record records an event and an answer, if that is not nil, that depend on nothing known
// before. It returns cause, or the error of commit.
func (v *Verifier) record(ctx context.Context, l *limit.Lease, e audit.Event, start time.Time, a *answer.Answer, cause error) error {
	if _, err := v.commit(ctx, l, start, func(limit.Prior) (audit.Event, *answer.Answer) { return e, a }, cause); err != nil {
		return err
	}
	return cause
}

// commit records an outcome before anything is answered, even if ctx has ended. It
// returns what was known before. If the event is not recorded the error has kind
// KindUnavailable, with cause in its chain: neither a verdict nor a refusal is given
// that the trail does not hold.
func (v *Verifier) commit(
	ctx context.Context, l *limit.Lease, start time.Time, outcome func(limit.Prior) (audit.Event, *answer.Answer), cause error,
) (limit.Prior, error) {
	took := max(0, v.o.Now().Sub(start)) // the clock may be set back
	timed := func(prior limit.Prior) (audit.Event, *answer.Answer) {
		e, a := outcome(prior)
		e.Duration = took
		return e, a
	}
	ctx, done := v.recording(ctx)
	defer done()
	prior, err := v.o.Recorder.Record(ctx, l, timed)
	if errors.Is(err, answer.ErrLost) {
		// The registry was asked, and the trail has to have that.
		e, _ := timed(limit.Prior{})
		unanswered := withoutOutcome(e, err)
		_, second := v.o.Recorder.Record(ctx, nil, func(limit.Prior) (audit.Event, *answer.Answer) { return unanswered, nil })
		err = errors.Join(err, second)
	}
	if err != nil {
		return limit.Prior{}, unavailable("recording the event", errors.Join(err, cause))
	}
	return prior, nil
}

// start starts a request about a NIK, or about nobody if that is zero.
func (v *Verifier) start(ctx context.Context, client access.Client, nik sesuai.NIK) (*limit.Lease, error) {
	if v.o.Limits == nil {
		return nil, nil
	}
	return v.o.Limits.Start(ctx, limit.Request{Client: client.ID, Settings: client.Limits, NIK: nik})
}

// recording starts the stage of recording. It returns the context for that, which does
// not end with ctx, and what ends the stage.
func (v *Verifier) recording(ctx context.Context) (_ context.Context, done func()) {
	ctx, timing := telemetry.Start(ctx, telemetry.Audit)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), v.o.AuditTimeout)
	return ctx, func() { cancel(); timing.End() }
}

// unavailable is err as an error of kind KindUnavailable. It keeps the RetryAfter
// of err.
func unavailable(doing string, err error) error {
	e := &sesuai.Error{Kind: sesuai.KindUnavailable, Err: fmt.Errorf("%s: %w", doing, err)}
	if inner, ok := errors.AsType[*sesuai.Error](err); ok {
		e.RetryAfter = inner.RetryAfter
	}
	return e
}
