package verify_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
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

func record(change func(*registry.Record)) step {
	return func(w *world) {
		before := w.check
		w.check = func(ctx context.Context) (registry.Record, error) {
			r, err := before(ctx)
			change(&r)
			return r, err
		}
	}
}

func comparison(change func(*registry.Comparison)) step {
	return func(w *world) {
		before := w.compare
		w.compare = func(ctx context.Context) (registry.Comparison, error) {
			c, err := before(ctx)
			change(&c)
			return c, err
		}
	}
}

// TestVerdicts: what is asked in which order, and what is answered.
func TestVerdicts(t *testing.T) {
	const whole = "extract check compare seen append"
	for _, tt := range []struct {
		about  string
		step   step
		diary  string
		reason sesuai.Reason
	}{
		{"everything matches", func(*world) {}, whole, sesuai.ReasonVerified},
		{"the NIK is not on record", record(func(r *registry.Record) { *r = registry.Record{} }), "extract check append", sesuai.ReasonNIKNotFound},
		{"not on record, whatever else is said", record(func(r *registry.Record) { r.Found = false; r.NameScore = -7 }), "extract check append", sesuai.ReasonNIKNotFound},
		{"deceased", record(func(r *registry.Record) { r.Status = sesuai.Deceased }), "extract check append", sesuai.ReasonNotActive},
		{"inactive", record(func(r *registry.Record) { r.Status = sesuai.Inactive }), "extract check append", sesuai.ReasonNotActive},
		{"deceased, and no more is said", record(func(r *registry.Record) {
			*r = registry.Record{Found: true, Status: sesuai.Deceased, NameScore: -1}
		}), "extract check append", sesuai.ReasonNotActive},
		{"no portrait is known beforehand", record(func(r *registry.Record) { r.Portrait = false }), "extract check append", sesuai.ReasonNoPortrait},
		{"no portrait turns out to be there", comparison(func(c *registry.Comparison) { *c = registry.Comparison{} }), "extract check compare append", sesuai.ReasonNoPortrait},
		{"the name differs, and the face is compared all the same", record(func(r *registry.Record) { r.NameScore = 84 }), whole, sesuai.ReasonNameDiffers},
		{"the date differs, and the face is compared all the same", record(func(r *registry.Record) { r.DateOfBirth = sesuai.NonMatch }), whole, sesuai.ReasonDateDiffers},
		{"the face is below the threshold", comparison(func(c *registry.Comparison) { c.Percentage = sesuai.PercentageOf(74.99) }), whole, sesuai.ReasonFaceBelowPass},
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
		Client:     "client-1",
		NIK:        req.Claim.NIK,
		Result:     audit.Verified,
		Reason:     "Verification Success",
		NIKOutcome: sesuai.Match, Name: sesuai.Match, DateOfBirth: sesuai.Match,
		NameScore:   100,
		Compared:    true,
		Percentage:  sesuai.PercentageOf(82.04),
		Score:       0.4478,
		Threshold:   sesuai.PercentageOf(75),
		Model:       "fake-model",
		Calibration: "fake-calibration",
		Duration:    time.Second,
	}
	if diff := cmp.Diff([]audit.Event{want}, w.events, cmpopts.EquateComparable(sesuai.Percentage{})); diff != "" {
		t.Errorf("recorded (-want +got):\n%s", diff)
	}
	if !w.claim.NIK.Equal(req.Claim.NIK) || !w.claim.Name.Equal(req.Claim.Name) || !w.claim.DateOfBirth.Equal(req.Claim.DateOfBirth) || w.probe.Template.Model != "fake-model" {
		t.Error("the registry was asked something else")
	}

	w = newWorld()
	record(func(r *registry.Record) { *r = registry.Record{} })(w)
	if _, err := w.verifier().Verify(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	want.Result, want.Reason = audit.NotVerified, "NIK not found on Dukcapil database"
	want.NIKOutcome, want.Name, want.DateOfBirth = sesuai.NonMatch, sesuai.NotCompared, sesuai.NotCompared
	want.NameScore, want.Compared, want.Percentage = -1, false, sesuai.PercentageOf(0)
	want.Score, want.Model, want.Calibration = 0, "", ""
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
		{func(w *world) { w.extraction.Finding = face.LowQuality }, sesuai.KindFaceQuality},
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

// TestUnavailable: whatever goes wrong with the registry, there is no verdict,
// and there is an event.
func TestUnavailable(t *testing.T) {
	broken := errors.New("broken")
	fail := func(err error) (s struct{ check, compare step }) {
		s.check = func(w *world) {
			w.check = func(context.Context) (registry.Record, error) { return registry.Record{}, err }
		}
		s.compare = func(w *world) {
			w.compare = func(context.Context) (registry.Comparison, error) { return registry.Comparison{}, err }
		}
		return s
	}
	var nothing map[string]int
	for _, tt := range []struct {
		about string
		step  step
	}{
		{"check fails without a kind", fail(broken).check},
		{"check fails", fail(&sesuai.Error{Kind: sesuai.KindUnavailable, Err: broken}).check},
		{"check fails with a kind of its own", fail(&sesuai.Error{Kind: sesuai.KindInvalidNIK}).check},
		{"check fails and yet says found", func(w *world) {
			before := w.check
			w.check = func(ctx context.Context) (registry.Record, error) { r, _ := before(ctx); return r, broken }
		}},
		{"check panics", func(w *world) {
			w.check = func(context.Context) (registry.Record, error) { panic("9999010101900001") }
		}},
		{"check has a bug", func(w *world) {
			w.check = func(context.Context) (registry.Record, error) { nothing["a"]++; return registry.Record{}, nil }
		}},
		{"a name score below the scale", record(func(r *registry.Record) { r.NameScore = -1 })},
		{"a name score beyond the scale", record(func(r *registry.Record) { r.NameScore = 101 })},
		{"no outcome for the date", record(func(r *registry.Record) { r.DateOfBirth = sesuai.NotCompared })},
		{"an outcome that there is not", record(func(r *registry.Record) { r.DateOfBirth = sesuai.NonMatch + 1 })},
		{"a status that there is not", record(func(r *registry.Record) { r.Status = sesuai.Inactive + 1 })},
		{"compare fails", fail(broken).compare},
		{"compare panics", func(w *world) {
			w.compare = func(context.Context) (registry.Comparison, error) { panic(broken) }
		}},
		{"a comparison without a percentage", comparison(func(c *registry.Comparison) { c.Percentage = sesuai.Percentage{} })},
		{"a percentage of NaN", comparison(func(c *registry.Comparison) { c.Percentage = sesuai.PercentageOf(math.NaN()) })},
		{"a score of NaN", comparison(func(c *registry.Comparison) { c.Score = math.NaN() })},
		{"an infinite score", comparison(func(c *registry.Comparison) { c.Score = math.Inf(1) })},
	} {
		t.Run(tt.about, func(t *testing.T) {
			w := newWorld()
			tt.step(w)
			verdict, err := w.verifier().Verify(t.Context(), request(t))
			if sesuai.KindOf(err) != sesuai.KindUnavailable || verdict != (sesuai.Verdict{}) {
				t.Errorf("got %+v, %v", verdict, err)
			}
			if len(w.events) != 1 || w.events[0].Result != audit.Unavailable || w.events[0].Reason != "UNAVAILABLE" {
				t.Errorf("recorded %+v", w.events)
			}
			if strings.Contains(err.Error(), "9999010101900001") {
				t.Errorf("the cause holds what was asked: %v", err)
			}
		})
	}
}

// When another try makes sense is the registry's to say.
func TestRetryAfter(t *testing.T) {
	w := newWorld()
	w.check = func(context.Context) (registry.Record, error) {
		return registry.Record{}, &sesuai.Error{Kind: sesuai.KindUnavailable, RetryAfter: 7 * time.Second}
	}
	_, err := w.verifier().Verify(t.Context(), request(t))
	if e, ok := errors.AsType[*sesuai.Error](err); !ok || e.RetryAfter != 7*time.Second {
		t.Errorf("got %v", err)
	}
}

// TestRegistryTimeout: the registry has one limit of time for both calls, and
// an answer after it is none.
func TestRegistryTimeout(t *testing.T) {
	hangs := func(w *world) {
		w.check = func(ctx context.Context) (registry.Record, error) {
			<-ctx.Done()
			return registry.Record{}, ctx.Err()
		}
	}
	slow := func(w *world) {
		before := w.compare
		w.compare = func(ctx context.Context) (registry.Comparison, error) {
			time.Sleep(registryTimeout + time.Second) // deaf to ctx
			return before(ctx)
		}
	}
	both := func(w *world) {
		check := w.check
		w.check = func(ctx context.Context) (registry.Record, error) {
			time.Sleep(registryTimeout - time.Second)
			return check(ctx)
		}
		w.compare = func(ctx context.Context) (registry.Comparison, error) {
			<-ctx.Done()
			return registry.Comparison{}, ctx.Err()
		}
	}
	for _, tt := range []struct {
		about string
		step  step
		took  time.Duration
	}{
		{"check hangs", hangs, registryTimeout},
		{"compare does not listen", slow, registryTimeout + time.Second},
		{"both take long", both, registryTimeout},
	} {
		t.Run(tt.about, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				tt.step(w)
				start := time.Now()
				_, err := w.verifier().Verify(t.Context(), request(t))
				if sesuai.KindOf(err) != sesuai.KindUnavailable || !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("got %v", err)
				}
				if took := time.Since(start); took != tt.took {
					t.Errorf("took %v, want %v", took, tt.took)
				}
				if len(w.events) != 1 || w.events[0].Result != audit.Unavailable {
					t.Errorf("recorded %+v", w.events)
				}
			})
		})
	}
}

// TestCallerGone: the registry is told at once, there is no verdict, and what
// was asked of the registry is recorded although the context has ended.
func TestCallerGone(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	w := newWorld()
	w.check = func(ctx context.Context) (registry.Record, error) {
		cancel()
		<-ctx.Done()
		return registry.Record{}, ctx.Err()
	}
	_, err := w.verifier().Verify(ctx, request(t))
	if sesuai.KindOf(err) != sesuai.KindUnavailable || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if got := strings.Join(w.diary, " "); got != "extract check append" || len(w.events) != 1 {
		t.Errorf("asked %q, recorded %+v", got, w.events)
	}
}

// TestAuditFails: what cannot be recorded is not answered, be it a verdict, a
// refusal or a failure.
func TestAuditFails(t *testing.T) {
	full := &sesuai.Error{Kind: sesuai.KindUnavailable, Err: errors.New("disk full")}
	for _, tt := range []struct {
		about string
		step  step
	}{
		{"a verdict", func(*world) {}},
		{"a refusal", func(w *world) { w.extraction.Finding = face.NoFace }},
		{"a failure", func(w *world) {
			w.check = func(context.Context) (registry.Record, error) { return registry.Record{}, errors.New("down") }
		}},
	} {
		t.Run(tt.about, func(t *testing.T) {
			w := newWorld()
			tt.step(w)
			w.appendErr = full
			verdict, err := w.verifier().Verify(t.Context(), request(t))
			if sesuai.KindOf(err) != sesuai.KindUnavailable || verdict != (sesuai.Verdict{}) || !errors.Is(err, full) {
				t.Errorf("got %+v, %v", verdict, err)
			}
		})
	}
	t.Run("it hangs", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld()
			w.appendWait = true
			start := time.Now()
			_, err := w.verifier().Verify(t.Context(), request(t))
			if sesuai.KindOf(err) != sesuai.KindUnavailable || time.Since(start) != auditTimeout {
				t.Errorf("got %v after %v", err, time.Since(start))
			}
		})
	})
}

// TestClientWithoutMarks: a client that nobody gave a threshold is a defect,
// not a reason to pass everybody, and not one to fail them in silence.
func TestClientWithoutMarks(t *testing.T) {
	for _, change := range []func(*verify.Request){
		func(r *verify.Request) { r.Client.Threshold = sesuai.Percentage{} },
		func(r *verify.Request) { r.Client.NameMark = 0 },
		func(r *verify.Request) { r.Client.NameMark = 101 },
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
