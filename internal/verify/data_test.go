package verify_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/registry"
	"github.com/sesuai/sesuai/internal/verify"
)

// newDataWorld is one in which everything that dataRequest claims matches.
func newDataWorld() *world {
	w := newWorld()
	w.ask = func(context.Context) (registry.Answer, error) {
		return registry.Answer{
			Found: true, NameScore: 100, DateOfBirth: sesuai.Match,
			Attributes: map[sesuai.Attribute]registry.Agreement{
				sesuai.Address: {Outcome: sesuai.Match, Score: 90}, sesuai.RT: {Outcome: sesuai.Match, Score: registry.NotScored},
			},
		}, nil
	}
	return w
}

// dataRequest is a synthetic person's, of a client without what only photographs
// need.
func dataRequest(t *testing.T) verify.DataRequest {
	t.Helper()
	r := request(t)
	r.Client.Threshold, r.Client.Replay, r.Client.Liveness = sesuai.Percentage{}, 0, 0
	r.Claim.Attributes = map[sesuai.Attribute]sesuai.Text{
		sesuai.RT: sesuai.NewText("3"), sesuai.Address: sesuai.NewText("JL MELATI 12"),
	}
	return verify.DataRequest{Call: callOf[sesuai.DataVerdict](r.Client), Claim: r.Claim}
}

// outcome changes what the registry answers about the address.
func outcome(o sesuai.Outcome) step {
	return answer(func(a *registry.Answer) {
		a.Attributes[sesuai.Address] = registry.Agreement{Outcome: o, Score: registry.NotScored}
	})
}

// TestDataVerdicts: the registry is asked once, without a probe, and its answer
// decides.
func TestDataVerdicts(t *testing.T) {
	for _, tt := range []struct {
		about  string
		step   step
		reason sesuai.Reason
	}{
		{"everything matches", func(*world) {}, sesuai.ReasonVerified},
		{"the NIK is not on record", answer(func(a *registry.Answer) { *a = registry.Answer{} }), sesuai.ReasonNIKNotFound},
		{"not on record, whatever else is said", answer(func(a *registry.Answer) { a.Found = false }), sesuai.ReasonNIKNotFound},
		{"deceased", answer(func(a *registry.Answer) { a.Status = sesuai.Deceased }), sesuai.ReasonNotActive},
		{"inactive, and neither name nor date was compared", answer(func(a *registry.Answer) {
			a.Status, a.NameScore, a.DateOfBirth = sesuai.Inactive, registry.NotScored, sesuai.NotCompared
		}), sesuai.ReasonNotActive},
		{"the name is under the client's threshold", answer(func(a *registry.Answer) { a.NameScore = 84 }), sesuai.ReasonNameDiffers},
		{"the date differs", answer(func(a *registry.Answer) { a.DateOfBirth = sesuai.NonMatch }), sesuai.ReasonDateDiffers},
		{"an attribute differs", outcome(sesuai.NonMatch), "Address does not match"},
		{"an attribute is not held", outcome(sesuai.NotCompared), "Address is not available on Dukcapil database"},
	} {
		t.Run(tt.about, func(t *testing.T) {
			w := newDataWorld()
			tt.step(w)
			verdict, err := w.verifier().VerifyData(t.Context(), dataRequest(t))
			if err != nil || verdict.Reason != tt.reason || verdict.Verified != (tt.reason == sesuai.ReasonVerified) {
				t.Errorf("got %+v, %v, want %q", verdict, err, tt.reason)
			}
			if got := strings.Join(w.diary, " "); got != "ask append" || w.asked.Probe != nil {
				t.Errorf("asked %q, with the probe %v", got, w.asked.Probe)
			}
			if want := (registry.Caller{Client: "client-1", RequestID: "request-1"}); w.asked.Caller != want {
				t.Errorf("on behalf of %+v, want %+v", w.asked.Caller, want)
			}
			if len(w.events) != 1 || w.events[0].Reason != string(tt.reason) || w.events[0].Endpoint != audit.DataVerification {
				t.Errorf("recorded %+v", w.events)
			}
		})
	}
}

// TestDataEvent: the event has the outcome of each attribute that was claimed.
func TestDataEvent(t *testing.T) {
	w := newDataWorld()
	outcome(sesuai.NonMatch)(w)
	answer(func(a *registry.Answer) { a.Duplicate = true })(w)
	req := dataRequest(t)
	if _, err := w.verifier().VerifyData(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	want := audit.Event{
		Time:       time.Date(2026, time.March, 10, 12, 0, 1, 0, time.UTC),
		RequestID:  "request-1",
		Reference:  "order-7",
		Client:     "client-1",
		NIK:        req.Claim.NIK,
		Result:     audit.NotVerified,
		Reason:     "Address does not match",
		NIKOutcome: sesuai.Match, Name: sesuai.Match, DateOfBirth: sesuai.Match,
		NameScore: 100, NameThreshold: 85, Flags: audit.DuplicateRecord,
		Duration: time.Second,
		Endpoint: audit.DataVerification,
		Attributes: []audit.AttributeOutcome{
			{Attribute: sesuai.NameAttribute, Outcome: sesuai.Match},
			{Attribute: sesuai.DateOfBirthAttribute, Outcome: sesuai.Match},
			{Attribute: sesuai.Address, Outcome: sesuai.NonMatch},
			{Attribute: sesuai.RT, Outcome: sesuai.Match},
		},
	}
	if diff := cmp.Diff([]audit.Event{want}, w.events, cmpopts.EquateComparable(sesuai.Percentage{})); diff != "" {
		t.Errorf("recorded (-want +got):\n%s", diff)
	}
}

// TestOneAttributeAlone: neither a name nor a date has to be claimed.
func TestOneAttributeAlone(t *testing.T) {
	w := newDataWorld()
	answer(func(a *registry.Answer) {
		a.NameScore, a.DateOfBirth = registry.NotScored, sesuai.NotCompared
		delete(a.Attributes, sesuai.RT)
	})(w)
	req := dataRequest(t)
	req.Claim.Name, req.Claim.DateOfBirth = sesuai.Name{}, sesuai.Date{}
	delete(req.Claim.Attributes, sesuai.RT)
	verdict, err := w.verifier().VerifyData(t.Context(), req)
	if err != nil || !verdict.Verified || verdict.Name != sesuai.NotCompared {
		t.Errorf("got %+v, %v", verdict, err)
	}
	if got := w.events[0].Attributes; len(got) != 1 || w.events[0].NameScore != -1 {
		t.Errorf("recorded %+v", w.events)
	}
}

// TestNothingToVerify: a claim of nothing and a client without a threshold are
// defects.
func TestNothingToVerify(t *testing.T) {
	for _, change := range []func(*verify.DataRequest){
		func(r *verify.DataRequest) { r.Claim = sesuai.Claim{NIK: r.Claim.NIK} },
		func(r *verify.DataRequest) {
			r.Claim = sesuai.Claim{NIK: r.Claim.NIK, Attributes: map[sesuai.Attribute]sesuai.Text{"shoe_size": sesuai.NewText("38")}}
		},
		func(r *verify.DataRequest) { r.Client.NameThreshold = 0 },
		func(r *verify.DataRequest) { r.Client.NameThreshold = 101 },
	} {
		w := newDataWorld()
		req := dataRequest(t)
		change(&req)
		if _, err := w.verifier().VerifyData(t.Context(), req); sesuai.KindOf(err) != sesuai.KindInternal || len(w.diary) != 0 {
			t.Errorf("got %v, asked %q", err, w.diary)
		}
	}
}
