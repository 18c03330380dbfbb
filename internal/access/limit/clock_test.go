package limit_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/sesuai/sesuai/internal/access/limit"
	"github.com/sesuai/sesuai/internal/sqldb"
	"github.com/sesuai/sesuai/internal/sqldb/sqltest"
)

// TestClockWasAhead: what was counted while the clock was a year ahead counts for no
// longer than until the next sweep. While the clock may be wrong nothing is swept.
func TestClockWasAhead(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		now, wrong := noon, errors.New("wrong")
		var clock error
		n := open(t, d, limit.StoreOptions{
			Config: limit.Config{NIK: limit.NIKConfig{MissesPerHour: 2, MissesPerDay: 2}}, Now: func() time.Time { return now },
			CheckClock: func(context.Context) error { return clock },
		})[0]
		before := limit.Request{Client: "cli_1", NIK: nikOf(t, 1), Settings: limit.Settings{NIKsPerDay: 9}}
		ahead := limit.Request{Client: "cli_1", NIK: nikOf(t, 2), Settings: limit.Settings{NIKsPerDay: 9}}
		missTwice := func(r limit.Request) {
			t.Helper()
			for range 2 {
				n.complete(t, n.start(t, r), isMiss)
			}
			n.refused(t, r)
		}
		sweep := func(want error) {
			t.Helper()
			if err := n.Sweep(t.Context()); !errors.Is(err, want) {
				t.Fatalf("Sweep = %v, want %v", err, want)
			}
		}
		missTwice(before)
		now, clock = noon.AddDate(1, 0, 0), wrong
		missTwice(ahead)
		n.start(t, limit.Request{Client: "cli_2", NIK: nikOf(t, 3)}) // in progress for ever
		sweep(wrong)
		now, clock = noon, nil
		n.refused(t, before)
		n.refused(t, ahead)
		sweep(nil)
		n.refused(t, before)
		n.complete(t, n.start(t, ahead), isMiss)
		for _, table := range []string{"limit_misses", "limit_clients", "limit_niks"} {
			want, rows := map[string]int{"limit_misses": 3, "limit_clients": 1, "limit_niks": 2}[table], 0
			d.QueryRow(t, `SELECT count(*) FROM `+table, &rows)
			if rows != want {
				t.Errorf("%s has %d rows, want %d", table, rows, want)
			}
		}
		if d.Engine == sqldb.PostgreSQL {
			var rows int
			if d.QueryRow(t, `SELECT count(*) FROM limit_leases`, &rows); rows != 0 {
				t.Errorf("%d requests are in progress", rows)
			}
		}
	})
}

// TestRateAfterClockWasAhead: a rate allows a request after the time that it takes at
// most, although the clock was a year ahead before.
func TestRateAfterClockWasAhead(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		now := noon.AddDate(1, 0, 0)
		open(t, d, limit.StoreOptions{})
		r := limit.NewRates(limit.RatesOptions{DB: d.Open(t), Now: func() time.Time { return now }})
		t.Cleanup(r.Close)
		call := limit.Call{Client: "cli_1", Rate: 0.1, Burst: 3}
		if err := r.Allow(t.Context(), call); err != nil {
			t.Fatal(err)
		}
		now = noon
		if d.Engine == sqldb.PostgreSQL { // which has a clock of its own
			d.Exec(t, `UPDATE limit_rates SET full_at = full_at + 31536000000000`)
		}
		after := retryAfter(r.Allow(t.Context(), call))
		if after <= 0 || after > 10*time.Second {
			t.Errorf("try again after %v", after)
		}
	})
}
