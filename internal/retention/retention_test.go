package retention_test

import (
	"context"
	"errors"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/audit/audittest"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/retention"
	"github.com/sesuai/sesuai/internal/sqldb"
	"github.com/sesuai/sesuai/internal/sqldb/pgtest"
	"github.com/sesuai/sesuai/internal/sqldb/sqltest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main{M: m}.Run()) }

var engines = sqltest.New(audit.Migrations, retention.Migrations)

// node is one of the processes of a database.
type node struct {
	*retention.Store
	db    *sqldb.DB
	trail *audit.Trail
}

// removed has a sweep remove rows of a table.
func (n node) removed(t *testing.T, table string, rows int64, fail error) {
	t.Helper()
	err := n.db.InTx(t.Context(), func(tx *sqldb.Tx) error {
		return errors.Join(n.RemovedTx(t.Context(), tx, table, rows), fail)
	})
	if (err != nil) != (fail != nil) {
		t.Fatal(err)
	}
}

// TestRetention: what sweeps of several nodes remove is counted exactly, and is one event
// for each table once the day is over in Jakarta. The chain holds.
func TestRetention(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		now := time.Date(2026, 11, 29, 16, 59, 0, 0, time.UTC) // 23:59 in Jakarta
		nik, chain := keyring.NewSecret(), keyring.NewSecret()
		var nodes []node
		for range 2 {
			db := d.Open(t)
			trail, err := audit.NewTrail(t.Context(), audit.Options{DB: db, NIK: nik, Chain: chain})
			if err != nil {
				t.Fatal(err)
			}
			nodes = append(nodes, node{retention.NewStore(retention.Options{DB: db, Trail: trail, Now: func() time.Time { return now }}), db, trail})
		}
		audittest.Start(t, nodes[0].db, nodes[0].trail)
		var sweeps sync.WaitGroup
		for i := range 20 {
			sweeps.Go(func() { nodes[i%2].removed(t, "answers", int64(i), nil) })
		}
		sweeps.Wait()
		nodes[0].removed(t, "probes", 0, nil)
		nodes[1].removed(t, "answers", 1000, errors.New("rolled back"))
		record := func() {
			t.Helper()
			var both sync.WaitGroup
			for _, n := range nodes {
				both.Go(func() {
					if err := n.Record(t.Context()); err != nil {
						t.Error(err)
					}
				})
			}
			both.Wait()
		}
		record()
		if got := actions(t, nodes[0].trail); len(got) != 0 {
			t.Errorf("before the day is over there are events: %v", got)
		}
		now = now.Add(time.Minute)
		record()
		if got := actions(t, nodes[0].trail); len(got) != 0 {
			t.Errorf("at midnight, when transactions of the day may be in progress, there are events: %v", got)
		}
		now = now.Add(time.Minute)
		record()
		nodes[1].removed(t, "answers", 5, nil)
		record()
		want := map[audit.Action]int64{"retention.answers": 190, "retention.probes": 0}
		if diff := cmp.Diff(want, actions(t, nodes[1].trail)); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
		if _, err := nodes[1].trail.Verify(t.Context()); err != nil {
			t.Error(err)
		}
		today := retention.DayOf(now)
		runs, err := nodes[0].Runs(t.Context(), today-1, today)
		yesterday, last := (today - 1).Start(), now.Add(-2*time.Minute)
		wantRuns := []retention.Run{
			{Day: yesterday, Table: "answers", Removed: 190, Runs: 20, LastAt: last, Recorded: true},
			{Day: yesterday, Table: "probes", Runs: 1, LastAt: last, Recorded: true},
			{Day: today.Start(), Table: "answers", Removed: 5, Runs: 1, LastAt: now},
		}
		if diff := cmp.Diff(wantRuns, runs); diff != "" || err != nil {
			t.Errorf("runs (-want +got):\n%s%v", diff, err)
		}
	})
}

// actions are the events of the trail with their counts. There is one of each action.
func actions(t *testing.T, r audit.Reader) map[audit.Action]int64 {
	t.Helper()
	events, err := r.Events(t.Context(), audit.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[audit.Action]int64)
	for _, e := range events {
		if _, twice := all[e.Action]; twice {
			t.Errorf("there are two events %s", e.Action)
		}
		all[e.Action] = e.Count
	}
	return all
}

// TestDays: a day starts at midnight in Jakarta.
func TestDays(t *testing.T) {
	midnight := time.Date(2026, 11, 30, 0, 0, 0, 0, sesuai.Jakarta)
	if before, at := retention.DayOf(midnight.Add(-time.Nanosecond)), retention.DayOf(midnight); at != before+1 || !at.Start().Equal(midnight) {
		t.Errorf("the days are %d and %d, and the second starts %v", before, at, at.Start())
	}
}

// TestRules: a rule is applied until there is nothing more, and one that fails keeps
// none of the others from being applied.
func TestRules(t *testing.T) {
	now := time.Date(2026, 11, 29, 0, 0, 0, 0, time.UTC)
	s := retention.NewStore(retention.Options{Now: func() time.Time { return now }})
	down, rounds := errors.New("down"), 0
	err := s.Apply(t.Context(), []retention.Rule{
		{Table: "a", Remove: func(context.Context, time.Time, int) (bool, error) { return true, down }},
		{Table: "b", Keep: time.Hour, Limit: 7, Remove: func(_ context.Context, before time.Time, limit int) (bool, error) {
			if rounds++; !before.Equal(now.Add(-time.Hour)) || limit != 7 {
				t.Errorf("removes %d rows from before %v", limit, before)
			}
			return rounds < 3, nil
		}},
	})
	if !errors.Is(err, down) || rounds != 3 {
		t.Errorf("Apply = %v after %d rounds, want 3", err, rounds)
	}
}
