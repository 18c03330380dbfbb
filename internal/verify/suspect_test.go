package verify_test

import (
	"errors"
	"math"
	"strings"
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

var (
	sentBefore = func(w *world) { w.seen = true }
	reference  = comparison(func(c *registry.Comparison) { c.SamePhotograph = true })
)

// TestReplay: what is flagged and what is refused, by the client's policy.
func TestReplay(t *testing.T) {
	differs := answer(func(r *registry.Answer) { r.NameScore, r.DateOfBirth = 0, sesuai.NonMatch })
	unlike := comparison(func(c *registry.Comparison) { c.Percentage = sesuai.PercentageOf(1) })
	absent := answer(func(r *registry.Answer) { *r = registry.Answer{} })
	dead := answer(func(r *registry.Answer) { r.Status = sesuai.Deceased })
	for _, tt := range []struct {
		about   string
		policy  access.Policy
		steps   []step
		flagged bool
		reason  sesuai.Reason // none: refused
	}{
		{"new, logged", access.Log, nil, false, sesuai.ReasonVerified},
		{"new, enforced", access.Enforce, nil, false, sesuai.ReasonVerified},
		{"sent before, not looked for", access.Off, []step{sentBefore}, false, sesuai.ReasonVerified},
		{"sent before, logged", access.Log, []step{sentBefore}, true, sesuai.ReasonVerified},
		{"sent before, enforced", access.Enforce, []step{sentBefore}, true, ""},
		{"the reference, not looked for", access.Off, []step{reference}, false, sesuai.ReasonVerified},
		{"the reference, logged", access.Log, []step{reference}, true, sesuai.ReasonVerified},
		{"the reference, enforced", access.Enforce, []step{reference}, true, ""},
		{"both", access.Enforce, []step{reference, sentBefore}, true, ""},
		// The refusal tells nothing of name, date and face.
		{"sent before, and name and date differ", access.Enforce, []step{sentBefore, differs}, true, ""},
		{"sent before, and the face is another", access.Enforce, []step{sentBefore, unlike}, true, ""},
		{"sent before, name and date differ, logged", access.Log, []step{sentBefore, differs}, true, sesuai.ReasonNameDiffers},
		// Without a comparison there is nothing to replay.
		{"not on record", access.Enforce, []step{sentBefore, absent}, false, sesuai.ReasonNIKNotFound},
		{"not active", access.Enforce, []step{sentBefore, dead}, false, sesuai.ReasonNotActive},
	} {
		t.Run(tt.about, func(t *testing.T) {
			w := newWorld()
			for _, s := range tt.steps {
				s(w)
			}
			req := request(t)
			req.Client.Replay = tt.policy
			verdict, err := w.verifier().Verify(t.Context(), req)
			if tt.reason == "" {
				if sesuai.KindOf(err) != sesuai.KindSuspectedReplay || verdict != (sesuai.Verdict{}) {
					t.Errorf("got %+v, %v", verdict, err)
				}
			} else if err != nil || verdict.Reason != tt.reason {
				t.Errorf("got %+v, %v, want %q", verdict, err, tt.reason)
			}
			if len(w.events) != 1 {
				t.Fatalf("recorded %+v", w.events)
			}
			e := w.events[0]
			if e.Flags.Has(audit.SuspectedReplay) != tt.flagged {
				t.Errorf("flags %q", e.Flags)
			}
			if tt.reason == "" && (e.Result != audit.Refused || e.Reason != "SUSPECTED_REPLAY" ||
				e.Name != sesuai.NotCompared || e.Percentage.Known()) {
				t.Errorf("recorded %+v", e)
			}
			if remembered := strings.Contains(strings.Join(w.diary, " "), "remember"); remembered &&
				(tt.policy == access.Off || tt.reason == sesuai.ReasonNIKNotFound || tt.reason == sesuai.ReasonNotActive) {
				t.Error("a probe was remembered that should not be")
			}
		})
	}
}

// The memory is told what the photograph is known by, and who sent it when.
func TestProbeIsRemembered(t *testing.T) {
	w := newWorld()
	req := request(t)
	if _, err := w.verifier().Verify(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	want := replay.Probe{
		Signature: face.Signature{File: [32]byte{1}}, Request: replay.RequestOf("client-1", "request-1", req.Claim, [32]byte{1}),
		At:     time.Date(2026, time.March, 10, 12, 0, 1, 0, time.UTC).UnixMicro(),
		Result: replay.Verified,
	}
	if w.sent != want || w.asked.Probe.Signature != want.Signature {
		t.Error("the memory or the registry was told of another probe")
	}
}

// TestSameTime: the photograph of an unknown NIK is recorded like one that is
// remembered if the options say so, and the event and the verdict are the same.
func TestSameTime(t *testing.T) {
	unknown := answer(func(r *registry.Answer) { *r = registry.Answer{} })
	noPortrait := comparison(func(c *registry.Comparison) { *c = registry.Comparison{} })
	for _, tt := range []struct {
		about    string
		step     step
		policy   access.Policy
		sameTime bool
		want     string
	}{
		{"unknown", unknown, access.Enforce, true, "remember"},
		{"unknown, elsewhere on record", unknown, access.Enforce, false, "append"},
		{"unknown, nothing remembered", unknown, access.Off, true, "append"},
		{"no portrait", noPortrait, access.Enforce, true, "append"},
	} {
		w := newWorld()
		tt.step(w)
		o := w.options()
		o.SameTime = tt.sameTime
		req := request(t)
		req.Client.Replay = tt.policy
		v, err := verify.New(o).Verify(t.Context(), req)
		if err != nil || v.Verified || w.diary[len(w.diary)-1] != tt.want {
			t.Errorf("%s: %v, %v: %v", tt.about, v, err, w.diary)
		}
		if e := w.events[len(w.events)-1]; e.ReplayChecked || e.Result != audit.NotVerified || e.Reason != string(v.Reason) {
			t.Errorf("%s: the event is %s for %s, replay checked %t", tt.about, e.Result, e.Reason, e.ReplayChecked)
		}
	}
}

// TestResultIsRemembered: the memory is told whether the face matched and whether
// the person was verified, also where the probe is refused as a replay.
func TestResultIsRemembered(t *testing.T) {
	otherName := answer(func(r *registry.Answer) { r.NameScore = 0 })
	otherDate := answer(func(r *registry.Answer) { r.DateOfBirth = sesuai.NonMatch })
	unlike := comparison(func(c *registry.Comparison) { c.Percentage = sesuai.PercentageOf(74.99) })
	for _, tt := range []struct {
		about string
		steps []step
		want  replay.Result
	}{
		{"verified", nil, replay.Verified},
		{"another name", []step{otherName}, replay.Match},
		{"another date", []step{otherDate}, replay.Match},
		{"another face", []step{unlike}, replay.NonMatch},
		{"another name and face", []step{otherName, unlike}, replay.NonMatch},
		{"the reference's photograph", []step{reference}, replay.NonMatch},
		{"sent before", []step{sentBefore}, replay.Verified}, // the memory knows better
	} {
		w := newWorld()
		for _, s := range tt.steps {
			s(w)
		}
		req := request(t)
		req.Client.Replay = access.Enforce
		_, _ = w.verifier().Verify(t.Context(), req)
		if w.sent.Result != tt.want || w.sent.Signature.File == [32]byte{} {
			t.Errorf("%s: remembered with result %v, want %v", tt.about, w.sent.Result, tt.want)
		}
	}
}

// TestMemoryFails: without it there is no verdict, whatever the registry says, and
// there is an event.
func TestMemoryFails(t *testing.T) {
	for _, policy := range []access.Policy{access.Log, access.Enforce} {
		w := newWorld()
		reference(w)
		w.damaged = errors.New("the record is damaged")
		req := request(t)
		req.Client.Replay = policy
		verdict, err := w.verifier().Verify(t.Context(), req)
		if sesuai.KindOf(err) != sesuai.KindUnavailable || verdict != (sesuai.Verdict{}) || !errors.Is(err, w.damaged) {
			t.Errorf("got %+v, %v", verdict, err)
		}
		if len(w.events) != 1 || w.events[0].Result != audit.Unavailable || w.events[0].Reason != "UNAVAILABLE" ||
			w.events[0].ReplayChecked || w.events[0].Flags != 0 || w.events[0].Compared {
			t.Errorf("recorded %+v", w.events)
		}
		if w.sent.Signature.File != [32]byte{} {
			t.Error("the probe is remembered")
		}
	}
}

// TestLiveness: under the threshold it is flagged, and refused by the policy;
// it never changes the verdict otherwise.
func TestLiveness(t *testing.T) {
	known := func(score float64) face.Liveness { return face.Liveness{Known: true, Score: score} }
	for _, tt := range []struct {
		about    string
		policy   access.Policy
		liveness face.Liveness
		flagged  bool
		kind     sesuai.Kind
		diary    string
	}{
		{"off", access.Off, face.Liveness{}, false, "", "extract ask remember"},
		{"live, logged", access.Log, known(0.9), false, "", "extract ask remember"},
		{"at the threshold", access.Enforce, known(0.6), false, "", "extract ask remember"},
		{"under it, logged", access.Log, known(0.59), true, "", "extract ask remember"},
		{"under it, enforced", access.Enforce, known(0.59), true, sesuai.KindSuspectedAttack, "extract append"},
		{"not a number, enforced", access.Enforce, known(math.NaN()), true, sesuai.KindSuspectedAttack, "extract append"},
		{"not known, logged", access.Log, face.Liveness{}, false, "", "extract ask remember"},
		{"not known, enforced", access.Enforce, face.Liveness{}, false, sesuai.KindUnavailable, "extract append"},
	} {
		t.Run(tt.about, func(t *testing.T) {
			w := newWorld()
			w.live = tt.policy != access.Off
			w.extraction.Liveness = tt.liveness
			req := request(t)
			req.Client.Liveness = tt.policy
			verdict, err := w.verifier().Verify(t.Context(), req)
			if sesuai.KindOf(err) != tt.kind || verdict.Verified != (tt.kind == "") {
				t.Errorf("got %+v, %v", verdict, err)
			}
			if got := strings.Join(w.diary, " "); got != tt.diary {
				t.Errorf("asked %q, want %q", got, tt.diary)
			}
			if len(w.events) != 1 {
				t.Fatalf("recorded %+v", w.events)
			}
			e := w.events[0]
			if e.Flags.Has(audit.SuspectedPresentationAttack) != tt.flagged || e.LivenessKnown != tt.liveness.Known ||
				!math.IsNaN(e.Liveness) && e.Liveness != tt.liveness.Score || e.LivenessKnown != (e.LivenessThreshold > 0) {
				t.Errorf("recorded %+v", e)
			}
			if tt.kind != "" && e.Reason != string(tt.kind) {
				t.Errorf("recorded %+v", e)
			}
		})
	}
}
