package audit_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/audit/audittest"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/sqldb/sqltest"
)

// daily returns n events, one a day, from audittest.Event's time on.
func daily(t testing.TB, n int) (events []audit.Event) {
	t.Helper()
	for i := range n {
		e := audittest.Event(t, i, fmt.Sprint(i))
		e.Time = e.Time.AddDate(0, 0, i)
		events = append(events, e)
	}
	return events
}

// prune removes events until there are no more, and returns how many.
func (l trail) prune(t testing.TB, before time.Time, limit int) (removed int64) {
	t.Helper()
	for {
		p, err := l.PruneBefore(t.Context(), before, limit, nil)
		if err != nil {
			t.Fatal(err)
		}
		if removed += p.Events; !p.More {
			return removed
		}
	}
}

// TestPrune: old events are removed from the start of the trail, which stays verifiable.
// Each removal is an event.
func TestPrune(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		nik, chain := keyring.NewSecret(), keyring.NewSecret()
		c := restart(t, d, nik, chain)
		events := daily(t, 20)
		c.change(t, audit.Change{Action: audit.PersonAdded, State: [32]byte{1}}) // event 1, of today
		if removed := c.prune(t, events[9].Time, 100); removed != 0 {
			t.Fatalf("%d events were removed, and the first one is of today", removed)
		}
		d = engines.New(t, d.Engine)
		c = restart(t, d, nik, chain)
		c.record(t, events[:5]...)
		c.record(t, events[5:]...)
		c.check(t, 1)
		early := c.checkpoints(t)
		// 10 events are old enough: 4, 4 and 2, with an event of each.
		if removed := c.prune(t, events[10].Time, 4); removed != 10 {
			t.Errorf("%d events were removed, want 10", removed)
		}
		c.check(t, 20)
		c.assertWhole(t, 23)
		c.assertLength(t, 23)
		audittest.AssertEvents(t, c.Trail, "removals", audit.Filter{Reason: "audit.prune"}, []int64{23, 22, 21})
		all, err := c.Events(t.Context(), audit.Filter{})
		if err != nil || len(all) != 13 || all[12].Seq != 11 || all[0].Count != 10 {
			t.Errorf("Events = %d, %v", len(all), err)
		}
		if base, err := c.Base(t.Context()); err != nil || base.Seq != 10 {
			t.Errorf("Base = %v, %v", base, err)
		}
		// Another process, which has a checkpoint of what was removed.
		next := restart(t, d, nik, chain)
		next.assertWhole(t, 23)
		next.change(t, audit.Change{Action: audit.KeyAdded, Count: 2})
		next.check(t, 20)
		next.assertWhole(t, 24)
		if err := next.CompareCheckpoints(t.Context(), heads(t, c, early)); err != nil {
			t.Errorf("CompareCheckpoints = %v", err)
		}
		// All that remains is of today.
		if removed := next.prune(t, time.Now().Add(-time.Hour), 100); removed != 10 {
			t.Errorf("%d events were removed, want 10", removed)
		}
		next.check(t, 20)
		next.assertWhole(t, 25)
		if err := next.CompareCheckpoints(t.Context(), heads(t, c, early)); err != nil {
			t.Errorf("CompareCheckpoints with that of the last one that was removed = %v", err)
		}
		// Everything, the event of the removal excepted.
		if removed := next.prune(t, time.Now().Add(time.Hour), 100); removed != 5 {
			t.Errorf("%d events were removed, want 5", removed)
		}
		next.assertLength(t, 26)
		if err := next.CompareCheckpoints(t.Context(), heads(t, c, early)); sesuai.KindOf(err) != sesuai.KindMalformed {
			t.Errorf("CompareCheckpoints with one of removed events = %v", err)
		}
	})
}

// heads are the heads of checkpoints.
func heads(t testing.TB, c checked, checkpoints []byte) []audit.Head {
	t.Helper()
	all, err := c.ParseCheckpoints(checkpoints)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestPruneTampered: nothing is removed from a trail that is broken, since that would
// remove what shows it; and what somebody changes in a trail from which events were
// removed is found as in any other.
func TestPruneTampered(t *testing.T) {
	tests := []struct {
		name, statement string
		broken          int64
	}{
		{"more events removed", `DELETE FROM audit_events WHERE seq < 15`, 11},
		{"the first event changed", `UPDATE audit_events SET result = 'verified' WHERE seq = 11`, 11},
		{"an event inserted before", `INSERT INTO audit_events SELECT * FROM removed WHERE seq = 10`, 11},
		{"another base", `UPDATE audit_head SET base = (SELECT base FROM other_head)`, 21},
		{"no base", `UPDATE audit_head SET base = ''`, 1},
		{"a base that is no checkpoint", `UPDATE audit_head SET base = 'x'`, 21},
	}
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		nik, chain := keyring.NewSecret(), keyring.NewSecret()
		l := openTrail(t, d, nik, chain)
		events := daily(t, 20)
		l.record(t, events...)
		l.exec(t, `CREATE TABLE removed AS SELECT * FROM audit_events; UPDATE audit_events SET reason = 'x' WHERE seq = 4`)
		if p, err := l.PruneBefore(t.Context(), events[10].Time, 100, nil); !isBroken(err) || p.Events != 0 {
			t.Fatalf("PruneBefore = %v, %v", p, err)
		}
		l.exec(t, `DELETE FROM audit_events; INSERT INTO audit_events SELECT * FROM removed`)
		l.assertLength(t, 20)
		l.prune(t, events[10].Time, 100)
		l.exec(t, `CREATE TABLE kept_events AS SELECT * FROM audit_events; CREATE TABLE kept_head AS SELECT * FROM audit_head`)
		// The same trail, with more events removed: the key is the same, so its base
		// is a checkpoint of the same trail with a valid signature.
		other := openTrail(t, engines.New(t, d.Engine), nik, chain)
		other.record(t, events...)
		other.prune(t, events[14].Time, 100)
		base, err := other.Base(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		signed, err := other.SignCheckpoint(base, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		l.exec(t, `CREATE TABLE other_head (base TEXT)`)
		d.Exec(t, `INSERT INTO other_head (base) VALUES ($1)`, string(signed))
		for _, test := range tests {
			l.exec(t, `DELETE FROM audit_events; INSERT INTO audit_events SELECT * FROM kept_events;
				DELETE FROM audit_head; INSERT INTO audit_head SELECT * FROM kept_head`)
			l := openTrail(t, d, nik, chain)
			l.assertLength(t, 21)
			l.exec(t, test.statement)
			_, err := l.Verify(t.Context())
			assertBrokenAt(t, test.name, err, test.broken)
			_, err = openTrail(t, d, nik, chain).Verify(t.Context())
			assertBrokenAt(t, test.name+", another process", err, test.broken)
		}
	})
}
