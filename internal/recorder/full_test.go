package recorder_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/dukcapil/ledger"
	"github.com/sesuai/sesuai/internal/dukcapil/ledger/ledgertest"
	"github.com/sesuai/sesuai/internal/sqldb"
	"github.com/sesuai/sesuai/internal/sqldb/pgtest"
	"github.com/sesuai/sesuai/internal/sqldb/sqltest"
	"github.com/sesuai/sesuai/test/process"
)

// fill starts calls and verifies people until both fail. It returns how many
// were acknowledged.
func (s *service) fill(t *testing.T) (calls, verified int) {
	t.Helper()
	ids := []int64{}
	for n := range 100_000 {
		id, err := s.calls.Start(t.Context(), ledgertest.Call("cli_a", fmt.Sprint(n), ledger.DataCheck, 0))
		if err != nil {
			ledgertest.AssertUnavailable(t, "Start", err)
			break
		}
		ids = append(ids, id)
	}
	for n := range 100_000 {
		seen, err := s.verify(t.Context(), t, n, "request")
		if err != nil {
			if sesuai.KindOf(err) != sesuai.KindUnavailable {
				t.Error(err)
			}
			break
		}
		if seen {
			t.Errorf("photograph %d was sent before", n)
		}
		verified++
	}
	for _, id := range ids {
		_ = s.calls.Complete(t.Context(), id, ledgertest.Found)
	}
	if len(ids) < 10 {
		t.Fatalf("full after %d calls", len(ids))
	}
	return len(ids), verified
}

// assertHolds reports if the database has not exactly what was acknowledged, and
// perhaps events of failures.
func (s *service) assertHolds(t *testing.T, d sqltest.Database, calls, verified int) {
	t.Helper()
	var n, probes int
	d.QueryRow(t, `SELECT count(*) FROM upstream_calls`, &n)
	d.QueryRow(t, `SELECT count(*) FROM unenrolled_probes`, &probes)
	if events := s.assertSound(t, d); n != calls || events != verified || probes != verified {
		t.Errorf("%d calls, %d events and %d photographs; %d and %d were acknowledged", n, events, probes, calls, verified)
	}
}

// TestFull: SQLite's own limit stands for the full disk. The completions wait
// until there is space, and a photograph that could not be recorded was not sent.
// There may be space for the event of that.
func TestFull(t *testing.T) {
	process.Slow(t)
	d := upstreamEngines.SQLite(t)
	db := d.Open(t)
	pages := func(n int) {
		err := db.InTx(t.Context(), func(tx *sqldb.Tx) error {
			_, err := tx.ExecContext(t.Context(), fmt.Sprintf("PRAGMA max_page_count = %d", n))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	s := openServiceOn(t, db, d.Dir)
	pages(100)
	calls, verified := s.fill(t)
	s.assertHolds(t, d, calls, verified)
	pages(1_000_000)
	for start := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		if counts := s.counts(t); int(counts.Billed) == calls && counts.Unknown == 0 {
			break
		}
		if time.Since(start) > time.Minute {
			t.Fatal("the completions are not written after a minute")
		}
	}
	if seen, err := s.verify(t.Context(), t, verified, "later"); seen || err != nil {
		t.Error(seen, err)
	}
	s.assertHolds(t, d, calls, verified+1)
	s.assertRemembered(t, d)
}

// TestFullDisk fills a real, small file system.
func TestFullDisk(t *testing.T) {
	disk := pgtest.Mount(t, t.TempDir(), "size=2m")
	d := sqltest.Database{
		Options: sqldb.Options{Dir: filepath.Join(disk.Dir, "data"), Migrations: upstreamEngines.Migrations()}, Engine: sqldb.SQLite,
	}
	dir := t.TempDir()
	calls, verified := 0, 0
	t.Run("fill", func(t *testing.T) { calls, verified = openService(t, d, dir).fill(t) })
	openService(t, d, dir).assertHolds(t, d, calls, verified)
}
