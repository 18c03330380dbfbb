package console_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/audit"
)

// TestAccuracy: the page says what a threshold means, and what another one would have made of
// the verifications of the last 30 days.
func TestAccuracy(t *testing.T) {
	w := open(t)
	var events []audit.Event
	for n, percentage := range []float64{78, 82, 60, 70} {
		e := event(t, n, "moved", percentage)
		e.Time, e.Client = w.now.Add(-24*time.Hour), "cli_bank"
		if percentage < 75 {
			e.Reason = string(sesuai.ReasonFaceBelowThreshold)
		}
		events = append(events, e)
	}
	old := events[0]
	old.Time = w.now.Add(-31 * 24 * time.Hour)
	w.append(t, w.db, append(events, old)...)
	b := w.signIn(t, "auditor")
	for path, wanted := range map[string]string{
		"/accuracy":                `<td class="number">2</td><td class="number">0</td><td class="number">2</td><td class="number">0</td>`,
		"/accuracy?threshold=80.5": `<td class="number">2</td><td class="number">1</td><td class="number">2</td><td class="number">0</td>`,
	} {
		page := b.get(path)
		for _, text := range []string{wanted, "asia-2026-11b", "about 100 reach this", "East and South-East Asian public figures"} {
			if page.status != 200 || !strings.Contains(page.text, text) {
				t.Errorf("%s: %d, there is no %s in %s", path, page.status, text, page.text)
			}
		}
	}
	for _, threshold := range []string{"74.9", "95.1", "NaN", "x", "1e400", "-1"} {
		if page := b.get("/accuracy?threshold=" + threshold); page.status != 400 || strings.Contains(page.text, threshold) && threshold != "x" && threshold != "-1" {
			t.Errorf("%s: %d", threshold, page.status)
		}
	}
}
