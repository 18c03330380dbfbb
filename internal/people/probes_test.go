package people_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/registry/registrytest"
	"github.com/sesuai/sesuai/internal/replay"
	"github.com/sesuai/sesuai/internal/replay/replaytest"
	"github.com/sesuai/sesuai/internal/sqldb/sqltest"
)

func TestProbesConformance(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		replaytest.Run(t, func(t *testing.T) replaytest.Stores {
			d := emptied(t, d)
			n, other := open(t, d), open(t, d)
			for i := range replaytest.People {
				enrol(t, n, i)
			}
			return replaytest.Stores{n, other}
		})
	})
}

// seen asks whether a probe of a person was sent before.
func seen(t *testing.T, n node, person int, p replay.Probe, want bool) {
	t.Helper()
	replaytest.AssertSeen(t, n.memory, person, p, want)
}

// rowsOf is how many rows a table has.
func rowsOf(t testing.TB, d sqltest.Database, table string) (rows int) {
	t.Helper()
	d.QueryRow(t, `SELECT count(*) FROM `+table, &rows)
	return rows
}

// TestProbesOfNobody: nothing is remembered about a person who is not on record.
func TestProbesOfNobody(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		n := open(t, d)
		seen(t, n, 1, replaytest.Probe(1, "a", 0), false)
		seen(t, n, 1, replaytest.Probe(1, "b", 1), false)
		if rows := rowsOf(t, d, "probes") + rowsOf(t, d, "unenrolled_probes"); rows != 0 {
			t.Errorf("%d rows are kept of a person who is not on record", rows)
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

// TestOldProbesAreRemoved, those of people who are not on record, too.
func TestOldProbesAreRemoved(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		n := open(t, d, unenrolled)
		n.memory = replay.NewMemory(n, 48*time.Hour)
		for i := range 3 {
			enrol(t, n, i)
		}
		for i := range 6 {
			seen(t, n, i, replaytest.Probe(i, "a", 0), false)
		}
		at := 48 * time.Hour
		for _, i := range []int{0, 3} {
			seen(t, n, i, replaytest.Probe(i, "b", at), true) // remembered as of now
		}
		at += time.Second
		for _, i := range []int{1, 4} {
			seen(t, n, i, replaytest.Probe(i, "b", at), false)
		}
		at += time.Hour
		for _, i := range []int{1, 4} {
			seen(t, n, i, replaytest.Probe(i, "c", at), true)
		}
		for _, table := range []string{"probes", "unenrolled_probes"} {
			if rows := rowsOf(t, d, table); rows != 2 {
				t.Errorf("%s has %d rows, want those of the two people who were asked about", table, rows)
			}
		}
	})
}

// TestDamagedProbes: probes that cannot be read are not "never seen".
func TestDamagedProbes(t *testing.T) {
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
