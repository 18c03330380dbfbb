package balikan_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sesuai/sesuai/internal/dukcapil/balikan"
	"github.com/sesuai/sesuai/internal/dukcapil/balikan/outboxtest"
	"github.com/sesuai/sesuai/internal/dukcapil/ledger"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/sqldb"
	"github.com/sesuai/sesuai/internal/sqldb/sqltest"
)

var engines = sqltest.New(balikan.Migrations)

// stored is a Store with its database.
type stored struct {
	*balikan.Store
	db *sqldb.DB
}

// Add adds rows in a transaction of their own.
func (s stored) Add(ctx context.Context, rows ...balikan.Row) error {
	return s.db.InTx(ctx, func(tx *sqldb.Tx) error { return s.AddTx(ctx, tx, rows) })
}

func open(t testing.TB, db *sqldb.DB, secret *keyring.Secret, now func() time.Time) stored {
	t.Helper()
	s, err := balikan.NewStore(t.Context(), balikan.StoreOptions{DB: db, Secret: secret, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return stored{s, db}
}

func TestConformance(t *testing.T) {
	t.Run("memory", func(t *testing.T) {
		outboxtest.Run(t, func(_ *testing.T, now func() time.Time) (one, other outboxtest.Outbox) {
			m := &outboxtest.Memory{Now: now}
			return m, m
		})
	})
	for name, newDatabase := range map[string]func(testing.TB) sqltest.Database{"SQLite": engines.SQLite, "PostgreSQL": engines.PostgreSQL} {
		t.Run(name, func(t *testing.T) {
			outboxtest.Run(t, func(t *testing.T, now func() time.Time) (one, other outboxtest.Outbox) {
				d, secret := newDatabase(t), keyring.NewSecret()
				return open(t, d.Open(t), secret, now), open(t, d.Open(t), secret, now)
			})
		})
	}
}

// TestDeliveredNIKsAreErased: the row stays, for the report, without the NIK.
func TestDeliveredNIKsAreErased(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		s := open(t, d.Open(t), keyring.NewSecret(), outboxtest.NewClock().Now)
		outboxtest.Add(t, s, 1, 5)
		if err := s.Delivered(t.Context(), []int64{1, 2, 3}); err != nil {
			t.Fatal(err)
		}
		var rows, sealed int
		d.QueryRow(t, `SELECT count(*), count(sealed) FROM outbox`, &rows, &sealed)
		if rows != 5 || sealed != 2 {
			t.Errorf("%d rows, %d with a NIK; want 5 and 2", rows, sealed)
		}
		day := ledger.DayOf(outboxtest.Noon)
		days, err := s.ByDay(t.Context(), day, day)
		if err != nil || len(days) != 1 || days[0].Total != 5 || days[0].Delivered != 3 || !days[0].Oldest.Equal(outboxtest.Noon) {
			t.Errorf("ByDay = %+v, %v", days, err)
		}
		if days, err := s.ByDay(t.Context(), day+1, day+9); err != nil || len(days) != 0 {
			t.Errorf("ByDay of other days = %+v, %v", days, err)
		}
	})
}

// TestDamagedRows: a row that does not open in its place is counted, and does
// not block others.
func TestDamagedRows(t *testing.T) {
	for _, statement := range []string{
		`UPDATE outbox SET sealed = CAST(substr(sealed, 1, 20) || x'0000000000000000' || substr(sealed, 29) AS BLOB) WHERE seq = 1`,
		`UPDATE outbox SET sealed = x'' WHERE seq = 1`,
		`UPDATE outbox SET sealed = NULL WHERE seq = 1`,
		`UPDATE outbox SET customer = 'request-2' WHERE seq = 1`,
		`UPDATE outbox SET sealed = (SELECT b.sealed FROM outbox b WHERE b.seq = 2) WHERE seq = 1`,
		`UPDATE outbox SET seq = 257 WHERE seq = 1`,
	} {
		engines.Each(t, func(t *testing.T, d sqltest.Database) {
			s := open(t, d.Open(t), keyring.NewSecret(), outboxtest.NewClock().Now)
			outboxtest.Add(t, s, 1, 2)
			d.Exec(t, statement)
			l := outboxtest.Lease(t, s, 10, time.Minute)
			if l.Damaged != 1 || len(l.Rows) != 1 || l.Rows[0].ID != 2 {
				t.Errorf("%s: %d damaged, %d not", statement, l.Damaged, len(l.Rows))
			}
			if l := outboxtest.Lease(t, s, 10, time.Minute); l.Damaged != 0 {
				t.Errorf("%s: it is leased again at once", statement)
			}
		})
	}
}

// TestRowsThatSomebodyWithholds: a row is sent although somebody else has recorded
// its delivery, or made it due in years.
func TestRowsThatSomebodyWithholds(t *testing.T) {
	for statement, alerts := range map[string]int{
		`UPDATE outbox SET delivered_at = at WHERE seq = 1`:                  0,
		`UPDATE outbox SET due_at = due_at + 31536000000000 WHERE seq = 1`:   1,
		`UPDATE outbox SET lease = x'01', tries = 1000000 WHERE seq = 1`:     0,
		`UPDATE outbox SET sealed = x'01', delivered_at = at WHERE seq = 3`:  1,
		`UPDATE outbox SET sealed = NULL, delivered_at = NULL WHERE seq = 3`: 1,
	} {
		engines.Each(t, func(t *testing.T, d sqltest.Database) {
			var alerted []string
			db, clock := d.Open(t), outboxtest.NewClock()
			store, err := balikan.NewStore(t.Context(), balikan.StoreOptions{
				DB: db, Secret: keyring.NewSecret(), Now: clock.Now, Alert: func(table string) { alerted = append(alerted, table) },
			})
			if err != nil {
				t.Fatal(err)
			}
			s := stored{store, db}
			outboxtest.Add(t, s, 1, 3)
			if err := s.Delivered(t.Context(), []int64{3}); err != nil {
				t.Fatal(err)
			}
			d.Exec(t, statement)
			l := outboxtest.Lease(t, s, 10, time.Minute)
			if len(l.Rows) != 2 || len(alerted) != alerts || alerts == 1 && alerted[0] != "outbox" {
				t.Errorf("%s: %d rows, with the alerts %q", statement, len(l.Rows), alerted)
			}
			if err := s.Delivered(t.Context(), []int64{1, 2}); err != nil {
				t.Fatal(err)
			}
			var left int
			d.QueryRow(t, `SELECT count(*) FROM outbox WHERE sealed IS NOT NULL AND seq < 3`, &left)
			if left != 0 {
				t.Errorf("%s: %d rows are not delivered", statement, left)
			}
		})
	}
}

// TestNothingPersonalOnDisk: no file of an SQLite database holds a NIK in the
// clear. The sealed NIK of a delivered row is in none either: at once, or after a
// minute.
func TestNothingPersonalOnDisk(t *testing.T) {
	d, clock := engines.SQLite(t), outboxtest.NewClock()
	s := open(t, d.Open(t), keyring.NewSecret(), clock.Now)
	const rows = 400
	outboxtest.Add(t, s, 1, rows)
	var clear, sealed [][]byte
	for n := 1; n <= rows; n++ {
		var b []byte
		d.QueryRow(t, fmt.Sprintf(`SELECT sealed FROM outbox WHERE seq = %d`, n), &b)
		clear, sealed = append(clear, []byte(outboxtest.NIK(t, n).Reveal())), append(sealed, b)
	}
	absent := func(when string, texts [][]byte) {
		t.Helper()
		if n := countInFiles(t, d.Dir, texts); n != 0 {
			t.Errorf("%s: %d NIKs are on disk", when, n)
		}
	}
	if n := countInFiles(t, d.Dir, sealed); n < rows {
		t.Fatalf("%d of %d sealed NIKs are found, although none is delivered", n, rows)
	}
	absent("in the clear", clear)
	for _, n := range []int{1, rows - 1} {
		l := outboxtest.Lease(t, s, n, time.Hour)
		if err := s.Delivered(t.Context(), outboxtest.IDs(l)); err != nil {
			t.Fatal(err)
		}
		if n == 1 {
			absent("after the first delivery", sealed[:1])
		}
	}
	clock.Move(time.Minute)
	outboxtest.Lease(t, s, 1, time.Hour)
	absent("after all deliveries", append(clear, sealed...))
}

// countInFiles counts the occurrences of texts in the files of a folder.
func countInFiles(t *testing.T, dir string, texts [][]byte) (n int) {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		b, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range texts {
			n += bytes.Count(b, text)
		}
	}
	return n
}
