package console_test

import (
	"regexp"
	"testing"
	"time"

	"github.com/sesuai/sesuai/internal/audit"
)

// TestLive: the search page counts what was answered in the last hour and the last day.
func TestLive(t *testing.T) {
	w := open(t)
	b := w.signIn(t, "support")
	if page := b.get("/verifications"); regexp.MustCompile(`in the last hour`).MatchString(page.text) {
		t.Error("events of last year are counted")
	}
	var events []audit.Event
	for n, ago := range []time.Duration{20 * time.Hour, 2 * time.Hour, 30 * time.Minute, time.Minute} {
		e := event(t, n, "live", []float64{90, 60, 60, 90}[n])
		e.Time = w.now.Add(-ago)
		events = append(events, e)
	}
	w.append(t, w.db, events...)
	page := b.get("/verifications")
	if !regexp.MustCompile(`verified</th><th [^>]*>not verified</th></tr></thead>\s*<tbody>\s*` +
		`<tr><th scope="row">in the last hour</th><td class="number">1</td><td class="number">1</td></tr>\s*` +
		`<tr><th scope="row">in the last day</th><td class="number">2</td><td class="number">2</td></tr>`).MatchString(page.text) {
		t.Errorf("the page has other counts: %s", page.text)
	}
}
