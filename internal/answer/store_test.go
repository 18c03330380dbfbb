package answer_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/answer"
	"github.com/sesuai/sesuai/internal/answer/answertest"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/sqldb"
	"github.com/sesuai/sesuai/internal/sqldb/pgtest"
	"github.com/sesuai/sesuai/internal/sqldb/sqltest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(pgtest.Main{M: m}) }

var engines = sqltest.New(answer.Migrations)

// stored is a Store with its database, and the tables that it has alerted of.
type stored struct {
	*answer.Store
	db      *sqldb.DB
	altered []string
}

// Add implements answertest.Answers.
func (s *stored) Add(ctx context.Context, rows ...answer.Row) error {
	return s.db.InTx(ctx, func(tx *sqldb.Tx) error { return s.AddTx(ctx, tx, rows) })
}

func open(t testing.TB, d sqltest.Database, secret *keyring.Secret, maxAge time.Duration, now func() time.Time) *stored {
	t.Helper()
	s := &stored{db: d.Open(t)}
	var err error
	s.Store, err = answer.NewStore(t.Context(), answer.StoreOptions{
		DB: s.db, Secret: secret, MaxAge: maxAge, Lease: lease, Now: now, Alert: func(table string) { s.altered = append(s.altered, table) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func TestConformance(t *testing.T) {
	t.Run("memory", func(t *testing.T) {
		answertest.Run(t, func(_ *testing.T, now func() time.Time) answertest.Answers { return &answertest.Memory{Now: now} })
	})
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		answertest.Run(t, func(t *testing.T, now func() time.Time) answertest.Answers {
			return open(t, engines.New(t, d.Engine), keyring.NewSecret(), answertest.MaxAge, now)
		})
	})
}

func noon() time.Time { return answertest.Noon }

// TestAltered: a row that was changed, or moved to another place, is not given as an
// answer, and is not the same as one that is not there.
func TestAltered(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		for about, statement := range map[string]string{
			"later":             `UPDATE answers SET at = at + 1 WHERE seq = 1`,
			"another event":     `UPDATE answers SET seq = 257 WHERE seq = 1`,
			"another answer":    `UPDATE answers SET sealed = (SELECT sealed FROM answers WHERE seq = 2) WHERE seq = 1`,
			"another reference": `UPDATE answers SET reference = NULL WHERE seq = 1`,
			"of another client": `UPDATE answers SET request = (SELECT request FROM answers WHERE seq = 1) WHERE seq = 2; DELETE FROM answers WHERE seq = 1`,
		} {
			d := engines.New(t, d.Engine)
			s := open(t, d, keyring.NewSecret(), answertest.MaxAge, noon)
			if err := s.Add(t.Context(), answertest.Row(1, "cli_a", "request-1", "order-7"), answertest.Row(2, "cli_b", "request-2", "order-7")); err != nil {
				t.Fatal(err)
			}
			d.Exec(t, statement)
			found, err := s.ByRequest(t.Context(), "cli_a", "request-1")
			if sesuai.KindOf(err) != sesuai.KindUnavailable || len(found.Rows) != 0 || len(s.altered) != 1 || s.altered[0] != "answers" {
				t.Errorf("%s: ByRequest = %+v, %v, alerts %q", about, found, err, s.altered)
			}
		}
	})
}

// TestMovedToALaterEvent: an answer that somebody has moved to an event that is yet to
// happen keeps that event's from being stored no more than if it were deleted.
func TestMovedToALaterEvent(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		s := open(t, d, keyring.NewSecret(), answertest.MaxAge, noon)
		if err := s.Add(t.Context(), answertest.Row(1, "cli_a", "request-1", "order-1")); err != nil {
			t.Fatal(err)
		}
		d.Exec(t, `UPDATE answers SET seq = 2`)
		next := answertest.Row(2, "cli_a", "request-2", "")
		if err := s.Add(t.Context(), next); err != nil {
			t.Fatal(err)
		}
		found, err := s.ByRequest(t.Context(), "cli_a", "request-2")
		answertest.AssertFound(t, "the next", found, err, next)
		found, err = s.ByReference(t.Context(), "cli_a", "order-1")
		answertest.AssertFound(t, "the one that was moved", found, err)
	})
}

// TestNothingIsReadable: the files of a database hold nothing of an answer, and
// nothing of what was removed.
func TestNothingIsReadable(t *testing.T) {
	d := engines.SQLite(t)
	now := answertest.Noon
	s := open(t, d, keyring.NewSecret(), answertest.MaxAge, func() time.Time { return now })
	row := answertest.Row(1, "cli_canary", "request-canary", "order-canary")
	row.Body = []byte(`{"body":"canary"}`)
	if err := s.Add(t.Context(), row); err != nil {
		t.Fatal(err)
	}
	var sealed []byte
	d.QueryRow(t, `SELECT sealed FROM answers`, &sealed)
	holds := func(text []byte) bool {
		files, err := filepath.Glob(filepath.Join(d.Dir, sqldb.FileName+"*"))
		if err != nil || len(files) == 0 {
			t.Fatal(files, err)
		}
		for _, file := range files {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(b, text) {
				return true
			}
		}
		return false
	}
	if holds([]byte("canary")) || !holds(sealed) {
		t.Error("the files hold something in the clear, or do not hold what was stored")
	}
	now = now.Add(answertest.MaxAge + time.Second)
	runUntil(t, s, func() bool { return !holds(sealed) })
}

// runUntil runs a Store until a condition is true.
func runUntil(t *testing.T, s *stored, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.Run(ctx, func(err error) { t.Error(err) })
	}()
	for start := time.Now(); !done(); time.Sleep(time.Millisecond) {
		if time.Since(start) > time.Minute {
			t.Error("it does not become true")
			break
		}
	}
	cancel()
	<-ended
}

// count counts the stored answers.
func count(t *testing.T, d sqltest.Database) int {
	t.Helper()
	return countRows(t, d, "answers")
}

func countRows(t *testing.T, d sqltest.Database, table string) (n int) {
	t.Helper()
	d.QueryRow(t, `SELECT count(*) FROM `+table, &n)
	return n
}

// TestSweep: answers are removed that are too old, in several transactions, and no
// others. The first ones are from a node whose clock was ahead.
func TestSweep(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		now := answertest.Noon
		s := open(t, d, keyring.NewSecret(), answertest.MaxAge, func() time.Time { return now })
		const ahead, old, all = 1010, 2345, 3400
		var rows []answer.Row
		for n := 1; n <= all; n++ {
			row := answertest.Row(n, "cli_a", "request-1", "order-7")
			if n <= ahead || n > ahead+old {
				row.At = row.At.Add(time.Minute)
			}
			rows = append(rows, row)
		}
		if err := s.Add(t.Context(), rows...); err != nil {
			t.Fatal(err)
		}
		now = now.Add(answertest.MaxAge + time.Second)
		runUntil(t, s, func() bool { return count(t, d) <= all-old })
		if n := count(t, d); n != all-old {
			t.Errorf("%d remain of %d", n, all-old)
		}
	})
}

// TestSweepAgain: a sweep that failed is reported, and the next one comes after an
// hour.
func TestSweepAgain(t *testing.T) {
	d := engines.SQLite(t)
	db, err := sqldb.Open(t.Context(), d.Options)
	if err != nil {
		t.Fatal(err)
	}
	s, err := answer.NewStore(t.Context(), answer.StoreOptions{DB: db, Secret: keyring.NewSecret(), MaxAge: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Hour+time.Minute)
		defer cancel()
		failed := 0
		s.Run(ctx, func(err error) {
			if failed++; sesuai.KindOf(err) != sesuai.KindUnavailable {
				t.Error(err)
			}
		})
		if failed != 3 {
			t.Errorf("%d sweeps failed in two hours", failed)
		}
	})
}

// TestNotStored: with a maximum age of 0 nothing is stored, and what was is removed.
func TestNotStored(t *testing.T) {
	d := engines.SQLite(t)
	secret, row := keyring.NewSecret(), answertest.Row(1, "cli_a", "request-1", "order-7")
	if err := open(t, d, secret, answertest.MaxAge, noon).Add(t.Context(), row); err != nil {
		t.Fatal(err)
	}
	s := open(t, d, secret, 0, func() time.Time { return answertest.Noon.Add(time.Second) })
	found, err := s.ByRequest(t.Context(), "cli_a", "request-1")
	answertest.AssertFound(t, "stored before", found, err)
	row.Seq = 2
	if err := s.Add(t.Context(), row); err != nil || count(t, d) != 1 {
		t.Errorf("%v, and %d are stored", err, count(t, d))
	}
	runUntil(t, s, func() bool { return count(t, d) == 0 })
}
