package batch_test

import (
	"io"
	"strings"
	"testing"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/sqldb/sqltest"
)

// stored returns the number of batches and of rows that are stored.
func stored(t *testing.T, d sqltest.Database) (batches, rows int) {
	t.Helper()
	d.QueryRow(t, `SELECT (SELECT count(*) FROM batches), (SELECT count(*) FROM batch_rows)`, &batches, &rows)
	return batches, rows
}

// call is a reader without content that calls a function.
type call func()

func (c call) Read([]byte) (int, error) { c(); return 0, io.EOF }

// TestRemovedWhileReceived: a batch is nobody's before it has been received. If its client
// is removed meanwhile, nothing remains of it.
func TestRemovedWhileReceived(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		w := newWorld(t, d)
		some := strings.Repeat("1\n", 60) // some are stored, and some wait for more
		u := upload("")
		u.Claims = io.MultiReader(strings.NewReader("nik\n"+some), call(func() {
			var id string
			d.QueryRow(t, `SELECT id FROM batches`, &id)
			assertKind(t, w.Remove(t.Context(), "cli_a", id), sesuai.KindNothingFound)
			if all, err := w.List(t.Context(), "cli_a"); err != nil || len(all) != 0 {
				t.Errorf("listed: %v, %v", all, err)
			}
			if _, rows := stored(t, d); rows != 50 {
				t.Errorf("%d rows are stored", rows)
			}
			w.clients = nil
			if err := w.Sweep(t.Context()); err != nil {
				t.Error(err)
			}
		}), strings.NewReader(some))
		_, err := w.Add(t.Context(), u)
		assertKind(t, err, sesuai.KindUnavailable)
		if batches, rows := stored(t, d); batches+rows != 0 {
			t.Errorf("%d batches and %d rows remain", batches, rows)
		}
	})
}

// TestRemovedWhileItRuns: no further row is verified, though not all rows are removed yet.
func TestRemovedWhileItRuns(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		w := newWorld(t, d)
		w.add(t, "nik\n1\n2\n3\n")
		w.during = func() { d.Exec(t, `UPDATE batches SET state = 'removed'`) }
		_ = w.work(t, 2, 4) // the batch cannot be finished: it is altered
		if len(w.verified) != 1 {
			t.Errorf("verified %v", w.verified)
		}
	})
}

// TestSweepBesideAnAlteredBatch: it alerts of that, and removes what is old nevertheless.
func TestSweepBesideAnAlteredBatch(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		w := newWorld(t, d)
		w.add(t, "nik\n1\n")
		w.add(t, "nik\n1\n")
		d.Exec(t, `UPDATE batches SET total = 2 WHERE number = 1`)
		w.clients = nil
		assertKind(t, w.Sweep(t.Context()), sesuai.KindUnavailable)
		if batches, rows := stored(t, d); batches != 1 || rows != 1 || len(w.altered) != 1 {
			t.Errorf("%d batches and %d rows remain, alerts %v", batches, rows, w.altered)
		}
	})
}
