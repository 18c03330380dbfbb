package verify_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access/limit"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/policy"
	"github.com/sesuai/sesuai/internal/verify"
)

// trialOf is a trial of the claim and the photograph of request.
func trialOf(t *testing.T) verify.Trial {
	r := request(t)
	return verify.Trial{Actor: "operator:sari", Claim: r.Claim, Photo: r.Photo}
}

// TestTry: a trial leaves one event that says so, is exact, and is counted nowhere. It is
// flagged for its liveness and not refused.
func TestTry(t *testing.T) {
	w := newWorld()
	w.live, w.prior = true, limit.Prior{Misses: 100}
	w.extraction.Liveness = face.Liveness{Known: true, Score: 0.25}
	o := w.options()
	o.Limits = refusing{}
	o.Disclosure = policy.DefaultDisclosure()
	e, err := verify.New(o).Try(t.Context(), trialOf(t))
	if err != nil || len(w.events) != 1 || len(w.stored) != 0 || slices.Contains(w.diary, "remember") {
		t.Fatalf("%v; %d events, %d answers, %v", err, len(w.events), len(w.stored), w.diary)
	}
	want := w.events[0]
	if e.RequestID != want.RequestID || e.Percentage != want.Percentage || e.Duration != want.Duration {
		t.Errorf("the event is %+v, and was recorded as %+v", e, want)
	}
	if e.Flags != audit.Trial|audit.SuspectedPresentationAttack || e.Actor != "operator:sari" || e.Client != verify.TrialClient ||
		e.Result != audit.Verified || e.Threshold != sesuai.PercentageOf(75) || e.NameThreshold != 85 || e.Percentage != sesuai.PercentageOf(82.04) {
		t.Errorf("the event is %+v", e)
	}
}

// refusing are Limits that refuse everything.
type refusing struct{ verify.Limits }

// TestTryRefused: a refusal of the photograph is an event, and not an error. There is no
// event without a recorded one.
func TestTryRefused(t *testing.T) {
	w := newWorld()
	w.live, w.extractErr = true, &sesuai.Error{Kind: sesuai.KindFaceQuality, Measures: []string{"sharpness"}}
	e, err := w.verifier().Try(t.Context(), trialOf(t))
	if err != nil || e.Result != audit.Refused || !slices.Equal(e.Measures, []string{"sharpness"}) || e.Flags != audit.Trial || e.Actor != "operator:sari" {
		t.Errorf("%+v, %v", e, err)
	}
	w = newWorld()
	w.live, w.appendErr = true, &sesuai.Error{Kind: sesuai.KindUnavailable, Err: errors.New("full")}
	if e, err := w.verifier().Try(t.Context(), trialOf(t)); sesuai.KindOf(err) != sesuai.KindUnavailable || e.Result != "" {
		t.Errorf("%+v, %v", e, err)
	}
}
