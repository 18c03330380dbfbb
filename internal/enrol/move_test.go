package enrol_test

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/sesuai/sesuai/internal/enrol"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/registry"
	"github.com/sesuai/sesuai/internal/registry/registrytest"
	"github.com/sesuai/sesuai/internal/sqldb/pgtest"
	"github.com/sesuai/sesuai/internal/store"
	"github.com/sesuai/sesuai/internal/synthetic"
)

// TestMove moves a registry from SQLite to PostgreSQL: both have as many
// people and one digest, and give the same verdicts. SESUAI_TEST_MOVE says how
// many people; make test moves some, to be quick.
func TestMove(t *testing.T) {
	people := 3000
	if text := os.Getenv("SESUAI_TEST_MOVE"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		people = n
	}
	from := openEmpty(t, store.Options{})
	to := openEmpty(t, store.Options{URL: pgtest.Database(t), Migrate: true})

	country := synthetic.New(1)
	var batch []registry.Enrolment
	for n := range people {
		e := registry.Enrolment{Person: country.Person(n)}
		if n%50 != 0 { // one in fifty has no portrait
			e.Portrait = &registry.Portrait{
				Template: country.Reference(n, registrytest.Model), Source: [32]byte{byte(n), 1}, Signature: registrytest.Signature(n),
			}
		}
		if batch = append(batch, e); len(batch) == 1000 || n == people-1 {
			if _, err := from.EnrolBatch(t.Context(), batch, true); err != nil {
				t.Fatal(err)
			}
			batch = batch[:0]
		}
	}
	before, err := enrol.DigestOf(t.Context(), from)
	if err != nil {
		t.Fatal(err)
	}
	done, err := (&enrol.Copy{From: from, To: to}).Run(t.Context())
	if err != nil || done.Added != people || done.From != done.To || done.From != before || before.People != people {
		t.Fatalf("%+v, %v; was %+v", done, err, before)
	}
	t.Logf("%d people moved, digest %v", done.Added, done.To)

	const sampled = 500
	for i := range sampled {
		n := i * people / sampled
		p := country.Person(n)
		claim := registrytest.Claim(p)
		if i%10 == 0 {
			claim.Name = country.Person(n + 1).Name
		}
		probe := registrytest.ProbeAt(t, country.Probe(n, registrytest.Model), 1)
		probe.Signature = registrytest.Signature(n)
		var records [2]registry.Record
		var comparisons [2]registry.Comparison
		for j, s := range []*store.Store{from, to} {
			if records[j], err = s.Check(t.Context(), claim); err != nil {
				t.Fatal(err)
			}
			if comparisons[j], err = s.Compare(t.Context(), p.NIK, probe); err != nil {
				t.Fatal(err)
			}
			records[j].Revision, comparisons[j].Revision = "", "" // of each database's own
		}
		if !records[0].Found || records[0] != records[1] || comparisons[0] != comparisons[1] {
			t.Errorf("person %d: %+v and %+v, %+v and %+v", n, records[0], records[1], comparisons[0], comparisons[1])
		}
	}
}

// openEmpty opens a new store with the exam's scale; with no URL, in a folder.
func openEmpty(t *testing.T, o store.Options) *store.Store {
	t.Helper()
	dir := t.TempDir()
	if o.URL == "" {
		o.Dir = dir
	}
	o.OpenRing = func(isNew bool) (*keyring.Ring, error) {
		return keyring.Open(keyring.Options{Path: filepath.Join(dir, keyring.FileName), Create: isNew})
	}
	o.Scale, o.Calibration = registrytest.Scale{}, registrytest.Calibration
	s, err := store.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}
