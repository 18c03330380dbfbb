package people_test

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/people"
	"github.com/sesuai/sesuai/internal/registry"
	"github.com/sesuai/sesuai/internal/registry/registrytest"
	"github.com/sesuai/sesuai/internal/replay/replaytest"
	"github.com/sesuai/sesuai/internal/sqldb"
	"github.com/sesuai/sesuai/internal/sqldb/pgtest"
	"github.com/sesuai/sesuai/internal/sqldb/sqltest"
	"github.com/sesuai/sesuai/internal/vault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(pgtest.Main{M: m}) }

var (
	migrations = []fs.FS{vault.Migrations, people.Migrations}
	engines    = sqltest.New(migrations...)
)

// node is a registry with its parts, as one process has them.
type node struct {
	*people.Registry
	db     *sqldb.DB
	vault  *vault.Vault
	memory memory
}

// ring opens the keyring of a folder.
func ring(ctx context.Context, dir string) func(isNew bool) (*keyring.Ring, error) {
	return func(isNew bool) (*keyring.Ring, error) {
		return keyring.Open(ctx, keyring.Options{Path: filepath.Join(dir, keyring.FileName), Create: isNew})
	}
}

// tryOpen opens a registry in the database, with the keys of a folder. The test
// closes node.db.
func tryOpen(ctx context.Context, d sqltest.Database, keys string, change ...func(*people.Options)) (n node, err error) {
	if n.db, err = sqldb.Open(ctx, d.Options); err != nil {
		return n, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, n.db.Close())
		}
	}()
	if n.vault, err = vault.Open(ctx, vault.Options{DB: n.db, OpenRing: ring(ctx, keys)}); err != nil {
		return n, err
	}
	o := people.Options{DB: n.db, Vault: n.vault, Scale: registrytest.Scale{}, Calibration: registrytest.Calibration}
	for _, c := range change {
		c(&o)
	}
	n.Registry, err = people.Open(ctx, o)
	n.memory = memory{n.Registry, n.vault}
	return n, err
}

// open opens a registry until the test ends.
func open(t testing.TB, d sqltest.Database, change ...func(*people.Options)) node {
	t.Helper()
	n, err := tryOpen(t.Context(), d, d.Dir, change...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.close(t) })
	return n
}

func (n node) close(t testing.TB) {
	t.Helper()
	if err := n.db.Close(); err != nil {
		t.Error(err)
	}
}

// unenrolled is the option of that name.
func unenrolled(o *people.Options) { o.Unenrolled = true }

// emptied removes everybody from a database, which is quicker than another one.
func emptied(t testing.TB, d sqltest.Database) sqltest.Database {
	t.Helper()
	db := d.Open(t)
	err := db.InTx(t.Context(), func(tx *sqldb.Tx) error {
		for _, table := range []string{"people", "person_keys", "templates", "probes", "unenrolled_probes"} {
			if _, err := tx.ExecContext(t.Context(), `DELETE FROM `+table); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestConformance(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		registrytest.Run(t, func(t *testing.T) registry.Enroller { return open(t, emptied(t, d)) })
	})
}

func enrol(t testing.TB, r registry.Enroller, n int) {
	t.Helper()
	change, err := r.Enrol(t.Context(), registrytest.Person(t, n), registrytest.Portrait(t, n))
	if err != nil || change != registry.Added {
		t.Fatalf("Enrol = %v, %v", change, err)
	}
}

// enrolBatch enrols some people with their portraits in one transaction.
func enrolBatch(t testing.TB, r registry.Enroller, from, to int) {
	t.Helper()
	var batch []registry.Enrolment
	for n := from; n < to; n++ {
		batch = append(batch, registry.Enrolment{Person: registrytest.Person(t, n), Portrait: registrytest.Portrait(t, n)})
	}
	if _, err := r.EnrolBatch(t.Context(), batch, true); err != nil {
		t.Fatal(err)
	}
}

// ask asks about the n-th person, without a probe.
func ask(t testing.TB, r registry.Registry, n int) (registry.Answer, error) {
	t.Helper()
	return r.Ask(t.Context(), registry.Question{Claim: registrytest.Claim(registrytest.Person(t, n))})
}

// askFace asks about the n-th person with a probe whose score is 0.9.
func askFace(t testing.TB, r registry.Registry, n int) (registry.Answer, error) {
	t.Helper()
	return r.Ask(t.Context(), registry.Question{
		Claim: registrytest.Claim(registrytest.Person(t, n)),
		Probe: registrytest.ProbeAt(t, registrytest.Template(t, registrytest.Model, n), 0.9),
	})
}

// assertOnRecord reports whether somebody is not on record as enrolled.
func assertOnRecord(t *testing.T, r registry.Registry, n int) {
	t.Helper()
	a, err := askFace(t, r, n)
	if err != nil || !a.Found || a.NameScore != 100 || a.DateOfBirth != sesuai.Match || !a.Face.Portrait ||
		a.Face.Score < 0.89 || a.Face.Score > 0.91 {
		t.Errorf("person %d: Ask = %+v, %v", n, a, err)
	}
}

// holds reports whether exactly this person is on record.
func holds(t *testing.T, r registry.Enroller, p registry.Person, portrait *registry.Portrait) bool {
	t.Helper()
	held, err := r.Holds(t.Context(), p, portrait)
	if err != nil {
		t.Errorf("Holds: %v", err)
	}
	return held
}

// secondVersion is what a person is replaced by.
func secondVersion(t testing.TB, n int) registry.Person {
	p := registrytest.Person(t, n)
	p.Status = sesuai.Deceased
	p.Attributes = nil
	return p
}

func assertRemoved(t *testing.T, r registry.Enroller, n int, want bool) {
	t.Helper()
	if removed, err := r.Remove(t.Context(), registrytest.NIK(t, n)); err != nil || removed != want {
		t.Errorf("Remove = %v, %v, want %v", removed, err, want)
	}
}

func assertUnanswered(t *testing.T, what string, err error) {
	t.Helper()
	e, ok := err.(*sesuai.Error) //nolint:errorlint // the outermost is what callers see
	if !ok || e.Kind != sesuai.KindUnavailable || e.Detail != "" {
		t.Errorf("%s = %v, want an error of kind %s without detail", what, err, sesuai.KindUnavailable)
	}
}

// equal reports how got differs from want.
func equal[T any](t *testing.T, got, want T) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func filesIn(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, e := range entries {
		paths = append(paths, filepath.Join(dir, e.Name()))
	}
	return paths
}

// eventually waits until what is said becomes true.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

func TestOpenAgain(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		for i := range 3 {
			n, err := tryOpen(t.Context(), d, d.Dir)
			if err != nil {
				t.Fatal(err)
			}
			enrol(t, n, i)
			if got, err := n.Count(t.Context()); err != nil || got != i+1 {
				t.Errorf("%d people on record, %v", got, err)
			}
			n.close(t)
		}
	})
}

// TestSeesWhatOthersWrite: what another process has written is there at the next
// call.
func TestSeesWhatOthersWrite(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		serve, cli := open(t, d), open(t, d)
		enrol(t, cli, 7)
		assertOnRecord(t, serve, 7)
		assertRemoved(t, cli, 7, true)
		if a, err := ask(t, serve, 7); err != nil || a.Found {
			t.Errorf("Ask = %v, %v", a, err)
		}
	})
}

// TestLocked: while another process holds the database, a call fails in time and
// does no harm.
func TestLocked(t *testing.T) {
	t.Parallel()
	d := engines.SQLite(t)
	n, other := open(t, d), open(t, d)
	enrol(t, n, 1)
	err := other.db.InTx(t.Context(), func(*sqldb.Tx) error {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		start := time.Now()
		_, err := n.Enrol(ctx, registrytest.Person(t, 2), nil)
		if sesuai.KindOf(err) != sesuai.KindUnavailable || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Enrol = %v", err)
		}
		if waited := time.Since(start); waited > 2*time.Second {
			t.Errorf("Enrol took %v to fail", waited)
		}
		assertOnRecord(t, n, 1) // reading goes on
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	enrol(t, n, 2)
}

func TestAskWithoutAScale(t *testing.T) {
	t.Parallel()
	n := open(t, engines.SQLite(t), func(o *people.Options) { o.Scale = nil })
	enrol(t, n, 1)
	if a, err := ask(t, n, 1); err != nil || !a.Found {
		t.Errorf("Ask = %v, %v", a, err)
	}
	_, err := askFace(t, n, 1)
	assertUnanswered(t, "Ask", err)
}

// TestInactivePersonIsNotCompared: the template of a person who is not active is
// not looked at, so that its damage does not keep the answer back.
func TestInactivePersonIsNotCompared(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		n := open(t, d)
		if _, err := n.Enrol(t.Context(), secondVersion(t, 1), registrytest.Portrait(t, 1)); err != nil {
			t.Fatal(err)
		}
		d.Exec(t, `UPDATE templates SET template = x'01'`)
		a, err := askFace(t, n, 1)
		if err != nil || !a.Found || a.Status != sesuai.Deceased || a.NameScore != 100 || a.Face != (registry.Comparison{}) {
			t.Errorf("Ask = %+v, %v", a, err)
		}
	})
}

// TestPostgresKeepsPlans: PostgreSQL does not plan a question anew each time: see
// joinsOf. This needs as many partitions as the product has.
func TestPostgresKeepsPlans(t *testing.T) {
	t.Parallel()
	d := on(t, pgtest.WithSetting(pgtest.Database(t), "sesuai.partitions", "32"))
	d.Options.Connections = 1
	n := open(t, d)
	enrol(t, n, 1)
	const count = 20
	for range count {
		assertOnRecord(t, n, 1)
		if _, err := ask(t, n, 1); err != nil {
			t.Fatal(err)
		}
		seen(t, n, 1, replaytest.Probe(1, "a", 0), false)
	}
	plans := make(map[string]int)
	_, err := sqldb.Collect(t.Context(), n.db.Read(), func(rows *sql.Rows) (statement string, err error) {
		var kept int
		err = rows.Scan(&statement, &kept)
		plans[statement] = kept
		return statement, err
	}, `SELECT statement, generic_plans FROM pg_prepared_statements`)
	if err != nil {
		t.Fatal(err)
	}
	joined := 0
	for statement, kept := range plans {
		if strings.Contains(statement, "LEFT JOIN") && strings.Contains(statement, "FROM people") {
			joined++
			if kept < count/2 {
				t.Errorf("the plan was kept %d of %d times: %s", kept, count, statement)
			}
		}
	}
	if joined != 2 {
		t.Errorf("%d statements join tables, want 2", joined)
	}
}

func benchmarkAsk(b *testing.B, d sqltest.Database) {
	n := open(b, d)
	const count = 500
	var questions []registry.Question
	probe := registrytest.ProbeAt(b, registrytest.Template(b, registrytest.Model, 1), 0.9)
	for i := range count {
		enrol(b, n, i)
		questions = append(questions, registry.Question{Claim: registrytest.Claim(registrytest.Person(b, i)), Probe: probe})
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		i = (i + 1) % count
		a, err := n.Ask(b.Context(), questions[i])
		if err != nil || !a.Face.Portrait {
			b.Fatal(a, err)
		}
	}
}

func BenchmarkAsk(b *testing.B) {
	b.Run("SQLite", func(b *testing.B) { benchmarkAsk(b, engines.SQLite(b)) })
	b.Run("PostgreSQL", func(b *testing.B) { benchmarkAsk(b, engines.PostgreSQL(b)) })
}

func BenchmarkEnrol(b *testing.B) {
	n := open(b, engines.SQLite(b))
	portrait := registrytest.Portrait(b, 1)
	var persons []registry.Person
	for i := range b.N {
		persons = append(persons, registrytest.Person(b, i))
	}
	b.ResetTimer()
	for _, p := range persons {
		if _, err := n.Enrol(b.Context(), p, portrait); err != nil {
			b.Fatal(err)
		}
	}
}
