package verify_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/registry"
)

// TestDisclosure: what the client is told depends on the misses that were known when the
// event was recorded, and on its setting. The stored answer is what it was told. The
// event is exact, and has the flag if the client was told less.
func TestDisclosure(t *testing.T) {
	under := comparison(func(c *registry.Comparison) { c.Percentage = sesuai.PercentageOf(42.04) })
	otherDate := answer(func(r *registry.Answer) { r.DateOfBirth = sesuai.NonMatch })
	of := sesuai.PercentageOf
	const exact, tens, none = sesuai.PrecisionExact, sesuai.PrecisionTens, sesuai.PrecisionNone
	for _, tt := range []struct {
		about     string
		steps     []step
		misses    int
		precision sesuai.Precision
		reason    sesuai.Reason
		date      sesuai.Outcome
		face      sesuai.Percentage
	}{
		{"verified", nil, 20, none, sesuai.ReasonVerified, sesuai.Match, of(82.04)},
		{"third miss", []step{under}, 2, exact, sesuai.ReasonFaceBelowThreshold, sesuai.Match, of(42.04)},
		{"fourth miss", []step{under}, 3, exact, sesuai.ReasonFaceBelowThreshold, sesuai.NotCompared, of(40)},
		{"tenth miss", []step{under}, 9, exact, sesuai.ReasonFaceBelowThreshold, sesuai.NotCompared, of(40)},
		{"eleventh miss", []step{under}, 10, exact, sesuai.ReasonFaceBelowThreshold, sesuai.NotCompared, of(0)},
		{"third miss, another date", []step{otherDate}, 2, exact, sesuai.ReasonDateDiffers, sesuai.NonMatch, of(82.04)},
		{"fourth miss, another date", []step{otherDate}, 3, exact, sesuai.ReasonDataDiffers, sesuai.NotCompared, of(75)},
		{"fourth miss, another date and face", []step{otherDate, under}, 3, exact, sesuai.ReasonFaceBelowThreshold, sesuai.NotCompared, of(40)},
		{"first miss, in tens", []step{under}, 0, tens, sesuai.ReasonFaceBelowThreshold, sesuai.Match, of(40)},
		{"first miss, without percentages", []step{under}, 0, none, sesuai.ReasonFaceBelowThreshold, sesuai.Match, of(0)},
	} {
		for _, replay := range []access.Policy{access.Off, access.Log} {
			t.Run(fmt.Sprint(tt.about, ", replay ", replay), func(t *testing.T) {
				w := newWorld()
				for _, s := range tt.steps {
					s(w)
				}
				req := request(t)
				req.Client.Replay = replay
				if _, err := w.verifier().Verify(t.Context(), req); err != nil {
					t.Fatal(err)
				}
				w.prior.Misses, req.Client.Precision = tt.misses, tt.precision
				told, err := w.verifier().Verify(t.Context(), req)
				if err != nil {
					t.Fatal(err)
				}
				if told.Reason != tt.reason || told.DateOfBirth != tt.date || told.Face != tt.face {
					t.Errorf("told %+v", told)
				}
				if len(w.stored) != 2 || w.stored[1] != fmt.Sprint(told) {
					t.Errorf("stored %q, told %v", w.stored, told)
				}
				want, got := w.events[0], w.events[1]
				if less := w.stored[0] != w.stored[1]; less {
					want.Flags |= audit.CoarseAnswer
				}
				want.Time = got.Time
				if diff := cmp.Diff(fmt.Sprintf("%+v", want), fmt.Sprintf("%+v", got)); diff != "" {
					t.Errorf("the event is not the exact one with its flag (-want +got):\n%s", diff)
				}
			})
		}
	}
}

// TestDataDisclosure is TestDisclosure for data.
func TestDataDisclosure(t *testing.T) {
	for _, tt := range []struct {
		about  string
		score  int
		misses int
		reason sesuai.Reason
		date   sesuai.Outcome
		less   bool
	}{
		{"verified", 100, 20, sesuai.ReasonVerified, sesuai.Match, false},
		{"third miss", 40, 2, sesuai.ReasonNameDiffers, sesuai.Match, false},
		{"fourth miss", 40, 3, sesuai.ReasonDataDiffers, sesuai.NotCompared, true},
	} {
		t.Run(tt.about, func(t *testing.T) {
			w := newWorld()
			answer(func(r *registry.Answer) { r.NameScore, r.Face = tt.score, registry.Comparison{} })(w)
			w.prior.Misses = tt.misses
			req := dataRequest(t)
			req.Claim.Attributes = nil
			told, err := w.verifier().VerifyData(t.Context(), req)
			if err != nil {
				t.Fatal(err)
			}
			if told.Reason != tt.reason || told.DateOfBirth != tt.date || told.Name == sesuai.NonMatch && tt.less {
				t.Errorf("told %+v", told)
			}
			if len(w.stored) != 1 || w.stored[0] != fmt.Sprint(told) {
				t.Errorf("stored %q, told %v", w.stored, told)
			}
			e := w.events[0]
			if e.Flags.Has(audit.CoarseAnswer) != tt.less || e.DateOfBirth != sesuai.Match || (e.Name == sesuai.Match) != (tt.score == 100) {
				t.Errorf("recorded %+v", e)
			}
		})
	}
}
