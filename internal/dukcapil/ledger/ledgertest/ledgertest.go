// Package ledgertest holds the conformance tests of ledger.CallLog and an
// in-memory call log for the tests of packages that use one. It is for tests
// only.
package ledgertest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/conformance"
	"github.com/sesuai/sesuai/internal/dukcapil/ledger"
)

// CallLog is a call log that can be read.
type CallLog interface {
	ledger.CallLog
	Usage(ctx context.Context, from, to ledger.Day) ([]ledger.Usage, error)
	Today(ctx context.Context, now time.Time) (map[ledger.Service]ledger.Today, error)
}

// Run runs the conformance tests on call logs that open makes, each empty.
func Run(t *testing.T, open func(t *testing.T) CallLog) { conformance.Run(t, suite{open}) }

type suite struct{ open func(t *testing.T) CallLog }

// Noon is noon of Day in Jakarta.
var (
	Noon = time.Date(2026, 11, 23, 5, 0, 0, 0, time.UTC)
	Day  = ledger.DayOf(Noon)
)

// Found is the completion of a billed call.
var Found = ledger.Completion{Class: "found", Billable: true, Duration: 1500 * time.Microsecond}

// Call is a call some time after Noon, at 1,000 rupiah.
func Call(client, request string, s ledger.Service, after time.Duration) ledger.Call {
	return ledger.Call{Service: s, Client: client, RequestID: request, At: Noon.Add(after), Price: 1000}
}

// Start starts a call.
func Start(t testing.TB, l ledger.CallLog, c ledger.Call) int64 {
	t.Helper()
	id, err := l.Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// Complete completes a call.
func Complete(t testing.TB, l ledger.CallLog, id int64, c ledger.Completion) {
	t.Helper()
	if err := l.Complete(t.Context(), id, c); err != nil {
		t.Fatal(err)
	}
}

// Usage reads a number of days from Day on.
func Usage(t testing.TB, l CallLog, days int) []ledger.Usage {
	t.Helper()
	rows, err := l.Usage(t.Context(), Day, Day+ledger.Day(days-1))
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// AssertUnavailable reports an error that does not say that there is no answer.
func AssertUnavailable(t testing.TB, what string, err error) {
	t.Helper()
	if sesuai.KindOf(err) != sesuai.KindUnavailable {
		t.Errorf("%s = %v, want an error of kind %s", what, err, sesuai.KindUnavailable)
	}
}

func (s suite) TestUsage(t *testing.T) {
	l := s.open(t)
	const a, b = "cli_a", "cli_b"
	face := Call(a, "r1", ledger.FaceCheck, 0)
	face.Price = 3000
	Complete(t, l, Start(t, l, Call(a, "r1", ledger.DataCheck, 0)), Found)
	Complete(t, l, Start(t, l, face), Found)
	Complete(t, l, Start(t, l, Call(a, "r2", ledger.DataCheck, 0)), ledger.Completion{Class: "timeout", Duration: time.Second})
	Start(t, l, Call(a, "r3", ledger.DataCheck, 0)) // the process was killed
	expensive := Call(a, "r4", ledger.DataCheck, 0)
	expensive.Price = 1100
	Complete(t, l, Start(t, l, expensive), Found)
	Complete(t, l, Start(t, l, Call(b, "r5", ledger.DataCheck, 0)), Found)
	// The last moment of the day in Jakarta, and the first of the next.
	Complete(t, l, Start(t, l, Call(b, "r6", ledger.DataCheck, 12*time.Hour-time.Microsecond)), Found)
	twice := Start(t, l, Call(b, "r7", ledger.DataCheck, 12*time.Hour))
	Complete(t, l, twice, Found)
	Complete(t, l, twice, ledger.Completion{Class: "timeout"}) // the first one stays
	Complete(t, l, twice+1000, Found)                          // no such call
	Start(t, l, Call(b, "r8", ledger.DataCheck, -24*time.Hour))

	want := []ledger.Usage{
		{Day: Day, Client: a, Service: ledger.DataCheck, Counts: ledger.Counts{Calls: 4, Billed: 2, Unknown: 1, Failed: 1, Rupiah: 2100, RupiahAtMost: 3100}},
		{Day: Day, Client: a, Service: ledger.FaceCheck, Counts: ledger.Counts{Calls: 1, Billed: 1, Rupiah: 3000, RupiahAtMost: 3000}},
		{Day: Day, Client: b, Service: ledger.DataCheck, Counts: ledger.Counts{Calls: 2, Billed: 2, Rupiah: 2000, RupiahAtMost: 2000}},
		{Day: Day + 1, Client: b, Service: ledger.DataCheck, Counts: ledger.Counts{Calls: 1, Billed: 1, Rupiah: 1000, RupiahAtMost: 1000}},
	}
	if d := cmp.Diff(want, Usage(t, l, 2)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func (s suite) TestToday(t *testing.T) {
	l := s.open(t)
	if today, err := l.Today(t.Context(), Noon); err != nil || len(today) != 0 {
		t.Errorf("Today = %v, %v", today, err)
	}
	for _, after := range []time.Duration{time.Hour, 2, -12 * time.Hour, -12*time.Hour - 1000, 12 * time.Hour} {
		Start(t, l, Call("cli_a", "r", ledger.DataCheck, after))
	}
	Start(t, l, Call("cli_b", "r", ledger.FaceCheck, time.Minute))
	today, err := l.Today(t.Context(), Noon)
	data, face := today[ledger.DataCheck], today[ledger.FaceCheck]
	if err != nil || len(today) != 2 || data.Calls != 3 || !data.First.Equal(Noon.Add(-12*time.Hour)) || face.Calls != 1 {
		t.Errorf("Today = %v, %v", today, err)
	}
}

// TestCancel: a call that was not made is not in the log. One that has a
// completion stays.
func (s suite) TestCancel(t *testing.T) {
	l := s.open(t)
	for n := range 3 {
		id := Start(t, l, Call("cli_a", fmt.Sprint(n), ledger.FaceCheck, 0))
		if n == 1 {
			Complete(t, l, id, Found)
		}
		if n > 0 {
			if err := l.Cancel(t.Context(), id); err != nil {
				t.Fatal(err)
			}
		}
	}
	want := ledger.Counts{Calls: 2, Billed: 1, Unknown: 1, Rupiah: 1000, RupiahAtMost: 2000}
	if got := ledger.Total(Usage(t, l, 1)); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func (s suite) TestStartWithAnEndedContext(t *testing.T) {
	l := s.open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := l.Start(ctx, Call("cli_a", "r", ledger.DataCheck, 0))
	AssertUnavailable(t, "Start", err)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Start = %v", err)
	}
	if got := Usage(t, l, 1); len(got) != 0 {
		t.Errorf("there is %v", got)
	}
}

// TestManyAtOnce: each call is in the log once and with its own completion.
func (s suite) TestManyAtOnce(t *testing.T) {
	l := s.open(t)
	const workers, each = 16, 40
	var group sync.WaitGroup
	for w := range workers {
		group.Go(func() {
			for n := range each {
				c := Call(fmt.Sprintf("cli_%02d", w), fmt.Sprint(n), ledger.DataCheck, 0)
				c.Price = int64(1 + n)
				id, err := l.Start(t.Context(), c)
				if err != nil {
					t.Error(err)
					return
				}
				if n%4 == 0 {
					continue
				}
				if err := l.Complete(t.Context(), id, ledger.Completion{Class: fmt.Sprint("class ", n), Billable: n%2 == 1}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	rows := Usage(t, l, 1)
	if len(rows) != workers {
		t.Errorf("%d clients, want %d", len(rows), workers)
	}
	want := ledger.Counts{Calls: each, Billed: each / 2, Unknown: each / 4, Failed: each / 4, Rupiah: 420, RupiahAtMost: 610}
	for _, row := range rows {
		if row.Counts != want {
			t.Errorf("%s: %+v, want %+v", row.Client, row.Counts, want)
		}
	}
}
