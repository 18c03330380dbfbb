package verify_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/access/limit"
	"github.com/sesuai/sesuai/internal/admission"
	answers "github.com/sesuai/sesuai/internal/answer"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/policy"
	"github.com/sesuai/sesuai/internal/registry"
	"github.com/sesuai/sesuai/internal/replay"
	"github.com/sesuai/sesuai/internal/verify"
)

// world is everything around a Verifier, scripted. Its diary holds the order in
// which the parts were called.
type world struct {
	mu    sync.Mutex
	diary []string

	// extracting is called when the face is extracted, and recorded when an event
	// is recorded, if they are not nil.
	extracting, recorded func()

	extraction face.Extraction
	extractErr error
	live       bool // liveness should be asked for
	ask        func(ctx context.Context) (registry.Answer, error)
	// seen is what Remember finds. damaged is why it cannot find anything.
	seen      bool
	damaged   error
	appendErr error
	// prior is what is known before a request is completed.
	prior      limit.Prior
	appendWait bool // recording waits until its context ends

	asked  registry.Question
	sent   replay.Probe // what is remembered
	events []audit.Event
	stored []string // the bodies of the answers to them
}

// newWorld is one in which everything matches.
func newWorld() *world {
	return &world{
		extraction: face.Extraction{Template: face.Template{Model: "fake-model"}, Signature: face.Signature{File: [32]byte{1}}},
		ask: func(context.Context) (registry.Answer, error) {
			return registry.Answer{
				Found: true, NameScore: 100, DateOfBirth: sesuai.Match,
				Face: registry.Comparison{
					Portrait: true, Similarity: face.Similarity{Cosine: 0.5228, Reference: 3, Probe: 2.5}, Score: 0.4478, Percentage: sesuai.PercentageOf(82.04),
					Model: "fake-model", Calibration: "fake-calibration",
				},
			}, nil
		},
	}
}

// note adds to the diary.
func (w *world) note(about string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.diary = append(w.diary, about)
}

func (w *world) Extract(ctx context.Context, _ []byte, use face.Use) (face.Extraction, error) {
	w.note("extract")
	if w.extracting != nil {
		w.extracting()
	}
	if client := admission.ClientOf(ctx); client != "client-1" && client != verify.TrialClient {
		panic("a probe was extracted for another client")
	}
	if use == face.ForReference || (use == face.ForLiveProbe) != w.live {
		panic("a probe was extracted for another use")
	}
	return w.extraction, w.extractErr
}

func (w *world) Ask(ctx context.Context, q registry.Question) (registry.Answer, error) {
	w.note("ask")
	w.asked = q
	return w.ask(ctx)
}

func (w *world) Remember(
	ctx context.Context, _ *limit.Lease, nik sesuai.NIK, p replay.Probe,
	outcome func(bool, limit.Prior, error) (audit.Event, *answers.Answer),
) (bool, limit.Prior, error) {
	if !nik.Equal(w.asked.Claim.NIK) {
		panic("the probe is remembered of another person")
	}
	for _, seen := range []bool{!w.seen, w.seen} { // as if the transaction was run again
		outcome(seen, limit.Prior{}, nil)
	}
	e, a := outcome(w.seen, w.prior, nil)
	if w.damaged != nil {
		e, a = outcome(false, w.prior, w.damaged)
	}
	if !e.NIK.Equal(nik) {
		panic("the event is that of another person")
	}
	if err := w.write(ctx, "remember", e, a); err != nil {
		return false, limit.Prior{}, err
	}
	if w.damaged != nil {
		return false, limit.Prior{}, &sesuai.Error{Kind: sesuai.KindUnavailable, Err: w.damaged}
	}
	w.sent = p
	return w.seen, w.prior, nil
}

func (w *world) Record(ctx context.Context, _ *limit.Lease, outcome func(limit.Prior) (audit.Event, *answers.Answer)) (limit.Prior, error) {
	outcome(limit.Prior{Misses: w.prior.Misses + 1}) // as if the transaction was run again
	e, a := outcome(w.prior)
	return w.prior, w.write(ctx, "append", e, a)
}

// write records an event.
func (w *world) write(ctx context.Context, about string, e audit.Event, a *answers.Answer) error {
	w.note(about)
	if w.appendWait {
		<-ctx.Done()
		return &sesuai.Error{Kind: sesuai.KindUnavailable, Err: ctx.Err()}
	}
	if ctx.Err() != nil {
		return &sesuai.Error{Kind: sesuai.KindUnavailable, Err: ctx.Err()}
	}
	if w.appendErr != nil {
		return w.appendErr
	}
	w.events = append(w.events, e)
	checkAnswer(e, a)
	if a != nil {
		w.stored = append(w.stored, string(a.Body))
	}
	if w.recorded != nil {
		w.recorded()
	}
	return nil
}

// checkAnswer panics if the answer is not that of the event, as callOf makes it: a
// verdict or a refusal has one, and anything else none, a trial included.
func checkAnswer(e audit.Event, a *answers.Answer) {
	switch {
	case e.Flags.Has(audit.Trial):
		if a != nil || e.Reference != "" {
			panic("a trial has an answer, or a client's reference")
		}
	case e.RequestID != "request-1" || e.Reference != "order-7":
		panic("the event is that of another request")
	case e.Result == audit.Unavailable && a == nil:
	case a == nil || e.Result == audit.Unavailable:
		panic("a verdict or a refusal has no answer, or something else has one")
	case (e.Result == audit.Refused) != (a.Status == 400) || a.Status == 400 && string(a.Body) != e.Reason:
		panic("the answer is not that of the event")
	case a.Status == 200 && !e.Flags.Has(audit.CoarseAnswer) && !strings.Contains(string(a.Body), e.Reason):
		panic("the answer has another verdict than the event")
	}
}

// The limits of time in these tests.
const (
	registryTimeout = 3 * time.Second
	auditTimeout    = 2 * time.Second
)

// verifier is a Verifier in this world.
func (w *world) verifier() *verify.Verifier { return verify.New(w.options()) }

// options are this world's, whose clock moves a second at each look.
func (w *world) options() verify.Options {
	now := time.Date(2026, time.March, 10, 12, 0, 0, 0, time.UTC)
	return verify.Options{
		Registry:  w,
		Extractor: w,
		Recorder:  w,
		Now: func() time.Time {
			now = now.Add(time.Second)
			return now
		},
		RegistryTimeout: registryTimeout,
		AuditTimeout:    auditTimeout,
		// Not the default.
		LivenessThreshold: 0.6,
		Disclosure:        policy.DefaultDisclosure(),
	}
}

// callOf is a client's call. The body of its answer is the verdict, or the kind of the
// error.
func callOf[V any](client access.Client) verify.Call[V] {
	return verify.Call[V]{
		ID: "request-1", Reference: "order-7", Client: client,
		Answer: func(v V, err error) answers.Answer {
			a := answers.Answer{Request: "request-1", Reference: "order-7", Status: 200, Body: []byte(fmt.Sprint(v))}
			if err != nil {
				a.Status, a.Body = 400, []byte(sesuai.KindOf(err))
			}
			return a
		},
	}
}

// request is a synthetic person's.
func request(t *testing.T) verify.Request {
	t.Helper()
	nik, err := sesuai.ParseNIK("9999010101900001")
	if err != nil {
		t.Fatal(err)
	}
	name, err := sesuai.ParseName("Sari Contoh")
	if err != nil {
		t.Fatal(err)
	}
	date, err := sesuai.ParseDate("01-01-1990", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return verify.Request{
		Call: callOf[sesuai.Verdict](access.Client{
			ID: "client-1", Threshold: sesuai.PercentageOf(75), NameThreshold: 85, Replay: access.Log, Liveness: access.Off,
		}),
		Claim: sesuai.Claim{NIK: nik, Name: name, DateOfBirth: date},
		Photo: []byte("a photograph"),
	}
}
