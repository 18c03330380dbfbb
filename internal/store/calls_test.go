package store_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/dukcapil/ledger"
	"github.com/sesuai/sesuai/internal/store"
)

// openWith opens the store in dir with other options until the test ends.
func openWith(t testing.TB, dir string, change func(o *store.Options)) *store.Store {
	t.Helper()
	o := options(t, dir)
	change(&o)
	s, err := store.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// noon is noon in Jakarta, and callDay its day.
var (
	noon    = time.Date(2026, 11, 23, 5, 0, 0, 0, time.UTC)
	callDay = ledger.DayOf(noon)
)

func call(client, request string, s ledger.Service, after time.Duration) ledger.Call {
	return ledger.Call{Service: s, Client: client, RequestID: request, At: noon.Add(after), Price: 1000}
}

func begin(t testing.TB, s *store.Store, c ledger.Call) int64 {
	t.Helper()
	id, err := s.Begin(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func end(t testing.TB, s *store.Store, id int64, e ledger.Ending) {
	t.Helper()
	if err := s.End(t.Context(), id, e); err != nil {
		t.Fatal(err)
	}
}

// usage is what there is of the days from callDay on.
func usage(t testing.TB, s *store.Store, days int) []ledger.Usage {
	t.Helper()
	rows, err := s.Usage(t.Context(), callDay, callDay+ledger.Day(days-1))
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

var found200 = ledger.Ending{Class: "found", Billable: true, Duration: 1500 * time.Microsecond}

func TestCalls(t *testing.T) {
	s := open(t, t.TempDir())
	const a, b = "cli_a", "cli_b"
	face := call(a, "r1", ledger.FaceCheck, 0)
	face.Price = 3000
	end(t, s, begin(t, s, call(a, "r1", ledger.DataCheck, 0)), found200)
	end(t, s, begin(t, s, face), found200)
	end(t, s, begin(t, s, call(a, "r2", ledger.DataCheck, 0)), ledger.Ending{Class: "timeout", Duration: time.Second})
	begin(t, s, call(a, "r3", ledger.DataCheck, 0)) // killed
	dear := call(a, "r4", ledger.DataCheck, 0)
	dear.Price = 1100
	end(t, s, begin(t, s, dear), found200)
	end(t, s, begin(t, s, call(b, "r5", ledger.DataCheck, 0)), found200)
	// The last moment of the day in Jakarta, and the first of the next.
	end(t, s, begin(t, s, call(b, "r6", ledger.DataCheck, 12*time.Hour-time.Microsecond)), found200)
	twice := begin(t, s, call(b, "r7", ledger.DataCheck, 12*time.Hour))
	end(t, s, twice, found200)
	end(t, s, twice, ledger.Ending{Class: "timeout"}) // the first ending stays
	end(t, s, twice+1000, found200)                   // of no call
	begin(t, s, call(b, "r8", ledger.DataCheck, -24*time.Hour))

	equal(t, usage(t, s, 2), []ledger.Usage{
		{Day: callDay, Client: a, Service: ledger.DataCheck, Counts: ledger.Counts{Calls: 4, Billed: 2, Unknown: 1, Failed: 1, Rupiah: 2100, RupiahAtMost: 3100}},
		{Day: callDay, Client: a, Service: ledger.FaceCheck, Counts: ledger.Counts{Calls: 1, Billed: 1, Rupiah: 3000, RupiahAtMost: 3000}},
		{Day: callDay, Client: b, Service: ledger.DataCheck, Counts: ledger.Counts{Calls: 2, Billed: 2, Rupiah: 2000, RupiahAtMost: 2000}},
		{Day: callDay + 1, Client: b, Service: ledger.DataCheck, Counts: ledger.Counts{Calls: 1, Billed: 1, Rupiah: 1000, RupiahAtMost: 1000}},
	})
	var stored string
	s.QueryForTest(t, `SELECT concat_ws('|', at, day, client, request_id, service, price, class, billable, duration)
		FROM upstream_calls WHERE request_id = 'r7'`, &stored)
	if want := "1795453200000000|20781|cli_b|r7|data_check|1000|found|1|1500"; stored != want {
		t.Errorf("stored %s\n  want %s", stored, want)
	}
}

func TestCallsOfToday(t *testing.T) {
	s := openWith(t, t.TempDir(), func(o *store.Options) { o.Now = func() time.Time { return noon } })
	if today, err := s.Today(t.Context()); err != nil || len(today) != 0 {
		t.Errorf("Today = %v, %v", today, err)
	}
	for _, after := range []time.Duration{time.Hour, 2, -12 * time.Hour, -12*time.Hour - 1000, 12 * time.Hour} {
		begin(t, s, call("cli_a", "r", ledger.DataCheck, after))
	}
	begin(t, s, call("cli_b", "r", ledger.FaceCheck, time.Minute))
	today, err := s.Today(t.Context())
	data, face := today[ledger.DataCheck], today[ledger.FaceCheck]
	if err != nil || len(today) != 2 || data.Calls != 3 || !data.First.Equal(noon.Add(-12*time.Hour)) || face.Calls != 1 {
		t.Errorf("Today = %v, %v", today, err)
	}
}

// TestCallsAtOnce: over two processes, each is there once and with its own
// ending.
func TestCallsAtOnce(t *testing.T) {
	dir := t.TempDir()
	stores := []*store.Store{open(t, dir), open(t, dir)}
	const workers, each = 16, 40
	var group sync.WaitGroup
	for w := range workers {
		group.Go(func() {
			s := stores[w%2]
			for n := range each {
				c := call(fmt.Sprintf("cli_%02d", w), fmt.Sprint(n), ledger.DataCheck, 0)
				c.Price = int64(1 + n)
				id, err := s.Begin(t.Context(), c)
				if err != nil {
					t.Error(err)
					return
				}
				if n%4 == 0 {
					continue
				}
				if err := s.End(t.Context(), id, ledger.Ending{Class: fmt.Sprint("class ", n), Billable: n%2 == 1}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	usage(t, stores[1], 1) // which writes what the other waits with
	rows := usage(t, stores[0], 1)
	if len(rows) != workers {
		t.Errorf("%d clients, want %d", len(rows), workers)
	}
	want := ledger.Counts{Calls: each, Billed: each / 2, Unknown: each / 4, Failed: each / 4, Rupiah: 420, RupiahAtMost: 610}
	for _, row := range rows {
		if row.Counts != want {
			t.Errorf("%s: %+v, want %+v", row.Client, row.Counts, want)
		}
	}
	var mixed int
	stores[0].QueryForTest(t, `SELECT count(*) FROM upstream_calls WHERE class <> concat('class ', request_id)`, &mixed)
	if mixed != 0 {
		t.Errorf("%d calls have the ending of another", mixed)
	}
}

// TestEndingsAreWritten: with nothing else to write, and by Close.
func TestEndingsAreWritten(t *testing.T) {
	dir := t.TempDir()
	s, err := store.Open(t.Context(), options(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	unended := func(s *store.Store) (n int) {
		s.QueryForTest(t, `SELECT count(*) FROM upstream_calls WHERE class IS NULL`, &n)
		return n
	}
	end(t, s, begin(t, s, call("cli_a", "r", ledger.DataCheck, 0)), found200)
	eventually(t, "the ending is written", func() bool { return unended(s) == 0 })
	for range 3 {
		end(t, s, begin(t, s, call("cli_a", "r", ledger.DataCheck, 0)), found200)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if n := unended(open(t, dir)); n != 0 {
		t.Errorf("%d endings were lost by Close", n)
	}
}

// TestCallsThatCannotBeWritten: no call is begun, and the endings of earlier
// ones wait until they can be written.
func TestCallsThatCannotBeWritten(t *testing.T) {
	s := open(t, t.TempDir())
	earlier := begin(t, s, call("cli_a", "r", ledger.DataCheck, 0))
	s.ExecForTest(t, `ALTER TABLE upstream_calls RENAME TO elsewhere`)
	end(t, s, earlier, found200)
	_, err := s.Begin(t.Context(), call("cli_a", "r2", ledger.DataCheck, 0))
	assertUnanswered(t, "Begin", err)
	_, err = s.Usage(t.Context(), callDay, callDay)
	assertUnanswered(t, "Usage", err)
	_, err = s.Today(t.Context())
	assertUnanswered(t, "Today", err)
	s.ExecForTest(t, `ALTER TABLE elsewhere RENAME TO upstream_calls`)
	got := ledger.Total(usage(t, s, 1))
	if want := (ledger.Counts{Calls: 1, Billed: 1, Rupiah: 1000, RupiahAtMost: 1000}); got != want {
		t.Errorf("afterwards %+v, want %+v", got, want)
	}
}

// TestBeginWithoutTime: a call that nobody waits for any more is either not on
// record or taken off it again; and who is told that it is on record has its
// number.
func TestBeginWithoutTime(t *testing.T) {
	s := open(t, t.TempDir())
	ended, stop := context.WithCancel(t.Context())
	stop()
	_, err := s.Begin(ended, call("cli_a", "r", ledger.DataCheck, 0))
	assertUnanswered(t, "Begin", err)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Begin = %v", err)
	}

	// One is being written, and held up; another waits behind it.
	hold := `UPDATE audit_head SET seq = seq WHERE id = 1` // the whole file
	if postgres != nil {
		hold = `LOCK TABLE upstream_calls IN EXCLUSIVE MODE`
	}
	release := s.HoldForTest(t, hold)
	waiting := make(chan error, 2)
	ctx, cancel := context.WithCancel(t.Context())
	for n := range 2 {
		go func() {
			_, err := s.Begin(ctx, call("cli_a", fmt.Sprint("waits ", n), ledger.DataCheck, 0))
			waiting <- err
		}()
	}
	time.Sleep(100 * time.Millisecond) // they may not have begun yet: then it tests less
	cancel()
	for range 2 {
		if err := <-waiting; !errors.Is(err, context.Canceled) {
			t.Errorf("Begin = %v", err)
		}
	}
	release()
	id := begin(t, s, call("cli_a", "after", ledger.DataCheck, 0))
	end(t, s, id, found200)
	want := ledger.Counts{Calls: 1, Billed: 1, Rupiah: 1000, RupiahAtMost: 1000}
	eventually(t, "those that were left are taken off the account", func() bool { return ledger.Total(usage(t, s, 1)) == want })
}

// TestBeginsThatAreLeft: callers leave at every moment of being written. There
// is never a call without an ending that nobody was told of.
func TestBeginsThatAreLeft(t *testing.T) {
	s := open(t, t.TempDir())
	var begun atomic.Int64
	var group sync.WaitGroup
	for w := range 8 {
		group.Go(func() {
			for n := range 60 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(n*37%60)*50*time.Microsecond)
				id, err := s.Begin(ctx, call("cli_a", fmt.Sprint(w, n), ledger.DataCheck, 0))
				cancel()
				if err == nil {
					begun.Add(1)
					_ = s.End(t.Context(), id, found200)
				} else if !errors.Is(err, context.DeadlineExceeded) {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	eventually(t, "all that were not left have an ending", func() bool {
		got := ledger.Total(usage(t, s, 1))
		return got.Calls == begun.Load() && got.Billed == got.Calls
	})
	t.Logf("of 480, %d were begun", begun.Load())
}

// TestWithdraw: a call that was not made is not on the account, one that has
// ended stays.
func TestWithdraw(t *testing.T) {
	s := open(t, t.TempDir())
	for n := range 3 {
		id := begin(t, s, call("cli_a", fmt.Sprint(n), ledger.FaceCheck, 0))
		if n == 1 {
			end(t, s, id, found200)
		}
		if n > 0 {
			if err := s.Withdraw(t.Context(), id); err != nil {
				t.Fatal(err)
			}
		}
	}
	want := ledger.Counts{Calls: 2, Billed: 1, Unknown: 1, Rupiah: 1000, RupiahAtMost: 2000}
	if got := ledger.Total(usage(t, s, 1)); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestBeginAfterClose(t *testing.T) {
	s, err := store.Open(t.Context(), options(t, t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = s.Begin(t.Context(), call("cli_a", "r", ledger.DataCheck, 0))
	assertUnanswered(t, "Begin", err)
	if err := s.End(t.Context(), 1, found200); err != nil {
		t.Error(err)
	}
}

// TestReport: the trail, the account and the outbox together, at the ends of a
// half-year.
func TestReport(t *testing.T) {
	s := openWith(t, t.TempDir(), func(o *store.Options) {
		o.Returns, o.Now = true, func() time.Time { return noon }
	})
	july := time.Date(2026, 6, 30, 17, 0, 0, 0, time.UTC) // in Jakarta
	for i, e := range []struct {
		at     time.Time
		result audit.Result
	}{
		{july.Add(-time.Microsecond), audit.Verified},
		{july, audit.Verified},
		{july, audit.NotVerified},
		{july, audit.Refused},
		{july, audit.Unavailable},
		{noon, audit.Verified},
		{time.Date(2026, 12, 31, 17, 0, 0, 0, time.UTC), audit.Verified},
	} {
		event := event(t, i, fmt.Sprint(i))
		event.Time, event.Result = e.at, e.result
		if err := s.Append(t.Context(), event); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Delivered(t.Context(), []int64{6}); err != nil {
		t.Fatal(err)
	}
	end(t, s, begin(t, s, call("cli_a", "r", ledger.DataCheck, 0)), found200)
	begin(t, s, call("cli_a", "r", ledger.FaceCheck, 0))
	h, err := ledger.ParseHalfYear("2026H2")
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.Report(t.Context(), h)
	if err != nil {
		t.Fatal(err)
	}
	hours := int64(noon.Sub(july) / time.Hour)
	equal(t, r.Months[0], ledger.Month{
		Month: "2026-07", Verifications: 2, Verified: 1, Owed: 1, Outstanding: 1, OldestHours: &hours,
	})
	equal(t, r.Months[4], ledger.Month{
		Month: "2026-11", Verifications: 1, Verified: 1, DataChecks: 1, FaceChecks: 1, Unknown: 1, Rupiah: 1000, RupiahAtMost: 2000,
		Owed: 1, Delivered: 1,
	})
	if r.Total.Verifications != 3 || r.Total.Owed != 2 || r.Total.Outstanding != 1 {
		t.Errorf("in all %+v", r.Total)
	}
	n, oldest, err := s.Outstanding(t.Context())
	if err != nil || n != 3 || !oldest.Equal(july.Add(-time.Microsecond)) {
		t.Errorf("Outstanding = %d, %v, %v", n, oldest, err)
	}
}

func BenchmarkCalls(b *testing.B) {
	for _, concurrency := range []int{1, 8, 64} {
		b.Run(fmt.Sprint(concurrency), func(b *testing.B) {
			s := open(b, b.TempDir())
			var group sync.WaitGroup
			next := make(chan struct{})
			b.ResetTimer()
			for range concurrency {
				group.Go(func() {
					for range next {
						for _, service := range []ledger.Service{ledger.DataCheck, ledger.FaceCheck} {
							id, err := s.Begin(b.Context(), call("cli_a", "r", service, 0))
							if err == nil {
								err = s.End(b.Context(), id, found200)
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
