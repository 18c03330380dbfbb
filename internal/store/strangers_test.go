package store_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sesuai/sesuai/internal/registry/registrytest"
	"github.com/sesuai/sesuai/internal/replay"
	"github.com/sesuai/sesuai/internal/store"
)

func openForStrangers(t testing.TB, dir string) *store.Store {
	t.Helper()
	return openWith(t, dir, func(o *store.Options) { o.Strangers = true })
}

// rowsOf is how many rows a table has.
func rowsOf(t testing.TB, s *store.Store, table string) (n int) {
	t.Helper()
	s.QueryForTest(t, `SELECT count(*) FROM `+table, &n)
	return n
}

func TestStrangers(t *testing.T) {
	dir := t.TempDir()
	s := openForStrangers(t, dir)
	seen(t, s, 1, probe(10, "a", 0), false)
	seen(t, s, 1, probe(10, "a", 2), false) // a retry
	seen(t, s, 1, probe(10, "c", 3), true)
	seen(t, s, 2, probe(10, "d", 4), false) // another person's is another matter
	other := openForStrangers(t, dir)
	seen(t, other, 1, probe(10, "f", 6), true)
	seen(t, other, 2, probe(12, "g", 7), false)
	seen(t, s, 2, probe(12, "h", 8), true)
	if n := rowsOf(t, s, "strangers"); n != 2 {
		t.Errorf("%d rows of strangers, want 2", n)
	}
	// A store that is not for strangers neither looks nor remembers.
	seen(t, open(t, dir), 1, probe(10, "i", 9), false)

	for n := range replay.MaxProbes + 4 {
		seen(t, s, 3, probe(100+n, fmt.Sprint(n), time.Duration(n)), false)
	}
	seen(t, s, 3, probe(104, "again", 99), true)
	seen(t, s, 3, probe(103, "again", 99), false)
}

// TestStrangersAtOnce is TestTwoAtOnce for somebody who is not on record.
func TestStrangersAtOnce(t *testing.T) {
	dir := t.TempDir()
	stores := []*store.Store{openForStrangers(t, dir), openForStrangers(t, dir)}
	nik := registrytest.NIK(t, 1)
	for round := range 5 {
		var firsts atomic.Int32
		var group sync.WaitGroup
		for i := range 8 {
			group.Go(func() {
				was, err := stores[i%2].Seen(t.Context(), nik, probe(round, fmt.Sprintf("%d-%d", round, i), 0))
				if err != nil {
					t.Error(err)
				}
				if !was {
					firsts.Add(1)
				}
			})
		}
		group.Wait()
		if n := firsts.Load(); n != 1 {
			t.Errorf("%d of 8 were the first", n)
		}
	}
}

// TestStrangersWhoAreEnrolled take along what is remembered of them; who is
// removed is forgotten, whether as a person on record or as a stranger.
func TestStrangersWhoAreEnrolled(t *testing.T) {
	s := openForStrangers(t, t.TempDir())
	seen(t, s, 1, probe(1, "a", 0), false)
	enrol(t, s, 1)
	seen(t, s, 1, probe(2, "b", 1), false)
	seen(t, s, 1, probe(1, "c", 2), true)
	seen(t, s, 1, probe(2, "d", 3), true)
	if n, m := rowsOf(t, s, "strangers"), rowsOf(t, s, "probes"); n != 0 || m != 1 {
		t.Errorf("%d rows of strangers and %d of probes, want 0 and 1", n, m)
	}

	// Enrolled by a store that knows nothing of strangers, seen there, and
	// then by one that does.
	seen(t, s, 2, probe(5, "a", 0), false)
	enrol(t, s, 2)
	if _, err := s.Enrol(t.Context(), secondVersion(t, 2), nil); err != nil {
		t.Fatal(err)
	}
	seen(t, s, 2, probe(5, "b", 1), true)

	seen(t, s, 3, probe(7, "a", 0), false)
	enrol(t, s, 3)
	if removed, err := s.Remove(t.Context(), registrytest.NIK(t, 3)); err != nil || !removed {
		t.Errorf("Remove = %v, %v", removed, err)
	}
	seen(t, s, 3, probe(7, "b", 1), false)
	if removed, err := s.Remove(t.Context(), registrytest.NIK(t, 3)); err != nil || removed {
		t.Errorf("Remove of a stranger = %v, %v", removed, err)
	}
	if n := rowsOf(t, s, "strangers"); n != 0 {
		t.Errorf("%d rows of strangers are left", n)
	}
	seen(t, s, 3, probe(7, "c", 2), false)
}

func TestOldStrangersAreForgotten(t *testing.T) {
	c := &clock{now: today}
	s := openWith(t, t.TempDir(), func(o *store.Options) {
		o.Strangers, o.ProbeAge, o.Now = true, 48*time.Hour, c.Now
	})
	for n := range 3 {
		seen(t, s, n, probe(n, "a", 0), false)
	}
	c.move(48 * time.Hour)
	seen(t, s, 0, probe(0, "b", 48*time.Hour), true)
	c.move(time.Second)
	seen(t, s, 1, probe(1, "b", 48*time.Hour+time.Second), false)
	c.move(time.Hour)
	seen(t, s, 1, probe(1, "c", 49*time.Hour+time.Second), true)
	if n := rowsOf(t, s, "strangers"); n != 2 {
		t.Errorf("%d strangers have probes, want those two who were asked about", n)
	}
}

// TestDamagedStrangers: what cannot be read is no "never seen".
func TestDamagedStrangers(t *testing.T) {
	for _, statement := range []string{
		`UPDATE strangers SET probes = CAST(substr(probes, 1, 40) || x'0000000000000000' || substr(probes, 49) AS BLOB)`,
		`UPDATE strangers SET probes = x''`,
		`UPDATE strangers SET last_at = last_at - 1`,
		`UPDATE strangers SET probes = (SELECT b.probes FROM strangers b WHERE b.person <> strangers.person)`,
		`DROP TABLE strangers`,
	} {
		s := openForStrangers(t, t.TempDir())
		for n := range 2 {
			seen(t, s, n, probe(n, "a", 0), false)
		}
		s.ExecForTest(t, inEngine(statement))
		was, err := s.Seen(t.Context(), registrytest.NIK(t, 0), probe(0, "b", 1))
		if was {
			t.Errorf("%s: Seen is true", statement)
		}
		assertUnanswered(t, "Seen", err)
	}
}

// TestSecretsThatCameLater: a database of before them is given them when it is
// opened, also while a rotation is not finished; but not in the place of one
// that is needed for what is there.
func TestSecretsThatCameLater(t *testing.T) {
	dir := t.TempDir()
	s := openForStrangers(t, dir)
	enrol(t, s, 1)
	const forget = `DELETE FROM secrets WHERE name IN ('stranger link', 'strangers', 'returns')`
	s.ExecForTest(t, forget)
	addKey(t, s, 2)
	var group sync.WaitGroup
	stores := make([]*store.Store, 3)
	for i := range stores {
		o := options(t, dir)
		o.Strangers = true
		group.Go(func() {
			var err error
			if stores[i], err = store.Open(t.Context(), o); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	for i, s := range stores {
		defer s.Close() //nolint:errcheck // not what is tested
		seen(t, s, 5, probe(5, fmt.Sprint(i), time.Duration(i)), i > 0)
	}
	if _, err := stores[0].Rotate(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	seen(t, openForStrangers(t, dir), 5, probe(5, "later", 9), true)

	stores[0].ExecForTest(t, forget)
	if s, err := store.Open(t.Context(), options(t, dir)); err == nil || !strings.Contains(err.Error(), "is missing") {
		t.Errorf("a secret that is needed was made anew: %v", err)
		if err == nil {
			_ = s.Close()
		}
	}
}

// TestUpgrade: a database of schema 3 is brought up to date, with its people.
func TestUpgrade(t *testing.T) {
	dir := t.TempDir()
	s, err := store.Open(t.Context(), options(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	enrol(t, s, 1)
	seen(t, s, 1, probe(1, "a", 0), false)
	for _, statement := range []string{
		`DROP TABLE upstream_calls`, `DROP TABLE returns`, `DROP TABLE strangers`,
		`DELETE FROM secrets WHERE name IN ('stranger link', 'strangers', 'returns')`,
		`DELETE FROM schema_versions WHERE version_id = 4`,
	} {
		s.ExecForTest(t, statement)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openWith(t, dir, func(o *store.Options) { o.Strangers, o.Returns = true, true })
	verifies(t, s, 1)
	seen(t, s, 1, probe(1, "b", 1), true)
	seen(t, s, 2, probe(1, "a", 0), false)
	seen(t, s, 2, probe(1, "b", 1), true)
	verify(t, s, 2)
	equal(t, idsOf(claim(t, s, 10, time.Minute)), []int64{1})
	end(t, s, begin(t, s, call("cli_a", "r", "data_check", 0)), found200)
	if rows := usage(t, s, 1); len(rows) != 1 {
		t.Errorf("usage %v", rows)
	}
}
