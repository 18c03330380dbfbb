package verify_test

import (
	"context"
	"testing"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/registry"
	"github.com/sesuai/sesuai/internal/replay"
	"github.com/sesuai/sesuai/internal/verify"
)

// world is everything around a Verifier, scripted. Its diary holds in which
// order the parts were asked.
type world struct {
	diary []string

	extraction face.Extraction
	extractErr error
	live       bool // liveness should be asked for
	check      func(ctx context.Context) (registry.Record, error)
	compare    func(ctx context.Context) (registry.Comparison, error)
	seen       func(ctx context.Context) (bool, error)
	appendErr  error
	appendWait bool // append waits until its context ends

	claim  sesuai.Claim // what the registry was asked
	probe  face.Probe
	sent   replay.Probe // what the memory of probes was asked
	events []audit.Event
}

// newWorld is one in which everything matches.
func newWorld() *world {
	return &world{
		extraction: face.Extraction{Template: face.Template{Model: "fake-model"}, Signature: face.Signature{File: [32]byte{1}}},
		seen:       func(context.Context) (bool, error) { return false, nil },
		check: func(context.Context) (registry.Record, error) {
			return registry.Record{Found: true, NameScore: 100, DateOfBirth: sesuai.Match, Portrait: true}, nil
		},
		compare: func(context.Context) (registry.Comparison, error) {
			return registry.Comparison{
				Portrait: true, Score: 0.4478, Percentage: sesuai.PercentageOf(82.04),
				Model: "fake-model", Calibration: "fake-calibration",
			}, nil
		},
	}
}

func (w *world) Extract(_ context.Context, _ []byte, use face.Use) (face.Extraction, error) {
	w.diary = append(w.diary, "extract")
	if use == face.ForReference || (use == face.ForLiveProbe) != w.live {
		panic("a probe was extracted for another use")
	}
	return w.extraction, w.extractErr
}

func (w *world) Check(ctx context.Context, claim sesuai.Claim) (registry.Record, error) {
	w.diary = append(w.diary, "check")
	w.claim = claim
	return w.check(ctx)
}

func (w *world) Compare(ctx context.Context, nik sesuai.NIK, probe face.Probe) (registry.Comparison, error) {
	w.diary = append(w.diary, "compare")
	if !nik.Equal(w.claim.NIK) {
		panic("another person's face was compared")
	}
	w.probe = probe
	return w.compare(ctx)
}

func (w *world) Seen(ctx context.Context, nik sesuai.NIK, p replay.Probe) (bool, error) {
	w.diary = append(w.diary, "seen")
	if !nik.Equal(w.claim.NIK) {
		panic("another person's probes were asked for")
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
			ID: "client-1", Threshold: sesuai.PercentageOf(75), NameMark: 85, Replay: access.Log, Liveness: access.Off,
		},
		Claim: sesuai.Claim{NIK: nik, Name: name, DateOfBirth: date},
		Photo: []byte("a photograph"),
	}
}
