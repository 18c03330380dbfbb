package enrol_test

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sesuai/sesuai/internal/enrol"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/registry"
	"github.com/sesuai/sesuai/internal/registry/registrytest"
	"github.com/sesuai/sesuai/internal/store"
)

const damaged = "CONFLICT: what is on record of this NIK is damaged; remove the person, then import again"

// openStore opens a store with an import of n people, and a database handle
// that goes behind its back.
func openStore(t *testing.T, n int) (*store.Store, *sql.DB) {
	t.Helper()
	dir := t.TempDir()
	s, err := store.Open(t.Context(), store.Options{Dir: dir, OpenRing: func(isNew bool) (*keyring.Ring, error) {
		return keyring.Open(keyring.Options{Path: filepath.Join(dir, keyring.FileName), Create: isNew})
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	behind, err := sql.Open("sqlite", filepath.Join(dir, store.FileName))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = behind.Close() })
	summary, rejects, err := run(t.Context(), newEnroller(s, &extractor{}), rows(n), photos(t, n))
	if err != nil || summary.Added != n {
		t.Fatal(summary, rejects, err)
	}
	return s, behind
}

// TestDamagedRecord: one person whose record is damaged is one row that cannot
// be enrolled. It is told, it is not overwritten, and it holds up nobody else;
// once the person is removed, the import mends it.
func TestDamagedRecord(t *testing.T) {
	const n = 20
	for _, test := range []struct{ about, statement string }{
		{"attributes", `UPDATE people SET attributes = CAST(substr(attributes, 1, 40) || x'0000000000000000' || substr(attributes, 49) AS BLOB) WHERE id = 5`},
		{"a template", `UPDATE templates SET template = CAST(substr(template, 1, 40) || x'0000000000000000' || substr(template, 49) AS BLOB) WHERE id = 5`},
		{"a template lost", `DELETE FROM templates WHERE id = 5`},
	} {
		t.Run(test.about, func(t *testing.T) {
			s, behind := openStore(t, n)
			if _, err := behind.ExecContext(t.Context(), test.statement); err != nil {
				t.Fatal(err)
			}
			root := photos(t, n+5)
			summary, rejects, err := run(t.Context(), newEnroller(s, &extractor{}), rows(n+5), root)
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
			summary, rejects, err = run(t.Context(), newEnroller(s, &extractor{}), rows(n+5), root)
			if err != nil || rejects != nil || summary != (enrol.Summary{Rows: n + 5, Added: 1, Unchanged: n + 4}) {
				t.Errorf("after removing: %+v, %v, %v", summary, rejects, err)
			}
		})
	}
}

// TestLostTable: what is not about one person is the registry's failure, and
// stops the import.
func TestLostTable(t *testing.T) {
	s, behind := openStore(t, 3)
	if _, err := behind.ExecContext(t.Context(), `ALTER TABLE templates RENAME TO gone`); err != nil {
		t.Fatal(err)
	}
	summary, rejects, err := run(t.Context(), newEnroller(s, &extractor{}), rows(3), photos(t, 3))
	if err == nil || summary != (enrol.Summary{}) || rejects != nil {
		t.Errorf("%+v, %v, %v", summary, rejects, err)
	}
}

// failing is a registry that fails for one person alone, but not by damage:
// who knows whether the others' answers can be trusted.
type failing struct {
	*registrytest.Memory
	err error
}

func (f failing) Holds(ctx context.Context, p registry.Person, source [32]byte, model string) (bool, error) {
	if p.NIK.Reveal() == "9999000000000005" {
		return false, f.err
	}
	return f.Memory.Holds(ctx, p, source, model)
}

func TestFailureAboutOnePersonStops(t *testing.T) {
	down := fmt.Errorf("down")
	r := failing{registrytest.NewMemory(), down}
	_, rejects, err := run(t.Context(), newEnroller(r, &extractor{}), rows(20), photos(t, 20))
	if err == nil || rejects != nil {
		t.Errorf("%v, %v", rejects, err)
	}
}
