package audit_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/sqldb/sqltest"
)

// TestRecordConfiguration: each configuration that differs from the last one is one event,
// however many nodes start with it. The event has its keyed hash and nothing of its text.
func TestRecordConfiguration(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		l := newTrail(t, d)
		for i, c := range []string{"password: one", "password: two", "password: one"} {
			var nodes sync.WaitGroup
			results := make(chan bool, 4)
			for range cap(results) {
				nodes.Go(func() {
					changed, err := l.RecordConfiguration(t.Context(), []byte(c))
					if err != nil {
						t.Error(err)
					}
					results <- changed
				})
			}
			nodes.Wait()
			close(results)
			n := 0
			for changed := range results {
				if changed {
					n++
				}
			}
			if n != 1 {
				t.Errorf("configuration %d: %d nodes recorded it, want 1", i, n)
			}
		}
		events, err := l.Events(t.Context(), audit.Filter{})
		if err != nil || len(events) != 3 {
			t.Fatalf("%d events, %v; want 3", len(events), err)
		}
		// The last one is the first.
		if events[0].After != events[2].After || events[0].Before != events[1].After || events[0].After == events[1].After {
			t.Error("the hashes are not those of the configurations")
		}
		for _, e := range events {
			if e.Action != audit.ConfigurationChanged {
				t.Errorf("event %d is %s", e.Seq, e.Action)
			}
			if text := fmt.Sprintf("%+v", e); strings.Contains(text, "password") {
				t.Errorf("event %d has the text of the configuration", e.Seq)
			}
		}
		l.assertLength(t, 3)
	})
}
