package retention_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/audit/audittest"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/retention"
	"github.com/sesuai/sesuai/internal/sqldb"
	"github.com/sesuai/sesuai/internal/sqldb/sqltest"
)

const day, year = 24 * time.Hour, 365 * 24 * time.Hour

// wall is a clock that can be set, and otherwise goes as time does.
type wall struct{ ahead time.Duration }

func (w *wall) now() time.Time { return time.Now().Add(w.ahead) }

// clocked is a node with a clock of its own.
type clocked struct {
	node
	wall
	held []bool // what Options.Held was told
}

// openClocked opens nodes of a new database.
func openClocked(t *testing.T, d sqltest.Database, n int) []*clocked {
	t.Helper()
	nik, chain := keyring.NewSecret(), keyring.NewSecret()
	var all []*clocked
	for i := range n {
		db := d.Open(t)
		trail, err := audit.NewTrail(t.Context(), audit.Options{DB: db, NIK: nik, Chain: chain})
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			audittest.Start(t, db, trail)
		}
		c := &clocked{node: node{db: db, trail: trail}}
		c.Store = retention.NewStore(retention.Options{DB: db, Trail: trail, Now: c.now, Held: func(err error) {
			c.held = append(c.held, errors.Is(err, retention.ErrClock))
		}})
		all = append(all, c)
	}
	return all
}

// sweep has a sweep remove a row of a table, and reports whether it did. Nothing is
// removed if and only if Check, Record and RemovedTx say that the clock may be wrong.
func (c *clocked) sweep(t *testing.T) bool {
	t.Helper()
	removed := c.db.InTx(t.Context(), func(tx *sqldb.Tx) error { return c.RemovedTx(t.Context(), tx, "answers", 1) })
	errs := []error{removed, c.CheckClock(t.Context()), c.Record(t.Context())}
	for _, err := range errs {
		if (err == nil) != (removed == nil) || err != nil && !errors.Is(err, retention.ErrClock) {
			t.Fatalf("RemovedTx, CheckClock and Record = %v", errs)
		}
	}
	if c.Held() != (removed != nil) {
		t.Errorf("Held = %t, RemovedTx = %v", c.Held(), removed)
	}
	return removed == nil
}

// TestClockIsSet: nothing is removed and no day is recorded once the clock was set ahead
// or back by more than a day, by a process that is started then neither. Once it is right
// again all goes on, and each day is recorded once with all that was removed.
func TestClockIsSet(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		nodes := openClocked(t, d, 2)
		c, other := nodes[0], nodes[1]
		for _, step := range []struct {
			ahead time.Duration
			want  bool
		}{{0, true}, {20 * time.Hour, true}, {0, true}, {year, false}, {0, true}, {-year, false}, {0, true}, {-20 * time.Hour, true}, {0, true}} {
			c.ahead, other.ahead = step.ahead, step.ahead
			if got := c.sweep(t); got != step.want {
				t.Errorf("%s ahead: is removed: %t", step.ahead, got)
			}
			if step.want {
				continue
			}
			if other.sweep(t) {
				t.Errorf("%s ahead: another process removes", step.ahead)
			}
			other.ahead = 0
			if !other.sweep(t) {
				t.Errorf("%s ahead: a process whose clock is right does not remove", step.ahead)
			}
		}
		if want := []bool{true, false, true, false}; !cmp.Equal(want, c.held) {
			t.Errorf("Held was told %v", c.held)
		}
		c.ahead = 3 * day
		if c.sweep(t) {
			t.Error("3 days ahead is removed")
		}
		today := retention.DayOf(time.Now())
		runs, err := c.Runs(t.Context(), today-400, today+400)
		if err != nil {
			t.Fatal(err)
		}
		total := int64(0)
		for _, r := range runs {
			total += r.Removed
		}
		if total != 9 {
			t.Errorf("%d rows are counted, want 9: %+v", total, runs)
		}
		if _, err := c.trail.Verify(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// TestRecordedDay: what is removed on a day that a clock ahead had recorded is an event
// of its own.
func TestRecordedDay(t *testing.T) {
	c := openClocked(t, engines.SQLite(t), 1)[0]
	counted := int64(0)
	for _, ahead := range []time.Duration{0, 23 * time.Hour, 0, 23 * time.Hour, 46 * time.Hour, 69 * time.Hour} {
		c.ahead = ahead
		if !c.sweep(t) {
			t.Fatalf("%s ahead: nothing is removed", ahead)
		}
		counted++
	}
	today := retention.DayOf(time.Now())
	runs, err := c.Runs(t.Context(), today, today+9)
	if err != nil {
		t.Fatal(err)
	}
	events, err := c.trail.Events(t.Context(), audit.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	var recorded int64
	for _, r := range runs {
		if !r.Recorded {
			counted -= r.Removed
		}
	}
	for _, e := range events {
		recorded += e.Count
	}
	if recorded != counted {
		t.Errorf("the events have %d rows of %d: %+v", recorded, counted, runs)
	}
}

// TestClockIsAccepted: a clock that nobody sets for a week is right, as after a stop of
// the service, unless another process has removed meanwhile, or the clock was set again.
func TestClockIsAccepted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes := openClocked(t, engines.SQLite(t), 2)
		c, other := nodes[0], nodes[1]
		late := func(want bool, after time.Duration) {
			t.Helper()
			time.Sleep(after)
			if got := c.sweep(t); got != want {
				t.Errorf("%v ahead: is removed: %t", c.ahead, got)
			}
		}
		late(true, 0)
		late(false, 30*day) // the service was stopped
		late(false, 7*day-1)
		late(true, 1)
		late(true, 0)

		c.ahead = year
		late(false, 0)
		late(false, 6*day)
		c.ahead = 2 * year
		late(false, 6*day)
		if other.sweep(t) {
			t.Error("12 days after the last run is removed")
		}
		late(true, 7*day)
		if other.sweep(t) {
			t.Error("2 years behind is removed")
		}
		time.Sleep(7 * day)
		for range 2 {
			if !other.sweep(t) {
				t.Error("a clock that is behind is not accepted after a week")
			}
		}
		for range 9 { // as long as the other one goes on
			late(false, day)
			if !other.sweep(t) {
				t.Error("a day after the last run is not removed")
			}
		}
	})
}
