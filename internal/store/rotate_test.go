package store_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/registry"
	"github.com/sesuai/sesuai/internal/registry/registrytest"
	"github.com/sesuai/sesuai/internal/store"
)

// addKey adds a master key and reports its number.
func addKey(t *testing.T, s *store.Store, want byte) {
	t.Helper()
	if id, err := s.AddKey(t.Context()); err != nil || id != want {
		t.Fatalf("AddKey = %d, %v", id, err)
	}
}

// assertKeys reports what is not as wanted of the keys: their states and how
// many people are under each, by number.
func assertKeys(t *testing.T, s *store.Store, want ...store.MasterKey) {
	t.Helper()
	keys, err := s.Keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i := range keys {
		keys[i].AddedAt = time.Time{}
		want[i].ID = byte(i + 1)
	}
	equal(t, keys, want)
}

// verifies reports whether somebody who is on record is found, compared and
// known again as enrolled.
func verifies(t *testing.T, s *store.Store, n int) {
	t.Helper()
	p := registrytest.Person(t, n)
	record, err := s.Check(t.Context(), registrytest.Claim(p))
	if err != nil || !record.Found || record.NameScore != 100 || record.DateOfBirth != sesuai.Match {
		t.Errorf("person %d: Check = %+v, %v", n, record, err)
	}
	probe := registrytest.ProbeAt(t, registrytest.Template(t, registrytest.Model, n), 0.9)
	compared, err := s.Compare(t.Context(), p.NIK, probe)
	if err != nil || !compared.Portrait || compared.Score < 0.89 || compared.Score > 0.91 {
		t.Errorf("person %d: Compare = %+v, %v", n, compared, err)
	}
}

func TestRotation(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	const people = 450 // more than two pages
	for n := range people {
		enrol(t, s, n)
	}
	seen(t, s, 7, probe(7, "a", 0), false)
	_, credentials, err := access.Add(t.Context(), s, access.Hash(s.Hasher(keyring.Credentials)), client("bank"))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Append(t.Context(), event(t, 1, "before")); err != nil {
		t.Fatal(err)
	}
	entry, _, err := s.Lookup(t.Context(), registrytest.NIK(t, 3))
	if err != nil {
		t.Fatal(err)
	}

	if _, err := s.Rotate(t.Context(), nil); sesuai.KindOf(err) != sesuai.KindConflict {
		t.Errorf("Rotate without a further key = %v", err)
	}
	addKey(t, s, 2)
	if _, err := s.AddKey(t.Context()); sesuai.KindOf(err) != sesuai.KindConflict {
		t.Errorf("AddKey again = %v", err)
	}
	enrol(t, s, people) // still under the first
	assertKeys(t, s, store.MasterKey{State: "current", There: true, People: people + 1}, store.MasterKey{State: "added", There: true})

	r, err := s.Rotate(t.Context(), nil)
	if err != nil || r != (store.Rotation{From: 1, To: 2, People: people + 1, Moved: people + 1, Retired: true}) {
		t.Errorf("Rotate = %+v, %v", r, err)
	}
	assertKeys(t, s, store.MasterKey{State: "retired", There: true}, store.MasterKey{State: "current", There: true, People: people + 1})
	for n := range people + 1 {
		verifies(t, s, n)
	}
	seen(t, s, 7, probe(7, "b", 1), true)
	if after, _, err := s.Lookup(t.Context(), registrytest.NIK(t, 3)); err != nil || after.EnrolledAt != entry.EnrolledAt || after.ChangedAt != entry.ChangedAt {
		t.Errorf("Lookup = %+v, %v, was %+v", after, err, entry)
	}

	// Without the first key everything is as before, and the next rotation
	// goes the same way.
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, keyring.FileName)); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	verifies(t, s, 5)
	enrol(t, s, people+1)
	addKey(t, s, 3)
	if _, err := s.Rotate(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	assertKeys(t, s, store.MasterKey{State: "retired"}, store.MasterKey{State: "retired", There: true},
		store.MasterKey{State: "current", There: true, People: people + 2})
	verifies(t, s, people+1)
	seen(t, s, 7, probe(7, "c", 2), true)
	hash := access.Hash(s.Hasher(keyring.Credentials))
	auth := access.NewAuthenticator(access.AuthenticatorOptions{Clients: s, Hash: hash})
	c := credentials.Reveal()
	if _, err := auth.Authenticate(t.Context(), c.Username, c.Password, c.APIKey); err != nil {
		t.Errorf("Authenticate = %v", err)
	}
	if head, err := s.VerifyTrail(t.Context()); err != nil || head.Seq != 1 {
		t.Errorf("VerifyTrail = %d, %v", head.Seq, err)
	}
}

// TestRotationUnderLoad: while everybody is moved, nobody is ever not found,
// and what is enrolled, replaced and removed meanwhile, by a process that knows
// nothing of the rotation too, is so afterwards. It is stopped and gone on with
// several times.
func TestRotationUnderLoad(t *testing.T) {
	dir := t.TempDir()
	s, other := open(t, dir), open(t, dir)
	const people = 300
	for n := range people {
		enrol(t, s, n)
	}
	addKey(t, s, 2)

	done := make(chan struct{})
	var group sync.WaitGroup
	var checked, changed atomic.Int64
	for w, which := range []*store.Store{s, other} {
		group.Go(func() {
			for n := w; ; n++ {
				select {
				case <-done:
					return
				default:
				}
				// The first hundred stay as they are.
				verifies(t, which, n%100)
				checked.Add(1)
			}
		})
		group.Go(func() {
			// The second hundred are replaced, the third removed, and a
			// fourth added; each store has its half.
			for n := 100 + w; n < 200; n += 2 {
				if change, err := which.Enrol(t.Context(), secondVersion(t, n), nil); err != nil || change != registry.Replaced {
					t.Errorf("person %d: Enrol = %v, %v", n, change, err)
				}
				if removed, err := which.Remove(t.Context(), registrytest.NIK(t, n+100)); err != nil || !removed {
					t.Errorf("person %d: Remove = %v, %v", n+100, removed, err)
				}
				if change, err := which.Enrol(t.Context(), registrytest.Person(t, n+200), registrytest.Portrait(t, n+200)); err != nil || change != registry.Added {
					t.Errorf("person %d: Enrol = %v, %v", n+200, change, err)
				}
				seen(t, which, n-100, probe(n, "a", 0), false)
				changed.Add(1)
			}
		})
	}
	var moved, stops int
	for {
		ctx, stop := context.WithCancel(t.Context())
		pages := 0
		r, err := s.Rotate(ctx, func(store.Rotation) {
			if pages++; pages == 1 && stops < 3 {
				stop()
			}
		})
		stop()
		moved += r.Moved
		if err == nil && r.Retired {
			break
		}
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("Rotate = %+v, %v", r, err)
		}
		stops++
	}
	close(done)
	group.Wait()
	t.Logf("%d moved over %d stops, while %d were verified and %d changed", moved, stops, checked.Load(), 3*changed.Load())
	if checked.Load() == 0 || stops == 0 {
		t.Error("nothing was verified, or nothing was stopped")
	}
	for _, which := range []*store.Store{s, other, open(t, dir)} {
		for n := range 400 {
			switch {
			case n < 100 || n >= 300:
				if !holds(t, which, registrytest.Person(t, n), registrytest.Portrait(t, n)) {
					t.Errorf("person %d is not held as enrolled", n)
				}
			case n < 200:
				if !holds(t, which, secondVersion(t, n), nil) {
					t.Errorf("person %d is not held as replaced", n)
				}
			default:
				if _, found, err := which.Lookup(t.Context(), registrytest.NIK(t, n)); err != nil || found {
					t.Errorf("person %d is there although removed (%v)", n, err)
				}
			}
		}
		for n := range 100 {
			seen(t, which, n, probe(n+100, "b", 1), true)
		}
	}
	if n, err := s.Count(t.Context()); err != nil || n != 300 {
		t.Errorf("%d people on record, want 300 (%v)", n, err)
	}
}

// TestRotatedWithoutTheKey: a process that has not been given the new key
// cannot answer about anybody, and says neither "not found" nor anything else.
func TestRotatedWithoutTheKey(t *testing.T) {
	dir, elsewhere := t.TempDir(), t.TempDir()
	s := open(t, dir)
	enrol(t, s, 1)
	key, err := os.ReadFile(filepath.Join(dir, keyring.FileName))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(elsewhere, keyring.FileName), key, 0o600); err != nil {
		t.Fatal(err)
	}
	o := options(t, dir)
	o.OpenRing = ring(elsewhere)
	node, err := store.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer node.Close() //nolint:errcheck // not what is tested
	verifies(t, node, 1)

	addKey(t, s, 2)
	verifies(t, node, 1)
	if _, err := s.Rotate(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	nik := registrytest.NIK(t, 1)
	_, err = node.Check(t.Context(), registrytest.Claim(registrytest.Person(t, 1)))
	assertUnanswered(t, "Check", err)
	_, err = node.Compare(t.Context(), nik, registrytest.ProbeAt(t, registrytest.Template(t, registrytest.Model, 1), 1))
	assertUnanswered(t, "Compare", err)
	_, _, err = node.Lookup(t.Context(), nik)
	assertUnanswered(t, "Lookup", err)
	_, err = node.Check(t.Context(), registrytest.Claim(registrytest.Person(t, 2)))
	assertUnanswered(t, "Check of nobody", err)
	_, err = node.Enrol(t.Context(), registrytest.Person(t, 2), nil)
	assertUnanswered(t, "Enrol", err)
	_, err = node.Remove(t.Context(), nik)
	assertUnanswered(t, "Remove", err)
	_, err = node.Seen(t.Context(), nik, probe(1, "a", 0))
	assertUnanswered(t, "Seen", err)
	if _, err := store.Open(t.Context(), o); sesuai.KindOf(err) != sesuai.KindConfiguration {
		t.Errorf("Open = %v", err)
	}

	// Once it has the key it goes on, without a restart.
	second, err := os.ReadFile(filepath.Join(dir, keyring.FileName+".2"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(elsewhere, keyring.FileName+".2"), second, 0o600); err != nil {
		t.Fatal(err)
	}
	verifies(t, node, 1)
	enrol(t, node, 2)
	verifies(t, s, 2)
}

// TestRotationLeavesTheDamaged: somebody who does not open stays under the old
// key, which is not retired before they are removed.
func TestRotationLeavesTheDamaged(t *testing.T) {
	s := open(t, t.TempDir())
	for n := range 50 {
		enrol(t, s, n)
	}
	s.ExecForTest(t, inEngine(`UPDATE people SET attributes = x'01' WHERE nik = (SELECT nik FROM people ORDER BY nik LIMIT 1)`))
	addKey(t, s, 2)
	r, err := s.Rotate(t.Context(), nil)
	if sesuai.KindOf(err) != sesuai.KindConflict || r.Moved != 49 || r.Damaged != 1 || r.Retired {
		t.Errorf("Rotate = %+v, %v", r, err)
	}
	damaged := 0
	for n := range 50 {
		p := registrytest.Person(t, n)
		if _, err := s.Check(t.Context(), registrytest.Claim(p)); errors.Is(err, registry.ErrDamaged) {
			damaged++
			if removed, err := s.Remove(t.Context(), p.NIK); err != nil || !removed {
				t.Errorf("Remove = %v, %v", removed, err)
			}
			continue
		}
		verifies(t, s, n)
	}
	if damaged != 1 {
		t.Errorf("%d people are damaged, want 1", damaged)
	}
	if r, err := s.Rotate(t.Context(), nil); err != nil || !r.Retired {
		t.Errorf("Rotate again = %+v, %v", r, err)
	}
}

// TestShredding: with the row of the data key gone, and the rest put back from
// a copy, nothing about the person opens with any key.
func TestShredding(t *testing.T) {
	s := open(t, t.TempDir())
	enrol(t, s, 1)
	enrol(t, s, 2)
	for _, table := range []string{"people", "templates"} {
		s.ExecForTest(t, `CREATE TABLE copy_of_`+table+` AS SELECT * FROM `+table)
	}
	if removed, err := s.Remove(t.Context(), registrytest.NIK(t, 1)); err != nil || !removed {
		t.Fatalf("Remove = %v, %v", removed, err)
	}
	for _, table := range []string{"people", "templates"} {
		s.ExecForTest(t, `DELETE FROM `+table)
		s.ExecForTest(t, `INSERT INTO `+table+` SELECT * FROM copy_of_`+table)
	}
	_, err := s.Check(t.Context(), registrytest.Claim(registrytest.Person(t, 1)))
	if !errors.Is(err, registry.ErrDamaged) {
		t.Errorf("Check = %v", err)
	}
	_, err = s.Compare(t.Context(), registrytest.NIK(t, 1), registrytest.ProbeAt(t, registrytest.Template(t, registrytest.Model, 1), 1))
	if !errors.Is(err, registry.ErrDamaged) {
		t.Errorf("Compare = %v", err)
	}
	verifies(t, s, 2)
}
