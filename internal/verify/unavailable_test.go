package verify_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/registry"
)

// asking is a use case that asks the registry: a face verification or a data
// verification.
type asking struct {
	name  string
	world func() *world
	// verify makes the verification, and reports whether there is anything in its
	// verdict.
	verify func(ctx context.Context, t *testing.T, w *world) (answered bool, err error)
	// attributes is how many attributes its event names.
	attributes int
}

var askings = []asking{
	{"face", newWorld, func(ctx context.Context, t *testing.T, w *world) (bool, error) {
		verdict, err := w.verifier().Verify(ctx, request(t))
		return verdict != sesuai.Verdict{}, err
	}, 0},
	{"data", newDataWorld, func(ctx context.Context, t *testing.T, w *world) (bool, error) {
		verdict, err := w.verifier().VerifyData(ctx, dataRequest(t))
		return verdict.Verified || verdict.Reason != "" || verdict.Attributes != nil, err
	}, 4},
}

// forBoth runs a test of each of the two.
func forBoth(t *testing.T, test func(t *testing.T, a asking)) {
	for _, a := range askings {
		t.Run(a.name, func(t *testing.T) { test(t, a) })
	}
}

// hang makes the registry wait until its context ends.
func hang(w *world) {
	w.ask = func(ctx context.Context) (registry.Answer, error) {
		<-ctx.Done()
		return registry.Answer{}, ctx.Err()
	}
}

// TestUnavailable: whatever goes wrong with the registry, there is no verdict,
// and there is an event.
func TestUnavailable(t *testing.T) {
	broken := errors.New("broken")
	fail := func(err error) step {
		return func(w *world) {
			w.ask = func(context.Context) (registry.Answer, error) { return registry.Answer{}, err }
		}
	}
	var nothing map[string]int
	for _, tt := range []struct {
		about string
		step  step
		only  string // one of the two; empty for both
	}{
		{"it fails without a kind", fail(broken), ""},
		{"it fails", fail(&sesuai.Error{Kind: sesuai.KindUnavailable, Err: broken}), ""},
		{"it fails with a kind of its own", fail(&sesuai.Error{Kind: sesuai.KindInvalidNIK}), ""},
		{"it cannot use a photograph, which there is not", fail(&sesuai.Error{Kind: sesuai.KindInvalidImage}), "data"},
		{"it fails and yet answers", func(w *world) {
			before := w.ask
			w.ask = func(ctx context.Context) (registry.Answer, error) { a, _ := before(ctx); return a, broken }
		}, ""},
		{"it panics", func(w *world) {
			w.ask = func(context.Context) (registry.Answer, error) { panic("9999010101900001") }
		}, ""},
		{"it panics with an error", func(w *world) {
			w.ask = func(context.Context) (registry.Answer, error) { panic(broken) }
		}, ""},
		{"it has a bug", func(w *world) {
			w.ask = func(context.Context) (registry.Answer, error) { nothing["a"]++; return registry.Answer{}, nil }
		}, ""},
		{"a name score below the scale", answer(func(r *registry.Answer) { r.NameScore = -1 }), ""},
		{"a name score beyond the scale", answer(func(r *registry.Answer) { r.NameScore = 101 }), ""},
		{"no outcome for the date", answer(func(r *registry.Answer) { r.DateOfBirth = sesuai.NotCompared }), ""},
		{"an outcome that there is not", answer(func(r *registry.Answer) { r.DateOfBirth = sesuai.NonMatch + 1 }), ""},
		{"a status that there is not", answer(func(r *registry.Answer) { r.Status = sesuai.Inactive + 1 }), ""},
		{"no name score of an active person", answer(func(r *registry.Answer) {
			r.NameScore, r.DateOfBirth = registry.NotScored, sesuai.NotCompared
		}), ""},
		{"a comparison without a percentage", comparison(func(c *registry.Comparison) { c.Percentage = sesuai.Percentage{} }), "face"},
		{"a percentage of NaN", comparison(func(c *registry.Comparison) { c.Percentage = sesuai.PercentageOf(math.NaN()) }), "face"},
		{"a score of NaN", comparison(func(c *registry.Comparison) { c.Score = math.NaN() }), "face"},
		{"an infinite score", comparison(func(c *registry.Comparison) { c.Score = math.Inf(1) }), "face"},
		{"an attribute is missing", answer(func(a *registry.Answer) { delete(a.Attributes, sesuai.RT) }), "data"},
		{"an attribute is missing of somebody who has died", answer(func(a *registry.Answer) {
			*a = registry.Answer{Found: true, Status: sesuai.Deceased, NameScore: registry.NotScored}
		}), "data"},
		{"an attribute is answered that was not claimed", answer(func(a *registry.Answer) {
			a.Attributes = map[sesuai.Attribute]registry.Agreement{
				sesuai.Address: {}, sesuai.RT: {}, sesuai.RW: {Outcome: sesuai.Match},
			}
		}), ""},
		{"an attribute's outcome that there is not", outcome(sesuai.NonMatch + 1), "data"},
	} {
		t.Run(tt.about, func(t *testing.T) {
			forBoth(t, func(t *testing.T, a asking) {
				if tt.only != "" && tt.only != a.name {
					return
				}
				w := a.world()
				tt.step(w)
				answered, err := a.verify(t.Context(), t, w)
				if sesuai.KindOf(err) != sesuai.KindUnavailable || answered {
					t.Fatalf("answered %t, %v", answered, err)
				}
				if len(w.events) != 1 || w.events[0].Result != audit.Unavailable || w.events[0].Reason != "UNAVAILABLE" || len(w.events[0].Attributes) != a.attributes {
					t.Errorf("recorded %+v", w.events)
				}
				if strings.Contains(err.Error(), "9999010101900001") {
					t.Errorf("the cause holds what was asked: %v", err)
				}
			})
		})
	}
}

// TestUnclaimedName: a name that was not claimed and is compared is no answer to the
// question.
func TestUnclaimedName(t *testing.T) {
	w := newDataWorld()
	req := dataRequest(t)
	req.Claim.Name = sesuai.Name{}
	if _, err := w.verifier().VerifyData(t.Context(), req); sesuai.KindOf(err) != sesuai.KindUnavailable {
		t.Errorf("got %v", err)
	}
}

// TestRetryAfter: the registry says when to try again.
func TestRetryAfter(t *testing.T) {
	forBoth(t, func(t *testing.T, a asking) {
		w := a.world()
		w.ask = func(context.Context) (registry.Answer, error) {
			return registry.Answer{}, &sesuai.Error{Kind: sesuai.KindUnavailable, RetryAfter: 7 * time.Second}
		}
		_, err := a.verify(t.Context(), t, w)
		if e, ok := errors.AsType[*sesuai.Error](err); !ok || e.RetryAfter != 7*time.Second {
			t.Errorf("got %v", err)
		}
	})
}

// TestTimes: neither a registry nor a trail that hangs is waited for too long, and
// what ends late does not count.
func TestTimes(t *testing.T) {
	for _, tt := range []struct {
		about  string
		step   step
		took   time.Duration
		events int
	}{
		{"the registry hangs", hang, registryTimeout, 1},
		{"the registry ignores its context", func(w *world) {
			before := w.ask
			w.ask = func(ctx context.Context) (registry.Answer, error) {
				time.Sleep(registryTimeout + time.Second)
				return before(ctx)
			}
		}, registryTimeout + time.Second, 1},
		{"the trail hangs", func(w *world) { w.appendWait = true }, auditTimeout, 0},
	} {
		t.Run(tt.about, func(t *testing.T) {
			forBoth(t, func(t *testing.T, a asking) {
				synctest.Test(t, func(t *testing.T) {
					w := a.world()
					tt.step(w)
					start := time.Now()
					answered, err := a.verify(t.Context(), t, w)
					if sesuai.KindOf(err) != sesuai.KindUnavailable || !errors.Is(err, context.DeadlineExceeded) || answered {
						t.Errorf("answered %t, %v", answered, err)
					}
					if took := time.Since(start); took != tt.took {
						t.Errorf("took %v, want %v", took, tt.took)
					}
					if len(w.events) != tt.events || tt.events > 0 && w.events[0].Result != audit.Unavailable {
						t.Errorf("recorded %+v", w.events)
					}
				})
			})
		})
	}
}

// TestCallerGone: the registry's context ends at once, there is no verdict, and
// the event is recorded although the caller's context has ended. The answer of a
// registry that does not notice does not count.
func TestCallerGone(t *testing.T) {
	for about, step := range map[string]step{"it notices": hang, "it answers": func(*world) {}} {
		t.Run(about, func(t *testing.T) {
			forBoth(t, func(t *testing.T, a asking) {
				ctx, cancel := context.WithCancel(t.Context())
				w := a.world()
				step(w)
				before := w.ask
				w.ask = func(ctx context.Context) (registry.Answer, error) {
					cancel()
					return before(ctx)
				}
				answered, err := a.verify(ctx, t, w)
				if sesuai.KindOf(err) != sesuai.KindUnavailable || !errors.Is(err, context.Canceled) || answered {
					t.Errorf("answered %t, %v", answered, err)
				}
				if got := strings.Join(w.diary, " "); !strings.HasSuffix(got, "ask append") || len(w.events) != 1 || w.events[0].Result != audit.Unavailable {
					t.Errorf("asked %q, recorded %+v", got, w.events)
				}
			})
		})
	}
}

// TestAuditFails: what cannot be recorded is not answered, be it a verdict, a
// refusal or a failure.
func TestAuditFails(t *testing.T) {
	full := &sesuai.Error{Kind: sesuai.KindUnavailable, Err: errors.New("disk full"), RetryAfter: time.Second}
	for _, tt := range []struct {
		about string
		step  step
		only  string // one of the two; empty for both
	}{
		{"a verdict", func(*world) {}, ""},
		{"a refusal", func(w *world) { w.extraction.Finding = face.NoFace }, "face"},
		{"a failure", func(w *world) {
			w.ask = func(context.Context) (registry.Answer, error) { return registry.Answer{}, errors.New("down") }
		}, ""},
	} {
		t.Run(tt.about, func(t *testing.T) {
			forBoth(t, func(t *testing.T, a asking) {
				if tt.only != "" && tt.only != a.name {
					return
				}
				w := a.world()
				tt.step(w)
				w.appendErr = full
				answered, err := a.verify(t.Context(), t, w)
				e, _ := errors.AsType[*sesuai.Error](err)
				if sesuai.KindOf(err) != sesuai.KindUnavailable || answered || !errors.Is(err, full) || e.RetryAfter != time.Second {
					t.Errorf("answered %t, %v", answered, err)
				}
			})
		})
	}
}
