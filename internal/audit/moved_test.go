package audit_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/audit/audittest"
	"github.com/sesuai/sesuai/internal/sqldb/sqltest"
)

// TestMoved: what was verified can fall under another threshold, and what failed by the face
// alone can reach it. Nothing else moves.
func TestMoved(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		l := newTrail(t, d)
		since := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
		event := func(client string, reason sesuai.Reason, percentage float64) audit.Event {
			e := audittest.Event(t, 1, "request")
			e.Time, e.Client, e.Reason, e.Percentage, e.Compared = since.Add(time.Hour), client, string(reason), sesuai.PercentageOf(percentage), true
			e.Result = audit.NotVerified
			if reason == sesuai.ReasonVerified {
				e.Result = audit.Verified
			}
			return e
		}
		old := event("a", sesuai.ReasonVerified, 79)
		old.Time = since.Add(-time.Second)
		trial := event("a", sesuai.ReasonVerified, 79)
		trial.Flags = audit.Trial
		trial.Actor = "operator:sari"
		l.record(
			t, old, trial, event("a", sesuai.ReasonVerified, 79.99), event("a", sesuai.ReasonVerified, 80), event("a", sesuai.ReasonVerified, 90),
			event("a", sesuai.ReasonFaceBelowThreshold, 79), event("a", sesuai.ReasonNameDiffers, 95),
			event("b", sesuai.ReasonFaceBelowThreshold, 80), event("b", sesuai.ReasonFaceBelowThreshold, 84.5),
		)
		got, err := l.Moved(t.Context(), since, sesuai.PercentageOf(80))
		want := []audit.Moved{{Client: "a", Verified: 3, Below: 1, ToBelow: 1}, {Client: "b", Below: 2, ToVerified: 2}}
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
	})
}
