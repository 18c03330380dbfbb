package enrol_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sesuai/sesuai/internal/enrol"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/people"
	"github.com/sesuai/sesuai/internal/registry"
	"github.com/sesuai/sesuai/internal/registry/registrytest"
	"github.com/sesuai/sesuai/internal/sqldb/sqltest"
	"github.com/sesuai/sesuai/internal/vault"
)

const damaged = "CONFLICT: what is on record of this NIK is damaged; remove the person, then import again"

var engines = sqltest.New(vault.Migrations, people.Migrations)

// openPeople opens the built-in registry in a database.
func openPeople(t *testing.T, d sqltest.Database) *people.Registry {
	t.Helper()
	db := d.Open(t)
	keys, err := vault.Open(t.Context(), vault.Options{DB: db, OpenRing: func(isNew bool) (*keyring.Ring, error) {
		return keyring.Open(t.Context(), keyring.Options{Path: filepath.Join(d.Dir, keyring.FileName), Create: isNew})
	}})
	if err != nil {
		t.Fatal(err)
	}
	r, err := people.Open(t.Context(), people.Options{
		DB: db, Vault: keys, Scale: registrytest.Scale{}, Calibration: registrytest.Calibration,
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// openImported opens a registry with an import of n people, and its database.
func openImported(t *testing.T, n int) (*people.Registry, sqltest.Database) {
	t.Helper()
	d := engines.SQLite(t)
	r := openPeople(t, d)
	summary, rejects, err := run(t.Context(), newEnroller(r, &extractor{}), peopleRows(n), photos(t, n))
	if err != nil || summary.Added != n {
		t.Fatal(summary, rejects, err)
	}
	return r, d
}

// TestDamagedRecord: the row of a person whose record is damaged is rejected. The
// record is not overwritten, and all other rows are imported. Once the person is
// removed, the import enrols the row.
func TestDamagedRecord(t *testing.T) {
	const n = 20
	for _, test := range []struct{ about, statement string }{
		{"attributes", `UPDATE people SET attributes = CAST(substr(attributes, 1, 40) || x'0000000000000000' || substr(attributes, 49) AS BLOB) WHERE id = 5`},
		{"a template", `UPDATE templates SET template = CAST(substr(template, 1, 40) || x'0000000000000000' || substr(template, 49) AS BLOB) WHERE id = 5`},
		{"a template lost", `DELETE FROM templates WHERE id = 5`},
	} {
		t.Run(test.about, func(t *testing.T) {
			s, d := openImported(t, n)
			d.Exec(t, test.statement)
			root := photos(t, n+5)
			summary, rejects, err := run(t.Context(), newEnroller(s, &extractor{}), peopleRows(n+5), root)
			if want := (enrol.Summary{Rows: n + 5, Added: 5, Unchanged: n - 1, Rejected: 1}); err != nil || summary != want {
				t.Errorf("%+v, want %+v; %v", summary, want, err)
			}
			if len(rejects) != 1 || rejects[0].Why != damaged {
				t.Fatalf("rejects %v", rejects)
			}
			// Without the photograph the registry finds it when it writes.
			nik := registrytest.NIK(t, rejects[0].Line-2)
			line := fmt.Sprintf("%s%s,Galuh,01-02-1990,\n", header, nik.Reveal())
			_, again, err := run(t.Context(), newEnroller(s, &extractor{}), line, root)
			if diff := cmp.Diff([]reject{{2, damaged}}, again); err != nil || diff != "" {
				t.Errorf("%v; rejects (-want +got):\n%s", err, diff)
			}

			if removed, err := s.Remove(t.Context(), nik); err != nil || !removed {
				t.Fatal(removed, err)
			}
			summary, rejects, err = run(t.Context(), newEnroller(s, &extractor{}), peopleRows(n+5), root)
			if err != nil || rejects != nil || summary != (enrol.Summary{Rows: n + 5, Added: 1, Unchanged: n + 4}) {
				t.Errorf("after removing: %+v, %v, %v", summary, rejects, err)
			}
		})
	}
}

// TestLostTable: a failure that is not about one person stops the import.
func TestLostTable(t *testing.T) {
	s, d := openImported(t, 3)
	d.Exec(t, `ALTER TABLE templates RENAME TO gone`)
	summary, rejects, err := run(t.Context(), newEnroller(s, &extractor{}), peopleRows(3), photos(t, 3))
	if err == nil || summary != (enrol.Summary{}) || rejects != nil {
		t.Errorf("%+v, %v, %v", summary, rejects, err)
	}
}

// failing is a registry that fails for one person, but not by damage. Its other
// answers cannot be trusted either.
type failing struct {
	*registrytest.Memory
	err error
}

func (f failing) Holds(ctx context.Context, p registry.Person, portrait *registry.Portrait) (bool, error) {
	if p.NIK.Reveal() == "9999000000000005" {
		return false, f.err
	}
	return f.Memory.Holds(ctx, p, portrait)
}

func TestFailureAboutOnePersonStops(t *testing.T) {
	down := fmt.Errorf("down")
	r := failing{registrytest.NewMemory(), down}
	_, rejects, err := run(t.Context(), newEnroller(r, &extractor{}), peopleRows(20), photos(t, 20))
	if err == nil || rejects != nil {
		t.Errorf("%v, %v", rejects, err)
	}
}
