package verify_test

import (
	"context"
	"testing"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/registry"
)

// TestRegistryRefusesPhotograph: a registry with a matcher of its own may not be
// able to use the photograph. That is answered as such, and recorded.
func TestRegistryRefusesPhotograph(t *testing.T) {
	w := newWorld()
	w.ask = func(context.Context) (registry.Answer, error) {
		return registry.Answer{}, &sesuai.Error{Kind: sesuai.KindInvalidImage}
	}
	verdict, err := w.verifier().Verify(t.Context(), request(t))
	if sesuai.KindOf(err) != sesuai.KindInvalidImage || verdict != (sesuai.Verdict{}) {
		t.Errorf("got %+v, %v", verdict, err)
	}
	if len(w.events) != 1 || w.events[0].Result != audit.Refused || w.events[0].Reason != "INVALID_IMAGE" {
		t.Errorf("recorded %+v", w.events)
	}
}

// TestFlags: what a registry finds suspicious is recorded, and changes no verdict.
func TestFlags(t *testing.T) {
	w := newWorld()
	answer(func(a *registry.Answer) { a.Duplicate, a.Face.Suspect = true, true })(w)
	verdict, err := w.verifier().Verify(t.Context(), request(t))
	if err != nil || !verdict.Verified {
		t.Errorf("got %+v, %v", verdict, err)
	}
	if got := w.events[0].Flags.String(); got != "SCORE_TOO_HIGH DUPLICATE_RECORD" {
		t.Errorf("flags %q", got)
	}
}

// TestQuestion: the registry is asked once, on behalf of the caller, about the
// claim and the face.
func TestQuestion(t *testing.T) {
	w := newWorld()
	req := request(t)
	if _, err := w.verifier().Verify(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	if want := (registry.Caller{Client: "client-1", RequestID: "request-1"}); w.asked.Caller != want {
		t.Errorf("on behalf of %+v, want %+v", w.asked.Caller, want)
	}
	if c := w.asked.Claim; !c.NIK.Equal(req.Claim.NIK) || !c.Name.Equal(req.Claim.Name) || !c.DateOfBirth.Equal(req.Claim.DateOfBirth) {
		t.Error("it was asked about another claim")
	}
	if w.asked.Probe == nil || w.asked.Probe.Template.Model != "fake-model" {
		t.Errorf("it was asked about another probe: %v", w.asked.Probe)
	}
}

// TestAnswersThatDoNotCount: the face of a person who is not active, and anything
// about a person who is not on record, is ignored.
func TestAnswersThatDoNotCount(t *testing.T) {
	for _, change := range []func(*registry.Answer){
		func(a *registry.Answer) { a.Found = false },
		func(a *registry.Answer) { a.Status = sesuai.Deceased },
	} {
		w := newWorld()
		answer(change)(w)
		verdict, err := w.verifier().Verify(t.Context(), request(t))
		if err != nil || verdict.Verified || w.events[0].Compared {
			t.Errorf("got %+v, %v; recorded %+v", verdict, err, w.events)
		}
	}
}
