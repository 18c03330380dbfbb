package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sesuai/sesuai/internal/dukcapil/ledger"
	"github.com/sesuai/sesuai/internal/dukcapil/ledger/ledgertest"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/sqldb"
	"github.com/sesuai/sesuai/internal/sqldb/sqltest"
)

var engines = sqltest.New(ledger.Migrations)

// rows is the secret of all stores of these tests.
var rows = keyring.NewSecret()

// open opens the call log of a database until the test ends.
func open(t testing.TB, db *sqldb.DB) *ledger.Store {
	t.Helper()
	s, err := ledger.NewStore(t.Context(), ledger.StoreOptions{DB: db, Rows: rows})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func TestConformance(t *testing.T) {
	t.Run("memory", func(t *testing.T) {
		ledgertest.Run(t, func(*testing.T) ledgertest.CallLog { return new(ledgertest.Memory) })
	})
	for name, newDatabase := range map[string]func(testing.TB) sqltest.Database{"SQLite": engines.SQLite, "PostgreSQL": engines.PostgreSQL} {
		t.Run(name, func(t *testing.T) {
			ledgertest.Run(t, func(t *testing.T) ledgertest.CallLog { return open(t, newDatabase(t).Open(t)) })
		})
	}
}

// eventually waits until done, for up to a minute.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for start := time.Now(); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Since(start) > time.Minute {
			t.Fatalf("%s: not within a minute", what)
		}
	}
}

func call(request string) ledger.Call {
	return ledgertest.Call("cli_a", request, ledger.DataCheck, 0)
}

func TestStoredCall(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		s := open(t, d.Open(t))
		ledgertest.Complete(t, s, ledgertest.Start(t, s, ledgertest.Call("cli_b", "r7", ledger.DataCheck, 12*time.Hour)), ledgertest.Found)
		_ = ledgertest.Usage(t, s, 1) // which writes the completion
		var stored string
		d.QueryRow(t, `SELECT concat_ws('|', at, day, client, request_id, service, price, class, billable, duration) FROM upstream_calls`, &stored)
		if want := "1795453200000000|20781|cli_b|r7|data_check|1000|found|1|1500"; stored != want {
			t.Errorf("stored %s\n  want %s", stored, want)
		}
	})
}

// TestAlteredCalls: a call that is not stored as it was recorded is counted as such,
// wherever it has been moved to.
func TestAlteredCalls(t *testing.T) {
	for _, change := range []string{
		`at = at + 1`, `at = at + 864000000000`, `day = day + 1000`, `client = 'cli_b'`, `request_id = 'r'`, `service = 'data_check'`,
		`price = 0`, `class = 'timeout'`, `class = NULL`, `billable = 1 - billable`, `duration = duration + 1`, `mac = NULL`, `mac = x'00'`,
	} {
		engines.Each(t, func(t *testing.T, d sqltest.Database) {
			alerts := 0
			s, err := ledger.NewStore(t.Context(), ledger.StoreOptions{DB: d.Open(t), Rows: rows, Alert: func(string) { alerts++ }})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(s.Close)
			for n := range 3 {
				id := ledgertest.Start(t, s, ledgertest.Call("cli_a", fmt.Sprint("request ", n), ledger.FaceCheck, 0))
				if n < 2 {
					ledgertest.Complete(t, s, id, ledgertest.Found)
				}
			}
			if got := ledger.Total(ledgertest.Usage(t, s, 1)); got.Calls != 3 || got.Altered != 0 {
				t.Fatalf("before %+v", got)
			}
			d.Exec(t, `UPDATE upstream_calls SET `+change+` WHERE request_id = 'request 1'`)
			if got := ledger.Total(ledgertest.Usage(t, s, 1)); got.Calls != 3 || got.Altered != 1 {
				t.Errorf("%s: %+v", change, got)
			}
			if missing := change == `mac = NULL`; missing != (alerts == 0) {
				t.Errorf("%s: %d alerts", change, alerts)
			}
		})
	}
}

// TestCallsOfTwoProcesses: each is there once and with its own completion.
func TestCallsOfTwoProcesses(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		stores := []*ledger.Store{open(t, d.Open(t)), open(t, d.Open(t))}
		const workers, each = 8, 40
		var group sync.WaitGroup
		for w := range workers {
			group.Go(func() {
				s := stores[w%2]
				for n := range each {
					id, err := s.Start(t.Context(), call(fmt.Sprint(w, "-", n)))
					if err != nil {
						t.Error(err)
						return
					}
					_ = s.Complete(t.Context(), id, ledger.Completion{Class: fmt.Sprint("class ", w, "-", n), Billable: true})
				}
			})
		}
		group.Wait()
		_ = ledgertest.Usage(t, stores[1], 1) // which writes its completions
		if got := ledger.Total(ledgertest.Usage(t, stores[0], 1)); got.Billed != workers*each || got.Calls != got.Billed {
			t.Errorf("got %+v, want %d calls, all billed", got, workers*each)
		}
		var mixed int
		d.QueryRow(t, `SELECT count(*) FROM upstream_calls WHERE class <> concat('class ', request_id)`, &mixed)
		if mixed != 0 {
			t.Errorf("%d calls have the completion of another", mixed)
		}
	})
}

// TestCompletionsAreWritten: without further calls, and by Close.
func TestCompletionsAreWritten(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		s, err := ledger.NewStore(t.Context(), ledger.StoreOptions{DB: d.Open(t), Rows: rows})
		if err != nil {
			t.Fatal(err)
		}
		incomplete := func() (n int) {
			d.QueryRow(t, `SELECT count(*) FROM upstream_calls WHERE class IS NULL`, &n)
			return n
		}
		ledgertest.Complete(t, s, ledgertest.Start(t, s, call("r")), ledgertest.Found)
		eventually(t, "the completion is written", func() bool { return incomplete() == 0 })
		for range 3 {
			ledgertest.Complete(t, s, ledgertest.Start(t, s, call("r")), ledgertest.Found)
		}
		s.Close()
		if n := incomplete(); n != 0 {
			t.Errorf("Close lost %d completions", n)
		}
	})
}

// TestCallsThatCannotBeWritten: no call starts, and the completions of earlier
// ones wait until they can be written.
func TestCallsThatCannotBeWritten(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		s := open(t, d.Open(t))
		earlier := ledgertest.Start(t, s, call("r"))
		d.Exec(t, `ALTER TABLE upstream_calls RENAME TO elsewhere`)
		ledgertest.Complete(t, s, earlier, ledgertest.Found)
		_, err := s.Start(t.Context(), call("r2"))
		ledgertest.AssertUnavailable(t, "Start", err)
		_, err = s.Usage(t.Context(), ledgertest.Day, ledgertest.Day)
		ledgertest.AssertUnavailable(t, "Usage", err)
		_, err = s.Today(t.Context(), ledgertest.Noon)
		ledgertest.AssertUnavailable(t, "Today", err)
		d.Exec(t, `ALTER TABLE elsewhere RENAME TO upstream_calls`)
		got := ledger.Total(ledgertest.Usage(t, s, 1))
		if want := (ledger.Counts{Calls: 1, Billed: 1, Rupiah: 1000, RupiahAtMost: 1000}); got != want {
			t.Errorf("afterwards %+v, want %+v", got, want)
		}
	})
}

// TestCancelledStarts: a call whose caller has gone is either not in the log or
// removed from it.
func TestCancelledStarts(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		s := open(t, d.Open(t))
		// The first is being written and is blocked. The second waits behind it.
		blocked := d.Open(t)
		release, held := make(chan struct{}), make(chan struct{})
		var holding sync.WaitGroup
		holding.Go(func() {
			err := blocked.InTx(context.WithoutCancel(t.Context()), func(tx *sqldb.Tx) error {
				if d.Engine == sqldb.PostgreSQL {
					if _, err := tx.ExecContext(t.Context(), `LOCK TABLE upstream_calls IN EXCLUSIVE MODE`); err != nil {
						return err
					}
				}
				close(held)
				<-release
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
		<-held
		results := make(chan error, 2)
		ctx, cancel := context.WithCancel(t.Context())
		for n := range 2 {
			go func() {
				_, err := s.Start(ctx, call(fmt.Sprint("waits ", n)))
				results <- err
			}()
		}
		time.Sleep(100 * time.Millisecond) // they may not have started yet: then it tests less
		cancel()
		for range 2 {
			if err := <-results; !errors.Is(err, context.Canceled) {
				t.Errorf("Start = %v", err)
			}
		}
		close(release)
		holding.Wait()
		ledgertest.Complete(t, s, ledgertest.Start(t, s, call("after")), ledgertest.Found)
		want := ledger.Counts{Calls: 1, Billed: 1, Rupiah: 1000, RupiahAtMost: 1000}
		eventually(t, "the cancelled ones are removed", func() bool { return ledger.Total(ledgertest.Usage(t, s, 1)) == want })
	})
}

// TestStartsCancelledAtAnyMoment: there is never a call without a completion that
// no caller knows.
func TestStartsCancelledAtAnyMoment(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		s := open(t, d.Open(t))
		var started atomic.Int64
		var group sync.WaitGroup
		for w := range 8 {
			group.Go(func() {
				for n := range 60 {
					ctx, cancel := context.WithTimeout(t.Context(), time.Duration(n*37%60)*50*time.Microsecond)
					id, err := s.Start(ctx, call(fmt.Sprint(w, n)))
					cancel()
					if err == nil {
						started.Add(1)
						_ = s.Complete(t.Context(), id, ledgertest.Found)
					} else if !errors.Is(err, context.DeadlineExceeded) {
						t.Error(err)
					}
				}
			})
		}
		group.Wait()
		eventually(t, "all that started have a completion", func() bool {
			got := ledger.Total(ledgertest.Usage(t, s, 1))
			return got.Calls == started.Load() && got.Billed == got.Calls
		})
		t.Logf("of 480, %d started", started.Load())
	})
}

func TestStartAfterClose(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		s := open(t, d.Open(t))
		s.Close()
		_, err := s.Start(t.Context(), call("r"))
		ledgertest.AssertUnavailable(t, "Start", err)
		if err := s.Complete(t.Context(), 1, ledgertest.Found); err != nil {
			t.Error(err)
		}
	})
}

func BenchmarkCalls(b *testing.B) {
	for _, concurrency := range []int{1, 8, 64} {
		b.Run(fmt.Sprint(concurrency), func(b *testing.B) {
			s := open(b, engines.SQLite(b).Open(b))
			var group sync.WaitGroup
			next := make(chan struct{})
			b.ResetTimer()
			for range concurrency {
				group.Go(func() {
					for range next {
						for _, service := range []ledger.Service{ledger.DataCheck, ledger.FaceCheck} {
							id, err := s.Start(b.Context(), ledgertest.Call("cli_a", "r", service, 0))
							if err == nil {
								err = s.Complete(b.Context(), id, ledgertest.Found)
							}
							if err != nil {
								b.Error(err)
							}
						}
					}
				})
			}
			for range b.N {
				next <- struct{}{}
			}
			close(next)
			group.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "verifications/s")
		})
	}
}
