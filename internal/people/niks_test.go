package people_test

import (
	"context"
	"errors"
	"testing"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/people"
	"github.com/sesuai/sesuai/internal/registry/registrytest"
	"github.com/sesuai/sesuai/internal/sqldb"
	"github.com/sesuai/sesuai/internal/sqldb/sqltest"
	"github.com/sesuai/sesuai/test/process"
)

// niks returns every NIK that HasNIK looks at.
func niks(t *testing.T, n node) map[string]bool {
	t.Helper()
	seen := make(map[string]bool)
	found, err := n.HasNIK(t.Context(), func(nik sesuai.NIK) bool {
		seen[nik.Reveal()] = true
		return false
	})
	if found || err != nil {
		t.Errorf("HasNIK = %v, %v", found, err)
	}
	return seen
}

// TestHasNIK: it looks at everybody, also in the middle of a rotation, stops at the
// first, and does not take a damaged row for one that is not such.
func TestHasNIK(t *testing.T) {
	process.Slow(t)
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		n := open(t, d)
		if seen := niks(t, n); len(seen) != 0 {
			t.Errorf("of nobody %d NIKs were seen", len(seen))
		}
		const count = 450 // more than two pages
		enrolBatch(t, n, 0, count)
		looked := 0
		wanted := registrytest.NIK(t, count-1)
		found, err := n.HasNIK(t.Context(), func(nik sesuai.NIK) bool {
			looked++
			return nik.Equal(wanted)
		})
		if !found || err != nil || looked > count {
			t.Errorf("HasNIK = %v, %v after %d", found, err, looked)
		}
		found, err = n.HasNIK(t.Context(), func(sesuai.NIK) bool {
			looked++
			return true
		})
		if !found || err != nil || looked > count+1 {
			t.Errorf("HasNIK of anybody = %v, %v after %d", found, err, looked)
		}

		addKey(t, n, 2)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		r, err := n.Rotate(ctx, func(r people.Rotation) {
			if r.Moved > 0 {
				cancel()
			}
		})
		if !errors.Is(err, context.Canceled) || r.Moved == 0 || r.Moved == count {
			t.Fatalf("the rotation was to stop in the middle: %+v, %v", r, err)
		}
		if seen := niks(t, n); len(seen) != count {
			t.Errorf("%d NIKs were seen, want %d", len(seen), count)
		}

		err = n.db.InTx(t.Context(), func(tx *sqldb.Tx) error {
			_, err := tx.ExecContext(t.Context(), `UPDATE person_keys SET sealed = (SELECT sealed FROM person_keys ORDER BY person LIMIT 1)`)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		_, err = n.HasNIK(t.Context(), func(sesuai.NIK) bool { return false })
		assertUnanswered(t, "HasNIK with a damaged row", err)
	})
}
