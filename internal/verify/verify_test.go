package verify_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/registry"
	"github.com/sesuai/sesuai/internal/verify"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// step is a change to a world in which everything matches.
type step func(*world)

// answer changes what the registry answers.
func answer(change func(*registry.Answer)) step {
	return func(w *world) {
		before := w.ask
		w.ask = func(ctx context.Context) (registry.Answer, error) {
			a, err := before(ctx)
			change(&a)
			return a, err
		}
	}
}

// comparison changes what the registry answers about the face.
func comparison(change func(*registry.Comparison)) step {
	return answer(func(a *registry.Answer) { change(&a.Face) })
}

// TestVerdicts: what is asked in which order, and what is answered.
func TestVerdicts(t *testing.T) {
	const whole = "extract ask remember"
	for _, tt := range []struct {
		about  string
		step   step
		diary  string
		reason sesuai.Reason
	}{
		{"everything matches", func(*world) {}, whole, sesuai.ReasonVerified},
		{"the NIK is not on record", answer(func(r *registry.Answer) { *r = registry.Answer{} }), "extract ask append", sesuai.ReasonNIKNotFound},
		{"not on record, whatever else is said", answer(func(r *registry.Answer) { r.Found = false; r.NameScore = -7 }), "extract ask append", sesuai.ReasonNIKNotFound},
		{"deceased", answer(func(r *registry.Answer) { r.Status = sesuai.Deceased }), "extract ask append", sesuai.ReasonNotActive},
		{"inactive", answer(func(r *registry.Answer) { r.Status = sesuai.Inactive }), "extract ask append", sesuai.ReasonNotActive},
		{"deceased, and no more is said", answer(func(r *registry.Answer) {
			*r = registry.Answer{Found: true, Status: sesuai.Deceased, NameScore: -1}
		}), "extract ask append", sesuai.ReasonNotActive},
		{"there is no portrait", comparison(func(c *registry.Comparison) { *c = registry.Comparison{} }), "extract ask append", sesuai.ReasonNoPortrait},
		{"the name differs, and the face is compared all the same", answer(func(r *registry.Answer) { r.NameScore = 84 }), whole, sesuai.ReasonNameDiffers},
		{"the date differs, and the face is compared all the same", answer(func(r *registry.Answer) { r.DateOfBirth = sesuai.NonMatch }), whole, sesuai.ReasonDateDiffers},
		{"the face is below the threshold", comparison(func(c *registry.Comparison) { c.Percentage = sesuai.PercentageOf(74.99) }), whole, sesuai.ReasonFaceBelowThreshold},
		{"the face is at the threshold", comparison(func(c *registry.Comparison) { c.Percentage = sesuai.PercentageOf(75) }), whole, sesuai.ReasonVerified},
	} {
		t.Run(tt.about, func(t *testing.T) {
			w := newWorld()
			tt.step(w)
			verdict, err := w.verifier().Verify(t.Context(), request(t))
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(w.diary, " "); got != tt.diary {
				t.Errorf("asked %q, want %q", got, tt.diary)
			}
			if verdict.Reason != tt.reason || verdict.Verified != (tt.reason == sesuai.ReasonVerified) {
				t.Errorf("got %+v, want %q", verdict, tt.reason)
			}
			if len(w.events) != 1 || w.events[0].Reason != string(tt.reason) {
				t.Errorf("recorded %+v", w.events)
			}
		})
	}
}

// TestEvent: the event says what the verdict was built on.
func TestEvent(t *testing.T) {
	w := newWorld()
	req := request(t)
	if _, err := w.verifier().Verify(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	want := audit.Event{
		Time:       time.Date(2026, time.March, 10, 12, 0, 1, 0, time.UTC),
		RequestID:  "request-1",
		Reference:  "order-7",
		Client:     "client-1",
		NIK:        req.Claim.NIK,
		Result:     audit.Verified,
		Reason:     "Verification Success",
		NIKOutcome: sesuai.Match, Name: sesuai.Match, DateOfBirth: sesuai.Match,
		NameScore:  100,
		Compared:   true,
		Percentage: sesuai.PercentageOf(82.04),
		Score:      0.4478,
		Cosine:     0.5228, ReferenceLength: 3, ProbeLength: 2.5,
		Threshold:   sesuai.PercentageOf(75),
		Model:       "fake-model",
		Calibration: "fake-calibration",
		Duration:    time.Second,

		NameThreshold: 85,
		ReplayChecked: true,
	}
	if diff := cmp.Diff([]audit.Event{want}, w.events, cmpopts.EquateComparable(sesuai.Percentage{})); diff != "" {
		t.Errorf("recorded (-want +got):\n%s", diff)
	}
	w = newWorld()
	answer(func(r *registry.Answer) { *r = registry.Answer{} })(w)
	if _, err := w.verifier().Verify(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	want.Result, want.Reason = audit.NotVerified, "NIK not found on Dukcapil database"
	want.NIKOutcome, want.Name, want.DateOfBirth = sesuai.NonMatch, sesuai.NotCompared, sesuai.NotCompared
	want.NameScore, want.Compared, want.Percentage = -1, false, sesuai.PercentageOf(0)
	want.Cosine, want.ReferenceLength, want.ProbeLength = 0, 0, 0
	want.Score, want.Model, want.Calibration, want.ReplayChecked = 0, "", "", false
	if diff := cmp.Diff([]audit.Event{want}, w.events, cmpopts.EquateComparable(sesuai.Percentage{})); diff != "" {
		t.Errorf("recorded (-want +got):\n%s", diff)
	}
}

// TestRefusals: a photograph that cannot be used is refused and recorded, and
// the registry learns nothing of it.
func TestRefusals(t *testing.T) {
	for _, tt := range []struct {
		step step
		kind sesuai.Kind
	}{
		{func(w *world) { w.extraction.Finding = face.NoFace }, sesuai.KindFaceNotDetected},
		{func(w *world) { w.extraction.Finding = face.SeveralFaces }, sesuai.KindMultipleFaces},
		{func(w *world) {
			w.extraction.Finding, w.extraction.Failed = face.LowQuality, []face.Measure{face.Sharpness}
		}, sesuai.KindFaceQuality},
		{func(w *world) { w.extractErr = &sesuai.Error{Kind: sesuai.KindUnsupportedImage} }, sesuai.KindUnsupportedImage},
		{func(w *world) { w.extractErr = &sesuai.Error{Kind: sesuai.KindInvalidImage} }, sesuai.KindInvalidImage},
		{func(w *world) { w.extractErr = &sesuai.Error{Kind: sesuai.KindTooLarge} }, sesuai.KindTooLarge},
	} {
		t.Run(string(tt.kind), func(t *testing.T) {
			w := newWorld()
			tt.step(w)
			verdict, err := w.verifier().Verify(t.Context(), request(t))
			if sesuai.KindOf(err) != tt.kind || verdict != (sesuai.Verdict{}) {
				t.Errorf("got %+v, %v", verdict, err)
			}
			if got := strings.Join(w.diary, " "); got != "extract append" {
				t.Errorf("asked %q", got)
			}
			if len(w.events) != 1 || w.events[0].Result != audit.Refused || w.events[0].Reason != string(tt.kind) {
				t.Errorf("recorded %+v", w.events)
			}
			if want, got := len(w.extraction.Failed), len(w.events[0].Measures); got != want {
				t.Errorf("%d measures are recorded, want %d", got, want)
			}
		})
	}
}

// TestExtractorFails: too little time and defects say nothing about a
// person: nothing is asked, nothing recorded.
func TestExtractorFails(t *testing.T) {
	defect := errors.New("a defect")
	for _, tt := range []struct {
		about string
		err   error
		kind  sesuai.Kind
	}{
		{"too much to do", &sesuai.Error{Kind: sesuai.KindOverloaded}, sesuai.KindOverloaded},
		{"a defect", defect, sesuai.KindInternal},
	} {
		t.Run(tt.about, func(t *testing.T) {
			w := newWorld()
			w.extractErr = tt.err
			_, err := w.verifier().Verify(t.Context(), request(t))
			if sesuai.KindOf(err) != tt.kind || !errors.Is(err, tt.err) {
				t.Errorf("got %v", err)
			}
			if got := strings.Join(w.diary, " "); got != "extract" {
				t.Errorf("asked %q", got)
			}
		})
	}
	t.Run("the request's time ran out", func(t *testing.T) {
		w := newWorld()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		w.extractErr = ctx.Err()
		_, err := w.verifier().Verify(ctx, request(t))
		if sesuai.KindOf(err) != sesuai.KindOverloaded || !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		if len(w.events) != 0 {
			t.Errorf("recorded %+v", w.events)
		}
	})
}

// TestClientWithoutMarks: a client that nobody gave a threshold is a defect,
// not a reason to pass everybody, and not one to fail them in silence.
func TestClientWithoutMarks(t *testing.T) {
	for _, change := range []func(*verify.Request){
		func(r *verify.Request) { r.Client.Threshold = sesuai.Percentage{} },
		func(r *verify.Request) { r.Client.NameThreshold = 0 },
		func(r *verify.Request) { r.Client.NameThreshold = 101 },
		func(r *verify.Request) { r.Client.Replay = 0 },
		func(r *verify.Request) { r.Client.Liveness = 0 },
	} {
		w := newWorld()
		req := request(t)
		change(&req)
		if _, err := w.verifier().Verify(t.Context(), req); sesuai.KindOf(err) != sesuai.KindInternal {
			t.Errorf("got %v", err)
		}
		if !slices.Equal(w.diary, nil) {
			t.Errorf("asked %q", w.diary)
		}
	}
}
