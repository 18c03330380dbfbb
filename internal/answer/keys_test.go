package answer_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/answer"
	"github.com/sesuai/sesuai/internal/answer/answertest"
	"github.com/sesuai/sesuai/internal/dukcapil/balikan/outboxtest"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/sqldb"
	"github.com/sesuai/sesuai/internal/sqldb/sqltest"
)

// nodes are two handles on one database, as of two processes, and their clock. A lease
// is not renewed in the time of a test.
type nodes struct {
	*outboxtest.Clock
	one, other *stored
}

const lease = time.Hour

func openNodes(t *testing.T, d sqltest.Database) nodes {
	t.Helper()
	n, secret := nodes{Clock: outboxtest.NewClock()}, keyring.NewSecret()
	for _, s := range []**stored{&n.one, &n.other} {
		*s = open(t, d, secret, answertest.MaxAge, n.Now)
	}
	return n
}

func keyOf(client, text string, request byte) answer.Key {
	return answer.Key{Client: client, Text: text, Request: [32]byte{request}}
}

// reserve takes a key, which must be free.
func reserve(t *testing.T, s *stored, key answer.Key) *answer.Reservation {
	t.Helper()
	taken, err := s.Reserve(t.Context(), key)
	if err != nil || taken.Reservation == nil || taken.Answer != nil {
		t.Fatalf("Reserve = %+v, %v; want a reservation", taken, err)
	}
	return taken.Reservation
}

// give answers a key, as the recorder does. It returns answer.ErrLost if it is lost.
func (s *stored) give(ctx context.Context, row answer.Row) error {
	err := s.db.InTx(ctx, func(tx *sqldb.Tx) error {
		lost, err := s.HoldTx(ctx, tx, []*answer.Reservation{row.Key})
		if err != nil || len(lost) > 0 {
			return errors.Join(err, answer.ErrLost)
		}
		return s.AddTx(ctx, tx, []answer.Row{row})
	})
	if err == nil {
		row.Key.Answered()
	}
	return err
}

// rowOf is the answer to a key.
func rowOf(n int, r *answer.Reservation) answer.Row {
	row := answertest.Row(n, "cli_a", fmt.Sprint("request-", n), "order-7")
	row.Status, row.Key = 400, r
	return row
}

// assertAnswered checks that a key is answered, at either node.
func (n nodes) assertAnswered(t *testing.T, key answer.Key, want answer.Row) {
	t.Helper()
	want.Key = nil
	for _, s := range []*stored{n.one, n.other} {
		taken, err := s.Reserve(t.Context(), key)
		if err != nil || taken.Reservation != nil || taken.Answer == nil {
			t.Errorf("Reserve = %+v, %v; want an answer", taken, err)
			continue
		}
		if diff := cmp.Diff(want.Answer, *taken.Answer, cmpopts.IgnoreUnexported(answer.Reservation{})); diff != "" {
			t.Errorf("the answer (-want +got):\n%s", diff)
		}
		if given, err := s.Await(t.Context(), key); err != nil || string(given.Body) != string(want.Body) {
			t.Errorf("Await = %+v, %v", given, err)
		}
	}
}

// assertBusy checks that another call has the key.
func assertBusy(t *testing.T, s *stored, key answer.Key) {
	t.Helper()
	if taken, err := s.Reserve(t.Context(), key); err != nil || taken != (answer.Taken{}) {
		t.Errorf("Reserve = %+v, %v; want that another call has the key", taken, err)
	}
}

// eachNodes runs a test on each engine.
func eachNodes(t *testing.T, f func(t *testing.T, n nodes)) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) { f(t, openNodes(t, d)) })
}

// TestKey: one call has a key until it is answered, and then it has that answer for a
// day. Other keys, and the same one of another client, are others.
func TestKey(t *testing.T) {
	eachNodes(t, func(t *testing.T, n nodes) {
		key := keyOf("cli_a", "key-1", 1)
		r := reserve(t, n.one, key)
		assertBusy(t, n.one, key)
		assertBusy(t, n.other, key)
		for _, other := range []answer.Key{keyOf("cli_b", "key-1", 1), keyOf("cli_a", "key-2", 1)} {
			reserve(t, n.other, other).Release()
		}
		row := rowOf(1, r)
		if err := n.one.give(t.Context(), row); err != nil {
			t.Fatal(err)
		}
		r.Release()
		n.assertAnswered(t, key, row)
		found, err := n.other.ByRequest(t.Context(), "cli_a", row.Request)
		row.Key = nil
		answertest.AssertFound(t, "by request", found, err, row)

		n.Move(answer.KeyMaxAge)
		n.assertAnswered(t, key, row)
		n.Move(time.Second)
		reserve(t, n.other, key).Release()
		reserve(t, n.one, keyOf("cli_a", "key-1", 2)).Release() // for anything
	})
}

// TestKeyReused: a key is for one request, whether that is answered or not.
func TestKeyReused(t *testing.T) {
	eachNodes(t, func(t *testing.T, n nodes) {
		r := reserve(t, n.one, keyOf("cli_a", "key-1", 1))
		assertReused := func() {
			t.Helper()
			for _, s := range []*stored{n.one, n.other} {
				if taken, err := s.Reserve(t.Context(), keyOf("cli_a", "key-1", 2)); sesuai.KindOf(err) != sesuai.KindKeyReused || taken != (answer.Taken{}) {
					t.Errorf("Reserve = %+v, %v", taken, err)
				}
				if _, err := s.Await(t.Context(), keyOf("cli_a", "key-1", 2)); sesuai.KindOf(err) != sesuai.KindKeyReused {
					t.Errorf("Await = %v", err)
				}
			}
		}
		assertReused()
		if err := n.one.give(t.Context(), rowOf(1, r)); err != nil {
			t.Fatal(err)
		}
		r.Release()
		assertReused()

		// One whose call has died belongs to its request, too.
		dead := reserve(t, n.one, keyOf("cli_a", "key-2", 1))
		n.Move(lease + time.Second)
		if _, err := n.other.Reserve(t.Context(), keyOf("cli_a", "key-2", 2)); sesuai.KindOf(err) != sesuai.KindKeyReused {
			t.Errorf("Reserve = %v", err)
		}
		dead.Release()
		reserve(t, n.other, keyOf("cli_a", "key-2", 2)).Release() // nothing was answered
	})
}

// TestReleased: a key that was released without an answer is free, and who waited for it
// gets none.
func TestReleased(t *testing.T) {
	eachNodes(t, func(t *testing.T, n nodes) {
		key := keyOf("cli_a", "key-1", 1)
		r := reserve(t, n.one, key)
		waited := make(chan error, 1)
		go func() {
			_, err := n.other.Await(t.Context(), key)
			waited <- err
		}()
		r.Release()
		if err := <-waited; !errors.Is(err, answer.ErrUnanswered) {
			t.Errorf("Await = %v", err)
		}
		if err := n.one.give(t.Context(), rowOf(1, r)); !errors.Is(err, answer.ErrLost) {
			t.Errorf("a call that has released its key answers: %v", err)
		}
		next := reserve(t, n.other, key)
		defer next.Release()
		if err := n.other.give(t.Context(), rowOf(2, next)); err != nil {
			t.Error(err)
		}
		n.assertAnswered(t, key, rowOf(2, next))
	})
}

// TestLost: a call that has lost its key to another cannot answer it, and to release it
// has no effect.
func TestLost(t *testing.T) {
	eachNodes(t, func(t *testing.T, n nodes) {
		key := keyOf("cli_a", "key-1", 1)
		slow := reserve(t, n.one, key)
		n.Move(lease + time.Second)
		if _, err := n.other.Await(t.Context(), key); !errors.Is(err, answer.ErrUnanswered) {
			t.Errorf("Await = %v", err)
		}
		next := reserve(t, n.other, key)
		assertBusy(t, n.one, key)
		if err := n.one.give(t.Context(), rowOf(1, slow)); !errors.Is(err, answer.ErrLost) {
			t.Errorf("the slow call answers: %v", err)
		}
		slow.Release()
		assertBusy(t, n.one, key)
		if err := n.other.give(t.Context(), rowOf(2, next)); err != nil {
			t.Error(err)
		}
		if err := n.one.give(t.Context(), rowOf(1, slow)); !errors.Is(err, answer.ErrLost) {
			t.Errorf("the slow call answers: %v", err)
		}
		next.Release()
		n.assertAnswered(t, key, rowOf(2, next))

		// One whose lease has ended, and that nobody else has taken, is still its own.
		late := reserve(t, n.one, keyOf("cli_a", "key-2", 1))
		defer late.Release()
		n.Move(lease + time.Second)
		if err := n.one.give(t.Context(), rowOf(3, late)); err != nil {
			t.Error(err)
		}
		n.assertAnswered(t, keyOf("cli_a", "key-2", 1), rowOf(3, late))
	})
}

// TestAnswerWithoutEvent: an answer that has no event is stored under its key alone, and
// not if another call has taken the key.
func TestAnswerWithoutEvent(t *testing.T) {
	eachNodes(t, func(t *testing.T, n nodes) {
		key := keyOf("cli_a", "upload", 1)
		late := reserve(t, n.one, key)
		n.Move(lease + time.Second)
		r := reserve(t, n.other, key)
		give := func(s *stored, row answer.Row) error {
			return s.db.InTx(t.Context(), func(tx *sqldb.Tx) error { return s.AnswerTx(t.Context(), tx, row) })
		}
		if err := give(n.one, rowOf(1, late)); !errors.Is(err, answer.ErrLost) {
			t.Errorf("with a lost key: %v", err)
		}
		late.Release()
		assertBusy(t, n.one, key)
		want := rowOf(2, r)
		if err := give(n.other, want); err != nil {
			t.Error(err)
		}
		r.Release() // although nobody has called Answered
		n.assertAnswered(t, key, want)
		if found, err := n.one.ByRequest(t.Context(), "cli_a", want.Request); err != nil || len(found.Rows) != 0 {
			t.Errorf("found by its request: %+v, %v", found, err)
		}
	})
}

// TestRolledBack: an answer whose transaction was rolled back is none.
func TestRolledBack(t *testing.T) {
	eachNodes(t, func(t *testing.T, n nodes) {
		key, no := keyOf("cli_a", "key-1", 1), errors.New("no")
		r := reserve(t, n.one, key)
		err := n.one.db.InTx(t.Context(), func(tx *sqldb.Tx) error {
			lost, err := n.one.HoldTx(t.Context(), tx, []*answer.Reservation{r})
			if err != nil || len(lost) > 0 {
				t.Errorf("HoldTx = %d, %v", len(lost), err)
			}
			return errors.Join(n.one.AddTx(t.Context(), tx, []answer.Row{rowOf(1, r)}), no)
		})
		if !errors.Is(err, no) {
			t.Error(err)
		}
		assertBusy(t, n.other, key)
		r.Release()
		reserve(t, n.other, key).Release()
	})
}

// TestOneHasTheKey: of many calls at both nodes one has the key. The others get its
// answer.
func TestOneHasTheKey(t *testing.T) {
	eachNodes(t, func(t *testing.T, n nodes) {
		const calls = 32
		key := keyOf("cli_a", "key-1", 1)
		bodies := make(chan string, calls)
		var group sync.WaitGroup
		for i := range calls {
			group.Go(func() {
				s := []*stored{n.one, n.other}[i%2]
				taken, err := s.Reserve(t.Context(), key)
				if err != nil {
					t.Error(err)
					return
				}
				if r := taken.Reservation; r != nil {
					defer r.Release()
					row := rowOf(i+1, r)
					if err := s.give(t.Context(), row); err != nil {
						t.Error(err)
					}
					bodies <- string(row.Body)
					return
				}
				if taken.Answer == nil {
					given, err := s.Await(t.Context(), key)
					if err != nil {
						t.Error(err)
					}
					taken.Answer = &given
				}
				bodies <- string(taken.Answer.Body)
			})
		}
		group.Wait()
		close(bodies)
		different := make(map[string]int)
		for body := range bodies {
			different[body]++
		}
		if len(different) != 1 {
			t.Errorf("answered are %v", different)
		}
	})
}

// TestAwaitEnds: nobody waits for longer than its context.
func TestAwaitEnds(t *testing.T) {
	eachNodes(t, func(t *testing.T, n nodes) {
		key := keyOf("cli_a", "key-1", 1)
		defer reserve(t, n.one, key).Release()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		if _, err := n.other.Await(ctx, key); !errors.Is(err, answer.ErrUnanswered) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Await = %v", err)
		}
		if _, err := n.one.Reserve(ctx, keyOf("cli_a", "key-2", 1)); sesuai.KindOf(err) != sesuai.KindUnavailable || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Reserve = %v", err)
		}
	})
}

// TestRenewed: the lease of a call that takes long is renewed.
func TestRenewed(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		db := d.Open(t)
		s, err := answer.NewStore(t.Context(), answer.StoreOptions{DB: db, Secret: keyring.NewSecret(), Lease: 30 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		taken, err := s.Reserve(t.Context(), keyOf("cli_a", "key-1", 1))
		if err != nil {
			t.Fatal(err)
		}
		var first, later int64
		for d.QueryRow(t, `SELECT lease FROM idempotency_keys`, &first); later <= first; time.Sleep(time.Millisecond) {
			d.QueryRow(t, `SELECT lease FROM idempotency_keys`, &later)
		}
		taken.Reservation.Release()
		if n := countRows(t, d, "idempotency_keys"); n != 0 {
			t.Errorf("%d keys remain", n)
		}
	})
}

// TestAlteredKey: a stored answer to a key that was changed, or moved to another key, is
// not given.
func TestAlteredKey(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		for about, change := range map[string]struct {
			statement string
			failed    int // of two keys
		}{
			"later":             {`UPDATE idempotency_keys SET at = at + 1`, 2},
			"that of the other": {`UPDATE idempotency_keys SET sealed = (SELECT sealed FROM idempotency_keys ORDER BY sealed LIMIT 1)`, 1},
			"another request":   {`UPDATE idempotency_keys SET request = zeroblob(32)`, 2},
			"erased":            {`UPDATE idempotency_keys SET sealed = NULL`, 2},
		} {
			d := engines.New(t, d.Engine)
			n := openNodes(t, d)
			keys := []answer.Key{keyOf("cli_a", "key-1", 1), keyOf("cli_a", "key-2", 2)}
			for i, key := range keys {
				r := reserve(t, n.one, key)
				if err := n.one.give(t.Context(), rowOf(i+1, r)); err != nil {
					t.Fatal(err)
				}
				r.Release()
			}
			d.Exec(t, change.statement)
			failed := 0
			for i, key := range keys {
				taken, err := n.one.Reserve(t.Context(), key)
				switch {
				case err != nil && taken == (answer.Taken{}):
					failed++
				case err != nil || taken.Answer == nil || taken.Answer.Request != fmt.Sprint("request-", i+1):
					t.Errorf("%s: Reserve = %+v, %v", about, taken, err)
				}
			}
			if failed != change.failed || len(n.one.altered) != failed {
				t.Errorf("%s: %d of 2 are not given, alerts %q", about, failed, n.one.altered)
			}
		}
	})
}

// TestExpiredKeysAreRemoved: and others are not.
func TestExpiredKeysAreRemoved(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		n := openNodes(t, d)
		for i := range 3 {
			r := reserve(t, n.one, keyOf("cli_a", fmt.Sprint("key-", i), 1))
			if err := n.one.give(t.Context(), rowOf(i+1, r)); err != nil {
				t.Fatal(err)
			}
			r.Release()
			n.Move(time.Minute)
		}
		n.Move(answer.KeyMaxAge - 2*time.Minute)
		runUntil(t, n.one, func() bool { return countRows(t, d, "idempotency_keys") <= 2 })
		if remaining := countRows(t, d, "idempotency_keys"); remaining != 2 {
			t.Errorf("%d keys remain of 3", remaining)
		}
	})
}

// TestKeyWithoutAnswers: a key is answered again although no answers are stored to be
// looked up.
func TestKeyWithoutAnswers(t *testing.T) {
	d := engines.SQLite(t)
	s := open(t, d, keyring.NewSecret(), 0, noon)
	key := keyOf("cli_a", "key-1", 1)
	r := reserve(t, s, key)
	if err := s.give(t.Context(), rowOf(1, r)); err != nil {
		t.Fatal(err)
	}
	r.Release()
	taken, err := s.Reserve(t.Context(), key)
	if err != nil || taken.Answer == nil || taken.Answer.Request != "request-1" || count(t, d) != 0 {
		t.Errorf("Reserve = %+v, %v, and %d answers are stored", taken, err, count(t, d))
	}
}
