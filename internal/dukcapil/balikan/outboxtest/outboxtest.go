// Package outboxtest holds the conformance tests of balikan.Outbox and an
// in-memory outbox for the tests of packages that use one. It is for tests only.
package outboxtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/conformance"
	"github.com/sesuai/sesuai/internal/dukcapil/balikan"
)

// Outbox is an outbox that rows can be added to.
type Outbox interface {
	balikan.Outbox
	Add(ctx context.Context, rows ...balikan.Row) error
	Pending(ctx context.Context) (n int64, oldest time.Time, err error)
}

// Open opens two handles, as of two processes, on one outbox that is empty. Rows
// are dated by now.
type Open func(t *testing.T, now func() time.Time) (one, other Outbox)

// Run runs the conformance tests.
func Run(t *testing.T, open Open) { conformance.Run(t, suite{open}) }

type suite struct{ open Open }

// NIK is the n-th synthetic NIK.
func NIK(t testing.TB, n int) sesuai.NIK {
	t.Helper()
	nik, err := sesuai.ParseNIK(fmt.Sprintf("9999%012d", n))
	if err != nil {
		t.Fatal(err)
	}
	return nik
}

// Noon is noon in Jakarta.
var Noon = time.Date(2026, 11, 23, 5, 0, 0, 0, time.UTC)

// Row is the n-th row: of event n, from Noon.
func Row(t testing.TB, n int) balikan.Row {
	t.Helper()
	return balikan.Row{Seq: int64(n), At: Noon, Customer: fmt.Sprintf("request-%d", n), NIK: NIK(t, n)}
}

// Add adds rows from one number to another, both included.
func Add(t testing.TB, o Outbox, from, to int) {
	t.Helper()
	var rows []balikan.Row
	for n := from; n <= to; n++ {
		rows = append(rows, Row(t, n))
	}
	if err := o.Add(t.Context(), rows...); err != nil {
		t.Fatal(err)
	}
}

// Lease leases rows.
func Lease(t testing.TB, o balikan.Outbox, n int, d time.Duration) balikan.Lease {
	t.Helper()
	l, err := o.Lease(t.Context(), n, d)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// IDs returns the ids of the rows of a lease, in order.
func IDs(l balikan.Lease) []int64 {
	ids := []int64{}
	for _, r := range l.Rows {
		ids = append(ids, r.ID)
	}
	slices.Sort(ids)
	return ids
}

// Clock is a clock that stands still until it is moved.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock returns a clock that shows Noon.
func NewClock() *Clock { return &Clock{now: Noon} }

// Now is the time that the clock shows.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Move moves the clock.
func (c *Clock) Move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func assertIDs(t *testing.T, l balikan.Lease, want ...int64) {
	t.Helper()
	if d := cmp.Diff(append([]int64{}, want...), IDs(l)); d != "" {
		t.Errorf("leased (-want +got):\n%s", d)
	}
}

func (s suite) TestLeases(t *testing.T) {
	c := NewClock()
	one, other := s.open(t, c.Now)
	Add(t, one, 4, 8)
	first := Lease(t, one, 3, time.Minute)
	assertIDs(t, first, 4, 5, 6)
	for _, r := range first.Rows {
		if n := int(r.ID); !r.NIK.Equal(NIK(t, n)) || r.Customer != fmt.Sprintf("request-%d", n) || r.Tries != 1 {
			t.Errorf("row %d: customer %s, try %d, or the NIK of another", r.ID, r.Customer, r.Tries)
		}
	}
	second := Lease(t, other, 10, time.Minute)
	assertIDs(t, second, 7, 8)
	if second.Token == first.Token {
		t.Error("two leases have one token")
	}
	assertIDs(t, Lease(t, one, 10, time.Minute))

	// Some are delivered, one is postponed.
	if err := one.Delivered(t.Context(), []int64{4, 5}); err != nil {
		t.Fatal(err)
	}
	if err := one.Postpone(t.Context(), first.Token, []int64{5, 6}, Noon.Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	c.Move(time.Second)
	again := Lease(t, other, 10, time.Hour)
	assertIDs(t, again, 6)
	if again.Rows[0].Tries != 2 {
		t.Errorf("it is try %d", again.Rows[0].Tries)
	}

	// After a lease has expired its token postpones nothing. A delivery under
	// it still counts.
	c.Move(time.Minute)
	taken := Lease(t, one, 10, time.Hour)
	assertIDs(t, taken, 7, 8)
	if err := other.Postpone(t.Context(), second.Token, []int64{7, 8}, c.Now()); err != nil {
		t.Fatal(err)
	}
	assertIDs(t, Lease(t, other, 10, time.Hour))
	if err := other.Delivered(t.Context(), []int64{7}); err != nil {
		t.Fatal(err)
	}
	if err := one.Postpone(t.Context(), taken.Token, []int64{7, 8}, c.Now()); err != nil {
		t.Fatal(err)
	}
	assertIDs(t, Lease(t, other, 10, time.Hour), 8)
	if n, oldest, err := one.Pending(t.Context()); err != nil || n != 2 || !oldest.Equal(Noon) {
		t.Errorf("Pending = %d, %v, %v", n, oldest, err)
	}
}

// TestLeasesAtOnce: no row is leased twice.
func (s suite) TestLeasesAtOnce(t *testing.T) {
	one, other := s.open(t, NewClock().Now)
	const people = 200
	Add(t, one, 1, people)
	var group sync.WaitGroup
	var mu sync.Mutex
	leased := make(map[int64]int)
	for w := range 8 {
		o := one
		if w%2 == 1 {
			o = other
		}
		group.Go(func() {
			for range 5 {
				l, err := o.Lease(t.Context(), 7, time.Hour)
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				for _, r := range l.Rows {
					leased[r.ID]++
				}
				mu.Unlock()
				if w%3 == 0 {
					if err := o.Delivered(t.Context(), IDs(l)); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	group.Wait()
	for id, n := range leased {
		if n != 1 {
			t.Errorf("row %d was leased %d times", id, n)
		}
	}
	rest := Lease(t, one, people, time.Hour)
	if len(leased)+len(rest.Rows) != people {
		t.Errorf("%d were leased before and %d after, of %d", len(leased), len(rest.Rows), people)
	}
}

func (s suite) TestEndedContext(t *testing.T) {
	o, _ := s.open(t, NewClock().Now)
	Add(t, o, 1, 1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, leaseErr := o.Lease(ctx, 1, time.Minute)
	_, _, pendingErr := o.Pending(ctx)
	for what, err := range map[string]error{
		"Lease": leaseErr, "Pending": pendingErr, "Delivered": o.Delivered(ctx, []int64{1}),
		"Postpone": o.Postpone(ctx, [16]byte{}, []int64{1}, Noon),
	} {
		if sesuai.KindOf(err) != sesuai.KindUnavailable || !errors.Is(err, context.Canceled) {
			t.Errorf("%s = %v", what, err)
		}
	}
	assertIDs(t, Lease(t, o, 1, time.Minute), 1)
}
