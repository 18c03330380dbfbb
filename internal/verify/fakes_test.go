package verify_test

import (
	"context"
	"testing"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/admission"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/registry"
	"github.com/sesuai/sesuai/internal/replay"
	"github.com/sesuai/sesuai/internal/verify"
)

// world is everything around a Verifier, scripted. Its diary holds the order in
// which the parts were called.
type world struct {
	diary []string

	extraction face.Extraction
	extractErr error
	live       bool // liveness should be asked for
	ask        func(ctx context.Context) (registry.Answer, error)
	seen       func(ctx context.Context) (bool, error)
	appendErr  error
	appendWait bool // append waits until its context ends

	asked  registry.Question
	sent   replay.Probe // what the memory of probes was asked
	events []audit.Event
}

// newWorld is one in which everything matches.
func newWorld() *world {
	return &world{
		extraction: face.Extraction{Template: face.Template{Model: "fake-model"}, Signature: face.Signature{File: [32]byte{1}}},
		seen:       func(context.Context) (bool, error) { return false, nil },
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

func (w *world) Extract(ctx context.Context, _ []byte, use face.Use) (face.Extraction, error) {
	w.diary = append(w.diary, "extract")
	if admission.ClientOf(ctx) != "client-1" {
		panic("a probe was extracted for another client")
	}
	if use == face.ForReference || (use == face.ForLiveProbe) != w.live {
		panic("a probe was extracted for another use")
	}
	return w.extraction, w.extractErr
}

func (w *world) Ask(ctx context.Context, q registry.Question) (registry.Answer, error) {
	w.diary = append(w.diary, "ask")
	w.asked = q
	return w.ask(ctx)
}

func (w *world) Seen(ctx context.Context, nik sesuai.NIK, p replay.Probe) (bool, error) {
	w.diary = append(w.diary, "seen")
	if !nik.Equal(w.asked.Claim.NIK) {
		panic("the probes of another person were asked for")
	}
	w.sent = p
	return w.seen(ctx)
}

func (w *world) Append(ctx context.Context, e audit.Event) error {
	w.diary = append(w.diary, "append")
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
	return nil
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
		Probes:    w,
		Audit:     w,
		Now: func() time.Time {
			now = now.Add(time.Second)
			return now
		},
		RegistryTimeout: registryTimeout,
		AuditTimeout:    auditTimeout,
		// Not the default.
		LivenessThreshold: 0.6,
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
		ID: "request-1",
		Client: access.Client{
			ID: "client-1", Threshold: sesuai.PercentageOf(75), NameThreshold: 85, Replay: access.Log, Liveness: access.Off,
		},
		Claim: sesuai.Claim{NIK: nik, Name: name, DateOfBirth: date},
		Photo: []byte("a photograph"),
	}
}
