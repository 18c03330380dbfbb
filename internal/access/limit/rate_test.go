package limit_test

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access/limit"
	"github.com/sesuai/sesuai/internal/sqldb/sqltest"
)

// TestRateIsExact: however many send at the same time, through two nodes, they get the
// requests at once that the rate allows, and no other ones for as long as it says.
func TestRateIsExact(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		var rates []*limit.Rates
		for range len(open(t, d, limit.StoreOptions{})) {
			d.Options.Connections = 4
			r := limit.NewRates(limit.RatesOptions{DB: d.Open(t)})
			t.Cleanup(r.Close)
			rates = append(rates, r)
		}
		const burst = 40
		var allowed atomic.Int64
		var all sync.WaitGroup
		for i := range senders {
			all.Go(func() {
				for range 3 {
					err := rates[i%len(rates)].Allow(t.Context(), limit.Call{Client: "cli_1", Rate: 0.001, Burst: burst})
					switch {
					case err == nil:
						allowed.Add(1)
					case sesuai.KindOf(err) != sesuai.KindRateLimited || retryAfter(err) <= 0:
						t.Errorf("Allow = %v", err)
					}
				}
			})
		}
		all.Wait()
		if n := allowed.Load(); n != burst {
			t.Errorf("%d requests are allowed, want %d", n, burst)
		}
		if err := rates[0].Allow(t.Context(), limit.Call{Client: "cli_2", Rate: 1, Burst: 1}); err != nil {
			t.Errorf("another client: Allow = %v", err)
		}
	})
}
