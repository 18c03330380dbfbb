package recorder_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/audit/audittest"
	"github.com/sesuai/sesuai/internal/dukcapil/balikan"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/recorder"
	"github.com/sesuai/sesuai/internal/sqldb"
	"github.com/sesuai/sesuai/internal/sqldb/pgtest"
	"github.com/sesuai/sesuai/internal/sqldb/sqltest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(pgtest.Main{M: m}) }

var engines = sqltest.New(audit.Migrations)

// log is a Recorder with its trail and database.
type log struct {
	*recorder.Recorder
	trail *audit.Trail
	db    *sqldb.DB
}

// openLog opens a Recorder on a database, with secrets of its own.
func openLog(t testing.TB, d sqltest.Database, outbox recorder.Outbox) log {
	t.Helper()
	db := d.Open(t)
	trail, err := audit.NewTrail(t.Context(), audit.Options{DB: db, NIK: keyring.NewSecret(), Chain: keyring.NewSecret()})
	if err != nil {
		t.Fatal(err)
	}
	audittest.Start(t, db, trail)
	r := recorder.New(recorder.Options{DB: db, Trail: trail, Outbox: outbox})
	t.Cleanup(r.Close)
	return log{r, trail, db}
}

// Events implements audittest.Log.
func (l log) Events(ctx context.Context, f audit.Filter) ([]audit.Entry, error) {
	return l.trail.Events(ctx, f)
}

// Each implements audittest.Log.
func (l log) Each(ctx context.Context, f audit.Filter, do func(audit.Entry) error) error {
	return l.trail.Each(ctx, f, do)
}

// assertIDs verifies the trail, whose events must have these request IDs.
func (l log) assertIDs(t testing.TB, want ...string) {
	t.Helper()
	events, err := l.Events(t.Context(), audit.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range slices.Backward(events) {
		got = append(got, e.RequestID)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("recorded (-want +got):\n%s", diff)
	}
	if head, err := l.trail.Verify(t.Context()); err != nil || head.Seq != int64(len(want)) {
		t.Errorf("Verify = %d, %v", head.Seq, err)
	}
}

func TestRecorder(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		audittest.Run(t, func(t *testing.T) audittest.Log {
			d.Exec(t, `DELETE FROM audit_events`)
			d.Exec(t, `UPDATE audit_head SET seq = 0, hash = zeroblob(32), mac = x''`)
			return openLog(t, d, nil)
		})
	})
}

// outbox is an Outbox that has its rows in a table of the test, so that what was
// rolled back is not in it.
type outbox struct {
	mu   sync.Mutex
	rows map[int64]balikan.Row
	err  error
}

// newOutbox creates the table.
func newOutbox(t *testing.T, d sqltest.Database) *outbox {
	t.Helper()
	d.Exec(t, `CREATE TABLE test_outbox (seq BIGINT PRIMARY KEY)`)
	return &outbox{rows: make(map[int64]balikan.Row)}
}

func (o *outbox) fail(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.err = err
}

func (o *outbox) AddTx(ctx context.Context, tx *sqldb.Tx, rows []balikan.Row) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(rows) == 0 {
		return errors.New("AddTx without rows")
	}
	for _, r := range rows {
		if _, err := tx.ExecContext(ctx, `INSERT INTO test_outbox (seq) VALUES ($1)`, r.Seq); err != nil {
			return err
		}
		o.rows[r.Seq] = r
	}
	return o.err
}

// committed returns the rows that were committed, in order.
func (o *outbox) committed(t *testing.T, db *sqldb.DB) []balikan.Row {
	t.Helper()
	rows, err := sqldb.Collect(t.Context(), db.Read(), func(rows *sql.Rows) (balikan.Row, error) {
		var seq int64
		err := rows.Scan(&seq)
		return o.rows[seq], err
	}, `SELECT seq FROM test_outbox ORDER BY seq`)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// TestOutbox: the data of each verified person is returned, and of nobody else: not after
// an operator's trial.
func TestOutbox(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		o := newOutbox(t, d)
		l := openLog(t, d, o)
		var want []balikan.Row
		for n, result := range []audit.Result{audit.NotVerified, audit.Verified, audit.Refused, audit.Verified, audit.Unavailable} {
			e := audittest.Event(t, n, fmt.Sprintf("request-%d", n))
			e.Result = result
			if err := l.Append(t.Context(), e); err != nil {
				t.Fatal(err)
			}
			if result == audit.Verified {
				want = append(want, balikan.Row{Seq: int64(n + 1), At: e.Time, Customer: e.RequestID, NIK: e.NIK})
			}
		}
		trial := audittest.Event(t, 7, "trial")
		trial.Result, trial.Flags = audit.Verified, audit.Trial
		if err := l.Append(t.Context(), trial); err != nil {
			t.Fatal(err)
		}
		sameNIK := cmp.Comparer(func(a, b sesuai.NIK) bool { return a.Equal(b) })
		if diff := cmp.Diff(want, o.committed(t, l.db), sameNIK); diff != "" {
			t.Errorf("outbox (-want +got):\n%s", diff)
		}
	})
}

// TestOutboxAndTrailAreCommittedTogether: an event of a verified person is
// recorded with its row, or neither is.
func TestOutboxAndTrailAreCommittedTogether(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		o := newOutbox(t, d)
		l := openLog(t, d, o)
		full := errors.New("no")
		for _, test := range []struct {
			id  string
			err error
		}{{"first", nil}, {"second", full}, {"third", nil}} {
			o.fail(test.err)
			e := audittest.Event(t, 1, test.id)
			e.Result = audit.Verified
			err := l.Append(t.Context(), e)
			if !errors.Is(err, test.err) || test.err != nil && sesuai.KindOf(err) != sesuai.KindUnavailable {
				t.Errorf("Append = %v", err)
			}
		}
		l.assertIDs(t, "first", "third")
		for i, r := range o.committed(t, l.db) {
			if want := []string{"first", "third"}[i]; r.Seq != int64(i+1) || r.Customer != want {
				t.Errorf("row %d is %d of %s, want that of %s", i, r.Seq, r.Customer, want)
			}
		}
		// The failure is that of the batch: an event without a row fails, too.
		d.Exec(t, `ALTER TABLE audit_head RENAME TO elsewhere`)
		if err := l.Append(t.Context(), audittest.Event(t, 1, "fourth")); sesuai.KindOf(err) != sesuai.KindUnavailable {
			t.Errorf("Append = %v", err)
		}
		d.Exec(t, `ALTER TABLE elsewhere RENAME TO audit_head`)
		l.assertIDs(t, "first", "third")
	})
}

// slowOutbox blocks each transaction that it is part of.
type slowOutbox struct{ entered, release chan struct{} }

func newSlowOutbox() slowOutbox { return slowOutbox{make(chan struct{}), make(chan struct{})} }

func (o slowOutbox) AddTx(context.Context, *sqldb.Tx, []balikan.Row) error {
	o.entered <- struct{}{}
	<-o.release
	return nil
}

// appendFirst appends an event, and returns when its transaction is open.
func (o slowOutbox) appendFirst(t *testing.T, l log) <-chan error {
	t.Helper()
	e := audittest.Event(t, 1, "first")
	e.Result = audit.Verified
	outcome := make(chan error, 1)
	go func() { outcome <- l.Append(t.Context(), e) }()
	<-o.entered
	return outcome
}

// TestAppendGivesUpWithItsContext: an event that waits for another transaction
// when its context ends is never recorded.
func TestAppendGivesUpWithItsContext(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		o := newSlowOutbox()
		l := openLog(t, d, o)
		first := o.appendFirst(t, l)
		short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		err := l.Append(short, audittest.Event(t, 1, "second"))
		if sesuai.KindOf(err) != sesuai.KindUnavailable || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Append = %v", err)
		}
		close(o.release)
		if err := <-first; err != nil {
			t.Errorf("Append = %v", err)
		}
		l.assertIDs(t, "first")
	})
}

// waitingContext reports when its end is first waited for.
type waitingContext struct {
	context.Context
	waiting func()
}

func (c waitingContext) Done() <-chan struct{} {
	c.waiting()
	return c.Context.Done()
}

func TestCloseCommitsWhatWaits(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		o := newSlowOutbox()
		l := openLog(t, d, o)
		outcomes := []<-chan error{o.appendFirst(t, l)}
		for i := range 20 {
			waiting := make(chan struct{})
			ctx := waitingContext{t.Context(), sync.OnceFunc(func() { close(waiting) })}
			outcome := make(chan error, 1)
			go func() { outcome <- l.Append(ctx, audittest.Event(t, i, fmt.Sprint(i))) }()
			outcomes = append(outcomes, outcome)
			<-waiting // Append waits for its transaction
		}
		closed := make(chan struct{})
		go func() {
			l.Close()
			close(closed)
		}()
		for refused := false; !refused; { // until Close has begun
			ctx, cancel := context.WithCancel(t.Context())
			err := l.Append(waitingContext{ctx, cancel}, audittest.Event(t, 1, "late"))
			refused = errors.Is(err, sqldb.ErrClosed)
		}
		close(o.release)
		<-closed
		for i, outcome := range outcomes {
			if err := <-outcome; err != nil {
				t.Errorf("event %d: Append = %v", i, err)
			}
		}
		events, err := l.Events(t.Context(), audit.Filter{})
		if err != nil || len(events) != len(outcomes) {
			t.Errorf("%d events are recorded, want %d; %v", len(events), len(outcomes), err)
		}
		err = l.Append(t.Context(), audittest.Event(t, 1, "late"))
		if sesuai.KindOf(err) != sesuai.KindUnavailable || !errors.Is(err, sqldb.ErrClosed) {
			t.Errorf("Append after Close = %v", err)
		}
	})
}

// TestVerifyWhileAppending: a trail that grows is not taken for a broken one,
// however many pages it has.
func TestVerifyWhileAppending(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		l := openLog(t, d, nil)
		const writers, each = 8, 200
		var group sync.WaitGroup
		for w := range writers {
			group.Go(func() {
				for i := range each {
					if err := l.Append(t.Context(), audittest.Event(t, w, fmt.Sprint(i))); err != nil {
						t.Error(err)
					}
				}
			})
		}
		done := make(chan struct{})
		go func() {
			group.Wait()
			close(done)
		}()
		for appending := true; appending; {
			select {
			case <-done:
				appending = false
			default:
			}
			if _, err := l.trail.Verify(t.Context()); err != nil {
				t.Error(err)
			}
		}
		if head, err := l.trail.Verify(t.Context()); err != nil || head.Seq != writers*each {
			t.Errorf("Verify = %d, %v", head.Seq, err)
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	for engine, newDatabase := range map[string]func(testing.TB) sqltest.Database{
		"SQLite": engines.SQLite, "PostgreSQL": engines.PostgreSQL,
	} {
		for _, writers := range []int{1, 8} {
			b.Run(fmt.Sprintf("%s/writers=%d", engine, writers), func(b *testing.B) {
				l := openLog(b, newDatabase(b), nil)
				e := audittest.Event(b, 1, "request")
				b.ReportAllocs()
				b.ResetTimer()
				var group sync.WaitGroup
				for w := range writers {
					group.Go(func() {
						for i := w; i < b.N; i += writers {
							if err := l.Append(b.Context(), e); err != nil {
								b.Error(err)
							}
						}
					})
				}
				group.Wait()
			})
		}
	}
}
