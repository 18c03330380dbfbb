package app

import (
	"fmt"
	"testing"
	"time"

	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/audit/audittest"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/retention"
	"github.com/sesuai/sesuai/internal/sqldb"
	"github.com/sesuai/sesuai/internal/sqldb/sqltest"
)

// TestAuditKeep: the rules remove events that are older than audit.keep, and no others,
// and count them. The chain holds. Without audit.keep nothing is removed.
func TestAuditKeep(t *testing.T) {
	d := sqltest.New(audit.Migrations, retention.Migrations).SQLite(t)
	s := Storage{db: d.Open(t)}
	var err error
	if s.trail, err = audit.NewTrail(t.Context(), audit.Options{DB: s.db, NIK: keyring.NewSecret(), Chain: keyring.NewSecret()}); err != nil {
		t.Fatal(err)
	}
	audittest.Start(t, s.db, s.trail)
	now := time.Now()
	s.removed = retention.NewStore(retention.Options{DB: s.db, Trail: s.trail, Now: func() time.Time { return now }})
	for days := 60; days >= 0; days -= 10 {
		e := audittest.Event(t, days, fmt.Sprint(days))
		e.Time = now.AddDate(0, 0, -days)
		err := s.db.InTx(t.Context(), func(tx *sqldb.Tx) error {
			_, err := s.trail.AppendTx(t.Context(), tx, []audit.Event{e})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	var c Config
	for _, keep := range []time.Duration{0, 35 * 24 * time.Hour} {
		c.Audit.Keep = keep
		for range 2 { // the second time there is nothing to remove
			if err := s.removed.Apply(t.Context(), s.retentionRules(c)); err != nil {
				t.Fatal(err)
			}
		}
		want := int64(0)
		if keep > 0 {
			want = 3 // of 60, 50 and 40 days ago
		}
		if base, err := s.trail.Base(t.Context()); err != nil || base.Seq != want {
			t.Errorf("keep %s: the trail starts behind event %d, %v, want %d", keep, base.Seq, err, want)
		}
	}
	head, err := s.trail.Verify(t.Context())
	if err != nil || head.Seq != 8 {
		t.Errorf("Verify = event %d, %v, want 8: one of the removal", head.Seq, err)
	}
	today := retention.DayOf(now)
	if runs, err := s.removed.Runs(t.Context(), today, today); err != nil || len(runs) != 1 || runs[0].Table != "audit_events" || runs[0].Removed != 3 {
		t.Errorf("what was removed is %+v, %v", runs, err)
	}
}
