package audit_test

import (
	"testing"
	"time"

	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/sqldb/sqltest"
)

// TestLastBackup: the last backup counts, whatever else was recorded since.
func TestLastBackup(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		l := newTrail(t, d)
		if at, err := l.LastBackup(t.Context()); err != nil || at.Unix() != 0 {
			t.Errorf("without a backup: %s, %v", at, err)
		}
		for _, a := range []audit.Action{audit.BackedUp, audit.BackedUp, audit.TrailExported} {
			if err := l.Record(t.Context(), audit.Change{Action: a}); err != nil {
				t.Fatal(err)
			}
		}
		events, err := l.Events(t.Context(), audit.Filter{Reason: string(audit.BackedUp)})
		if err != nil || len(events) != 2 {
			t.Fatalf("%d backups, %v", len(events), err)
		}
		want := time.UnixMicro(max(events[0].Time, events[1].Time))
		if at, err := l.LastBackup(t.Context()); err != nil || !at.Equal(want) {
			t.Errorf("the last backup is of %s, %v; want %s", at, err, want)
		}
	})
}
