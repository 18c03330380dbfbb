package store_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/dukcapil/balikan"
	"github.com/sesuai/sesuai/internal/registry/registrytest"
	"github.com/sesuai/sesuai/internal/store"
)

// clock is a clock that stands still until it is moved.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// openReturning opens a store with an outbox, on that clock.
func openReturning(t testing.TB, dir string, c *clock) *store.Store {
	t.Helper()
	return openWith(t, dir, func(o *store.Options) { o.Returns, o.Now = true, c.Now })
}

// verify records that the person of that number was verified.
func verify(t testing.TB, s *store.Store, n int) {
	t.Helper()
	e := event(t, n, fmt.Sprintf("request-%d", n))
	e.Result = audit.Verified
	if err := s.Append(t.Context(), e); err != nil {
		t.Fatal(err)
	}
}

func claim(t testing.TB, s *store.Store, n int, lease time.Duration) balikan.Claim {
	t.Helper()
	c, err := s.Claim(t.Context(), n, lease)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// idsOf are the events that are claimed, in order.
func idsOf(c balikan.Claim) []int64 {
	ids := []int64{}
	for _, o := range c.Owed {
		ids = append(ids, o.ID)
	}
	slices.Sort(ids)
	return ids
}

func TestReturns(t *testing.T) {
	dir := t.TempDir()
	c := &clock{now: noon}
	s := openReturning(t, dir, c)
	for n, result := range []audit.Result{audit.NotVerified, audit.Refused, audit.Unavailable} {
		e := event(t, n, "other")
		e.Result = result
		if err := s.Append(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	for n := range 5 {
		verify(t, s, n)
	}
	first := claim(t, s, 3, time.Minute)
	equal(t, idsOf(first), []int64{4, 5, 6})
	for _, o := range first.Owed {
		n := int(o.ID) - 4
		if !o.NIK.Equal(registrytest.NIK(t, n)) || o.Customer != fmt.Sprintf("request-%d", n) || o.Tries != 1 {
			t.Errorf("event %d: customer %s, try %d, or another NIK", o.ID, o.Customer, o.Tries)
		}
	}
	other := openReturning(t, dir, c)
	second := claim(t, other, 10, time.Minute)
	equal(t, idsOf(second), []int64{7, 8})
	if second.Token == first.Token {
		t.Error("two claims have one token")
	}
	equal(t, idsOf(claim(t, s, 10, time.Minute)), []int64{})

	// Delivered in part, the rest given back for later.
	if err := s.Delivered(t.Context(), []int64{4, 5}); err != nil {
		t.Fatal(err)
	}
	if err := s.Postpone(t.Context(), first.Token, []int64{5, 6}, noon.Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	c.move(time.Second)
	again := claim(t, other, 10, time.Hour)
	equal(t, idsOf(again), []int64{6})
	if again.Owed[0].Tries != 2 {
		t.Errorf("it is try %d", again.Owed[0].Tries)
	}

	// A claim that has ended is another's; its token moves nothing any more,
	// but what it delivered is delivered.
	c.move(time.Minute)
	taken := claim(t, s, 10, time.Hour)
	equal(t, idsOf(taken), []int64{7, 8})
	if err := other.Postpone(t.Context(), second.Token, []int64{7, 8}, c.Now()); err != nil {
		t.Fatal(err)
	}
	equal(t, idsOf(claim(t, other, 10, time.Hour)), []int64{})
	if err := other.Delivered(t.Context(), []int64{7}); err != nil {
		t.Fatal(err)
	}
	if err := s.Postpone(t.Context(), taken.Token, []int64{7, 8}, c.Now()); err != nil {
		t.Fatal(err)
	}
	equal(t, idsOf(claim(t, other, 10, time.Hour)), []int64{8})

	var left, sealed int
	s.QueryForTest(t, `SELECT count(*), count(sealed) FROM returns`, &left, &sealed)
	if left != 5 || sealed != 2 {
		t.Errorf("%d rows, %d with a NIK; want 5 and 2", left, sealed)
	}
	if n, _, err := s.Outstanding(t.Context()); err != nil || n != 2 {
		t.Errorf("%d are outstanding, %v", n, err)
	}
}

// TestReturnsAreOfTheTrail: no row without its event and no event without its
// row, when the batch fails as well.
func TestReturnsAreOfTheTrail(t *testing.T) {
	dir := t.TempDir()
	s := openReturning(t, dir, &clock{now: noon})
	verify(t, s, 1)
	s.ExecForTest(t, `ALTER TABLE returns RENAME TO elsewhere`)
	e := event(t, 2, "r")
	e.Result = audit.Verified
	assertUnanswered(t, "Append", s.Append(t.Context(), e))
	s.ExecForTest(t, `ALTER TABLE elsewhere RENAME TO returns`)
	if head, err := s.VerifyTrail(t.Context()); err != nil || head.Seq != 1 {
		t.Errorf("the trail has %d events, %v", head.Seq, err)
	}
	verify(t, s, 3)
	equal(t, idsOf(claim(t, s, 10, time.Minute)), []int64{1, 2})

	// Where nothing is returned, nothing is noted.
	verify(t, open(t, dir), 4)
	equal(t, idsOf(claim(t, s, 10, time.Minute)), []int64{})
}

// TestSendersTogether: several that claim at once are never given the same.
func TestSendersTogether(t *testing.T) {
	dir := t.TempDir()
	c := &clock{now: noon}
	stores := []*store.Store{openReturning(t, dir, c), openReturning(t, dir, c)}
	const people = 200
	var group sync.WaitGroup
	for w := range 8 {
		group.Go(func() {
			for n := w; n < people; n += 8 {
				verify(t, stores[w%2], n)
			}
		})
	}
	group.Wait()
	var mu sync.Mutex
	given := make(map[int64]int)
	for w := range 8 {
		group.Go(func() {
			for range 5 {
				got, err := stores[w%2].Claim(t.Context(), 7, time.Hour)
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				for _, o := range got.Owed {
					given[o.ID]++
				}
				mu.Unlock()
				if w%3 == 0 {
					if err := stores[w%2].Delivered(t.Context(), idsOf(got)); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	group.Wait()
	for id, n := range given {
		if n != 1 {
			t.Errorf("event %d was given %d times", id, n)
		}
	}
	rest := claim(t, stores[0], people, time.Hour)
	if len(given)+len(rest.Owed) != people {
		t.Errorf("%d were given, and %d are left", len(given), len(rest.Owed))
	}
}

// TestDamagedReturns: what does not open in its row is counted, and in nobody's
// way.
func TestDamagedReturns(t *testing.T) {
	for _, statement := range []string{
		`UPDATE returns SET sealed = CAST(substr(sealed, 1, 20) || x'0000000000000000' || substr(sealed, 29) AS BLOB) WHERE seq = 1`,
		`UPDATE returns SET sealed = x'' WHERE seq = 1`,
		`UPDATE returns SET sealed = NULL WHERE seq = 1`,
		`UPDATE returns SET customer = 'request-2' WHERE seq = 1`,
		`UPDATE returns SET sealed = (SELECT b.sealed FROM returns b WHERE b.seq = 2) WHERE seq = 1`,
		`UPDATE returns SET seq = 257 WHERE seq = 1`,
	} {
		s := openReturning(t, t.TempDir(), &clock{now: noon})
		verify(t, s, 1)
		verify(t, s, 2)
		s.ExecForTest(t, inEngine(statement))
		c := claim(t, s, 10, time.Minute)
		if c.Damaged != 1 || len(c.Owed) != 1 || c.Owed[0].ID != 2 {
			t.Errorf("%s: %d damaged, %d not", statement, c.Damaged, len(c.Owed))
		}
		if c := claim(t, s, 10, time.Minute); c.Damaged != 0 {
			t.Errorf("%s: it is claimed again at once", statement)
		}
	}
}

// TestReturnsOutliveARotation: what was sealed before it opens after it, and
// what is noted while people are moved, too, by a process that knows nothing of
// it.
func TestReturnsOutliveARotation(t *testing.T) {
	dir := t.TempDir()
	c := &clock{now: time.Now()}
	strangers := func(o *store.Options) { o.Returns, o.Strangers, o.Now = true, true, c.Now }
	s, other := openWith(t, dir, strangers), openWith(t, dir, strangers)
	for n := range 50 {
		enrol(t, s, n)
		verify(t, s, n)
		seen(t, s, 1000+n, probe(n, "a", 0), false)
	}
	addKey(t, s, 2)
	done := make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		for n := 50; n < 100; n++ {
			verify(t, other, n)
			seen(t, other, 1000+n, probe(n, "a", 0), false)
		}
		close(done)
	})
	if r, err := s.Rotate(t.Context(), nil); err != nil || !r.Retired {
		t.Fatal(r, err)
	}
	<-done
	group.Wait()
	for _, which := range []*store.Store{openWith(t, dir, strangers), other} {
		for n := range 100 {
			seen(t, which, 1000+n, probe(n, "b", time.Second), true)
		}
		got := claim(t, which, 60, time.Hour)
		if len(got.Owed) == 0 || got.Damaged > 0 {
			t.Errorf("%d are owed, %d damaged", len(got.Owed), got.Damaged)
		}
		for _, o := range got.Owed {
			n, err := strconv.Atoi(strings.TrimPrefix(o.Customer, "request-"))
			if err != nil || !o.NIK.Equal(registrytest.NIK(t, n)) {
				t.Errorf("event %d has the NIK of another", o.ID)
			}
		}
		if err := which.Delivered(t.Context(), idsOf(got)); err != nil {
			t.Fatal(err)
		}
	}
	if n, _, err := s.Outstanding(t.Context()); err != nil || n != 0 {
		t.Errorf("%d are outstanding, %v", n, err)
	}
}

func TestOutboxWithoutTime(t *testing.T) {
	s := openReturning(t, t.TempDir(), &clock{now: noon})
	verify(t, s, 1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, claimErr := s.Claim(ctx, 1, time.Minute)
	_, _, outstandingErr := s.Outstanding(ctx)
	for what, err := range map[string]error{
		"Claim": claimErr, "Outstanding": outstandingErr, "Delivered": s.Delivered(ctx, []int64{1}),
		"Postpone": s.Postpone(ctx, [16]byte{}, []int64{1}, noon),
	} {
		assertUnanswered(t, what, err)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s = %v", what, err)
		}
	}
	equal(t, idsOf(claim(t, s, 1, time.Minute)), []int64{1})
}
