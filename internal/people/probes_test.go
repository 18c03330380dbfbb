package people_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/people"
	"github.com/sesuai/sesuai/internal/registry"
	"github.com/sesuai/sesuai/internal/registry/registrytest"
	"github.com/sesuai/sesuai/internal/replay"
	"github.com/sesuai/sesuai/internal/replay/replaytest"
	"github.com/sesuai/sesuai/internal/sqldb"
	"github.com/sesuai/sesuai/internal/sqldb/sqltest"
	"github.com/sesuai/sesuai/internal/vault"
	"github.com/sesuai/sesuai/test/process"
)

// memory remembers probes as package recorder does, without events.
type memory struct {
	registry *people.Registry
	vault    *vault.Vault
}

// update makes updates in a transaction. Those of people whom another transaction
// is changing are made in a later one.
func (m memory) update(ctx context.Context, updates ...replay.Update) error {
	for len(updates) > 0 {
		made := make([]bool, len(updates))
		watched := slices.Clone(updates)
		for i, u := range updates {
			watched[i].Change = func(earlier []replay.Probe, err error) []replay.Probe {
				made[i] = true
				return u.Change(earlier, err)
			}
		}
		err := m.vault.Change(ctx, func(tx *sqldb.Tx, keys *vault.Keys) error {
			clear(made)
			return m.registry.UpdateTx(ctx, tx, keys, watched)
		})
		if err != nil {
			return sqldb.Unavailable(ctx, "updating probes", err)
		}
		var busy []replay.Update
		for i, u := range updates {
			if !made[i] {
				busy = append(busy, u)
			}
		}
		updates = busy
	}
	return nil
}

// Seen reports whether a person's probe was sent before, and remembers it.
func (m memory) Seen(ctx context.Context, nik sesuai.NIK, p replay.Probe) (seen bool, err error) {
	var failed error
	err = m.update(ctx, replay.Update{NIK: nik, Change: func(earlier []replay.Probe, err error) (kept []replay.Probe) {
		if failed = err; err == nil {
			seen, kept = replay.Judge(earlier, p, replay.DefaultMaxAge)
		}
		return kept
	}})
	if err == nil && failed != nil {
		err = sqldb.Unavailable(ctx, "remembering a probe", failed)
	}
	return seen && err == nil, err
}

// seen asks whether a probe of a person was sent before.
func seen(t *testing.T, n node, person int, p replay.Probe, want bool) {
	t.Helper()
	got, err := n.memory.Seen(t.Context(), registrytest.NIK(t, person), p)
	if err != nil {
		t.Fatalf("Seen: %v", err)
	}
	if got != want {
		t.Errorf("Seen = %v, want %v", got, want)
	}
}

// exchange is an Update of a person that keeps these probes, and stores those that
// were there.
func exchange(t *testing.T, person int, earlier *[]replay.Probe, kept ...replay.Probe) replay.Update {
	t.Helper()
	return replay.Update{NIK: registrytest.NIK(t, person), Change: func(e []replay.Probe, err error) []replay.Probe {
		if err != nil {
			t.Error(err)
		}
		*earlier = slices.Clone(e)
		return kept
	}}
}

// assertExchanged updates the probes of several people in one transaction, and
// compares those that were there.
func assertExchanged(t *testing.T, n node, updates []replay.Update, got []*[]replay.Probe, want ...[]replay.Probe) {
	t.Helper()
	if err := n.memory.update(t.Context(), updates...); err != nil {
		t.Fatal(err)
	}
	for i, w := range want {
		if d := cmp.Diff(w, *got[i], cmpopts.EquateEmpty()); d != "" {
			t.Errorf("update %d: probes (-want +got):\n%s", i, d)
		}
	}
}

// TestUpdates: in one transaction each update sees what the ones before have kept
// of the same person, and the next transaction sees the last of them, in another
// process too.
func TestUpdates(t *testing.T) {
	process.Slow(t)
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		for _, enrolled := range []bool{true, false} {
			d := emptied(t, d)
			both := []node{open(t, d, unenrolled), open(t, d, unenrolled)}
			for i := range 3 {
				if enrolled {
					enrol(t, both[0], i)
				}
			}
			first, second, third := replaytest.Probe(1, "a", 0), replaytest.Probe(2, "b", time.Microsecond), replaytest.Probe(3, "c", 2*time.Microsecond)
			second.Request = replay.Request{}
			var all []replay.Probe
			for n := range replay.MaxProbes {
				p := replaytest.Probe(n, fmt.Sprint(n), time.Duration(n)*time.Second)
				p.Result = replay.Result(n % 3)
				all = append(all, p)
			}
			var a, b, c, e []replay.Probe
			got := []*[]replay.Probe{&a, &b, &c, &e}
			assertExchanged(t, both[0], []replay.Update{
				exchange(t, 0, &a, first), exchange(t, 1, &b, third), exchange(t, 0, &c, first, second), exchange(t, 2, &e),
			}, got, nil, nil, []replay.Probe{first}, nil)
			assertExchanged(t, both[1], []replay.Update{
				exchange(t, 2, &a, all...), exchange(t, 1, &b), exchange(t, 0, &c, second), exchange(t, 1, &e, first),
			}, got, nil, []replay.Probe{third}, []replay.Probe{first, second}, []replay.Probe{third})
			assertExchanged(t, both[0], []replay.Update{
				exchange(t, 0, &a, first), exchange(t, 1, &b, third), exchange(t, 2, &c, third),
			}, got, []replay.Probe{second}, []replay.Probe{first}, all)
			if more, err := both[1].RemoveBefore(t.Context(), time.UnixMicro(first.At+1), 10); more || err != nil {
				t.Fatal(more, err)
			}
			assertExchanged(t, both[0], []replay.Update{exchange(t, 0, &a), exchange(t, 1, &b)}, got, nil, []replay.Probe{third})
		}
	})
}

// TestUpdatesOfTheDamaged: probes that cannot be read fail the updates of their
// person, and of nobody else in the transaction.
func TestUpdatesOfTheDamaged(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		n := open(t, d, unenrolled)
		for i := range 6 {
			if i < 3 {
				enrol(t, n, i)
			}
			seen(t, n, i, replaytest.Probe(i, "a", 0), false)
		}
		d.Exec(t, `UPDATE probes SET probes = x'' WHERE person = (SELECT person FROM probes ORDER BY person LIMIT 1)`)
		d.Exec(t, `UPDATE unenrolled_probes SET probes = x'' WHERE person = (SELECT person FROM unenrolled_probes ORDER BY person LIMIT 1)`)
		failed, kept := 0, 0
		var updates []replay.Update
		for i := range 6 {
			updates = append(updates, replay.Update{NIK: registrytest.NIK(t, i), Change: func(earlier []replay.Probe, err error) []replay.Probe {
				if err != nil {
					failed++
				} else {
					kept++
				}
				return append(slices.Clone(earlier), replaytest.Probe(i+10, "b", 1))
			}})
		}
		if err := n.memory.update(t.Context(), updates...); err != nil || failed != 2 || kept != 4 {
			t.Errorf("%d failed and %d were kept, %v", failed, kept, err)
		}
		remembered, damaged := 0, 0
		for i := range 6 {
			was, err := n.memory.Seen(t.Context(), registrytest.NIK(t, i), replaytest.Probe(i+10, "c", 2))
			if errors.Is(err, registry.ErrDamaged) {
				damaged++
			}
			if was {
				remembered++
			}
		}
		if remembered != 4 || damaged != 2 {
			t.Errorf("%d are remembered and %d damaged, want 4 and 2", remembered, damaged)
		}
	})
}

// TestRemoveBefore: a transaction removes no more rows than it is told to, of
// people who are on record and of others, and says whether there may be more.
func TestRemoveBefore(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		n := open(t, d, unenrolled)
		for i := range 10 { // 0 to 4 are on record
			if i < 5 {
				enrol(t, n, i)
			}
			seen(t, n, i, replaytest.Probe(i, "a", time.Duration(i%5)*time.Second), false)
		}
		before := time.UnixMicro(replaytest.Probe(1, "a", 4*time.Second).At)
		for round, want := range []struct {
			more bool
			rows int
		}{{true, 3}, {true, 1}, {false, 1}} {
			more, err := n.RemoveBefore(t.Context(), before, 2)
			if err != nil || more != want.more {
				t.Errorf("round %d: RemoveBefore = %t, %v", round, more, err)
			}
			if a, b := rowsOf(t, d, "probes"), rowsOf(t, d, "unenrolled_probes"); a != want.rows || b != want.rows {
				t.Errorf("round %d: %d and %d rows remain, want %d of each", round, a, b, want.rows)
			}
		}
		seen(t, n, 4, replaytest.Probe(4, "again", 5*time.Second), true)
		seen(t, n, 9, replaytest.Probe(9, "again", 5*time.Second), true)
	})
}

// rowsOf is how many rows a table has.
func rowsOf(t testing.TB, d sqltest.Database, table string) (rows int) {
	t.Helper()
	d.QueryRow(t, `SELECT count(*) FROM `+table, &rows)
	return rows
}

// TestProbesOfNobody: nothing is remembered about people who are not on record. So that
// it takes the same time, one row is written, which is nobody's and never grows.
func TestProbesOfNobody(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		n := open(t, d)
		seen(t, n, 1, replaytest.Probe(1, "a", 0), false)
		seen(t, n, 1, replaytest.Probe(1, "b", 1), false)
		size := func() (bytes int) {
			d.QueryRow(t, `SELECT sum(length(probes)) FROM unenrolled_probes`, &bytes)
			return bytes
		}
		before := size()
		seen(t, n, 2, replaytest.Probe(2, "c", 2), false)
		if a, b := rowsOf(t, d, "probes"), rowsOf(t, d, "unenrolled_probes"); a != 0 || b != 1 || size() != before {
			t.Errorf("%d and %d rows are kept of people who are not on record, the latter with %d bytes, before %d", a, b, size(), before)
		}
	})
}

// TestProbesOfTheRemoved: the probes of a person are removed with the person.
func TestProbesOfTheRemoved(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		n := open(t, d)
		for i := range 2 {
			enrol(t, n, i)
			seen(t, n, i, replaytest.Probe(i, "a", 0), false)
		}
		assertRemoved(t, n, 0, true)
		if rows := rowsOf(t, d, "probes"); rows != 1 {
			t.Errorf("%d rows of probes are left, want the other person's", rows)
		}
		enrol(t, n, 0)
		seen(t, n, 0, replaytest.Probe(0, "b", 1), false)
		seen(t, n, 1, replaytest.Probe(1, "b", 1), true)
	})
}

// TestProbesAreBounded: once a person has the maximum number of probes, the row
// does not grow.
func TestProbesAreBounded(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		n := open(t, d)
		enrol(t, n, 1)
		var full, later int
		for i := range 4 * replay.MaxProbes {
			p := replaytest.Probe(i, fmt.Sprint(i), time.Duration(i))
			p.Result = replay.Result(i % 3)
			seen(t, n, 1, p, false)
			if i == 3*replay.MaxProbes-1 {
				d.QueryRow(t, `SELECT length(probes) FROM probes`, &full)
			}
		}
		d.QueryRow(t, `SELECT length(probes) FROM probes`, &later)
		if later != full || full < replay.MaxProbes*face.SignatureSize || full > replay.MaxProbes*(face.SignatureSize+32) {
			t.Errorf("%d bytes, and later %d", full, later)
		}
	})
}

// TestDamagedProbes: probes that cannot be read are not "never seen".
func TestDamagedProbes(t *testing.T) {
	process.Slow(t)
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		for _, statement := range []string{
			`UPDATE %[1]s SET probes = CAST(substr(probes, 1, 40) || x'0000000000000000' || substr(probes, 49) AS BLOB)`,
			`UPDATE %[1]s SET probes = x''`,
			`UPDATE %[1]s SET last_at = last_at - 1`,
			`UPDATE %[1]s SET probes = (SELECT b.probes FROM %[1]s b WHERE b.person <> %[1]s.person)`,
			`DROP TABLE %[1]s`, // last: there is no such table afterwards
		} {
			// The first two are on record, the others are not.
			n := open(t, emptied(t, d), unenrolled)
			for i := range 4 {
				if i < 2 {
					enrol(t, n, i)
				}
				seen(t, n, i, replaytest.Probe(i, "a", 0), false)
			}
			for i, table := range map[int]string{0: "probes", 2: "unenrolled_probes"} {
				statement := fmt.Sprintf(statement, table)
				d.Exec(t, statement)
				was, err := n.memory.Seen(t.Context(), registrytest.NIK(t, i), replaytest.Probe(i, "b", 1))
				if was {
					t.Errorf("%s: Seen is true", statement)
				}
				assertUnanswered(t, statement+": Seen", err)
			}
		}
	})
}

func BenchmarkSeen(b *testing.B) {
	n := open(b, engines.SQLite(b))
	const count = 100
	for i := range count {
		enrol(b, n, i)
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		i++
		probe := replaytest.Probe(i, fmt.Sprint(i), time.Duration(i))
		if _, err := n.memory.Seen(b.Context(), registrytest.NIK(b, i%count), probe); err != nil {
			b.Fatal(err)
		}
	}
}
