package people_test

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
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/people"
	"github.com/sesuai/sesuai/internal/registry"
	"github.com/sesuai/sesuai/internal/registry/registrytest"
	"github.com/sesuai/sesuai/internal/replay/replaytest"
	"github.com/sesuai/sesuai/internal/sqldb/sqltest"
	"github.com/sesuai/sesuai/internal/vault"
	"github.com/sesuai/sesuai/test/process"
)

// addKey adds a master key.
func addKey(t *testing.T, n node, want byte) {
	t.Helper()
	if id, err := n.vault.AddKey(t.Context()); err != nil || id != want {
		t.Fatalf("AddKey = %d, %v, want %d", id, err, want)
	}
}

// keyIn is a master key in a state, with so many people.
func keyIn(state string, there bool, count int) people.MasterKey {
	return people.MasterKey{MasterKey: vault.MasterKey{State: state, There: there}, People: count}
}

// assertKeys reports how the master keys differ from those wanted, oldest first.
func assertKeys(t *testing.T, n node, want ...people.MasterKey) {
	t.Helper()
	keys, err := n.Keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i := range keys {
		keys[i].AddedAt = time.Time{}
		want[i].ID = byte(i + 1)
	}
	equal(t, keys, want)
}

func TestRotation(t *testing.T) {
	process.Slow(t)
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		n, err := tryOpen(t.Context(), d, d.Dir, unenrolled)
		if err != nil {
			t.Fatal(err)
		}
		const count = 450 // more than two pages
		enrolBatch(t, n, 0, count)
		seen(t, n, 7, replaytest.Probe(7, "a", 0), false)
		seen(t, n, 9999, replaytest.Probe(8, "a", 0), false)
		secret := n.vault.Secret(keyring.AuditNIK).Hash([]byte("text"))
		entry, _, err := n.Lookup(t.Context(), registrytest.NIK(t, 3))
		if err != nil {
			t.Fatal(err)
		}

		if _, err := n.Rotate(t.Context(), nil); sesuai.KindOf(err) != sesuai.KindConflict {
			t.Errorf("Rotate without another key = %v", err)
		}
		addKey(t, n, 2)
		if _, err := n.vault.AddKey(t.Context()); sesuai.KindOf(err) != sesuai.KindConflict {
			t.Errorf("AddKey again = %v", err)
		}
		enrol(t, n, count) // still under the first
		assertKeys(t, n, keyIn("current", true, count+1), keyIn("added", true, 0))

		r, err := n.Rotate(t.Context(), nil)
		if err != nil || r != (people.Rotation{From: 1, To: 2, People: count + 1, Moved: count + 1, Retired: true}) {
			t.Errorf("Rotate = %+v, %v", r, err)
		}
		assertKeys(t, n, keyIn("retired", true, 0), keyIn("current", true, count+1))
		for i := range count + 1 {
			assertOnRecord(t, n, i)
		}
		seen(t, n, 7, replaytest.Probe(7, "b", 1), true)
		seen(t, n, 9999, replaytest.Probe(8, "b", 1), true)
		if after, _, err := n.Lookup(t.Context(), registrytest.NIK(t, 3)); err != nil || after.EnrolledAt != entry.EnrolledAt || after.ChangedAt != entry.ChangedAt {
			t.Errorf("Lookup = %+v, %v, was %+v", after, err, entry)
		}

		// Without the first key everything is as before, and the next rotation
		// works as well.
		n.close(t)
		if err := os.Remove(filepath.Join(d.Dir, keyring.FileName)); err != nil {
			t.Fatal(err)
		}
		n = open(t, d, unenrolled)
		assertOnRecord(t, n, 5)
		enrol(t, n, count+1)
		addKey(t, n, 3)
		if _, err := n.Rotate(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		assertKeys(t, n, keyIn("retired", false, 0), keyIn("retired", true, 0), keyIn("current", true, count+2))
		assertOnRecord(t, n, count+1)
		seen(t, n, 7, replaytest.Probe(7, "c", 2), true)
		seen(t, n, 9999, replaytest.Probe(8, "c", 2), true)
		if got := n.vault.Secret(keyring.AuditNIK).Hash([]byte("text")); got != secret {
			t.Error("a secret has changed")
		}
	})
}

// unlessLocked calls change, again if another process kept the database locked for
// too long: then nothing was changed, and the error says when to try again. SQLite
// keeps no queue of those who wait for its lock.
func unlessLocked(change func() error) (err error) {
	for range 5 {
		err = change()
		if e, ok := errors.AsType[*sesuai.Error](err); !ok || e.RetryAfter == 0 {
			break
		}
	}
	return err
}

// TestRotationUnderLoad: while everybody is moved, everybody is found, and what is
// enrolled, replaced and removed stays so, also by a process that knows nothing
// of the rotation. The rotation is interrupted several times.
func TestRotationUnderLoad(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		n, other := open(t, d), open(t, d)
		const count = 300
		enrolBatch(t, n, 0, count)
		addKey(t, n, 2)

		done := make(chan struct{})
		var group sync.WaitGroup
		var checked, changed atomic.Int64
		for w, which := range []node{n, other} {
			group.Go(func() {
				for i := w; ; i++ {
					select {
					case <-done:
						return
					default:
					}
					// The first hundred stay as they are.
					assertOnRecord(t, which, i%100)
					checked.Add(1)
				}
			})
			group.Go(func() {
				// The second hundred are replaced, the third removed, and a
				// fourth added; each process has half of them.
				for i := 100 + w; i < 200; i += 2 {
					var replaced, added registry.Change
					var removed, seen bool
					err := errors.Join(
						unlessLocked(func() (err error) {
							replaced, err = which.Enrol(t.Context(), secondVersion(t, i), nil)
							return err
						}),
						unlessLocked(func() (err error) {
							removed, err = which.Remove(t.Context(), registrytest.NIK(t, i+100))
							return err
						}),
						unlessLocked(func() (err error) {
							added, err = which.Enrol(t.Context(), registrytest.Person(t, i+200), registrytest.Portrait(t, i+200))
							return err
						}),
						unlessLocked(func() (err error) {
							seen, err = which.memory.Seen(t.Context(), registrytest.NIK(t, i-100), replaytest.Probe(i, "a", 0))
							return err
						}))
					if err != nil || replaced != registry.Replaced || !removed || added != registry.Added || seen {
						t.Errorf("person %d: replaced %v, removed %v, added %v, seen %v, %v", i, replaced, removed, added, seen, err)
					}
					changed.Add(1)
				}
			})
		}
		var moved, stops int
		for {
			ctx, stop := context.WithCancel(t.Context())
			pages := 0
			r, err := n.Rotate(ctx, func(people.Rotation) {
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
		t.Logf("%d moved over %d stops, while %d were asked about and %d changed", moved, stops, checked.Load(), 3*changed.Load())
		if checked.Load() == 0 || stops == 0 {
			t.Error("nobody was asked about, or nothing was interrupted")
		}
		for _, which := range []node{n, other, open(t, d)} {
			for i := range 400 {
				switch {
				case i < 100 || i >= 300:
					if !holds(t, which, registrytest.Person(t, i), registrytest.Portrait(t, i)) {
						t.Errorf("person %d is not on record as enrolled", i)
					}
				case i < 200:
					if !holds(t, which, secondVersion(t, i), nil) {
						t.Errorf("person %d is not on record as replaced", i)
					}
				default:
					if _, found, err := which.Lookup(t.Context(), registrytest.NIK(t, i)); err != nil || found {
						t.Errorf("person %d is on record although removed (%v)", i, err)
					}
				}
			}
			for i := range 100 {
				seen(t, which, i, replaytest.Probe(i+100, "b", 1), true)
			}
		}
		if got, err := n.Count(t.Context()); err != nil || got != 300 {
			t.Errorf("%d people on record, want 300 (%v)", got, err)
		}
	})
}

// TestRotatedWithoutTheKey: a process without the file of the new key cannot
// answer about anybody. It says neither "not found" nor anything else.
func TestRotatedWithoutTheKey(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		elsewhere := t.TempDir()
		copyKey := func(name string) {
			t.Helper()
			key, err := os.ReadFile(filepath.Join(d.Dir, name))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(elsewhere, name), key, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		n := open(t, d)
		enrol(t, n, 1)
		copyKey(keyring.FileName)
		late, err := tryOpen(t.Context(), d, elsewhere)
		if err != nil {
			t.Fatal(err)
		}
		defer late.close(t)
		assertOnRecord(t, late, 1)

		addKey(t, n, 2)
		assertOnRecord(t, late, 1)
		if _, err := n.Rotate(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		nik := registrytest.NIK(t, 1)
		_, err = ask(t, late, 1)
		assertUnanswered(t, "Ask", err)
		_, err = askFace(t, late, 1)
		assertUnanswered(t, "Ask with a probe", err)
		_, _, err = late.Lookup(t.Context(), nik)
		assertUnanswered(t, "Lookup", err)
		_, err = ask(t, late, 2)
		assertUnanswered(t, "Ask about nobody", err)
		_, err = late.Enrol(t.Context(), registrytest.Person(t, 2), nil)
		assertUnanswered(t, "Enrol", err)
		_, err = late.Remove(t.Context(), nik)
		assertUnanswered(t, "Remove", err)
		_, err = late.memory.Seen(t.Context(), nik, replaytest.Probe(1, "a", 0))
		assertUnanswered(t, "Seen", err)
		if _, err := tryOpen(t.Context(), d, elsewhere); sesuai.KindOf(err) != sesuai.KindConfiguration {
			t.Errorf("Open = %v", err)
		}

		// Once it has the file it goes on, without a restart.
		copyKey(keyring.FileName + ".2")
		assertOnRecord(t, late, 1)
		enrol(t, late, 2)
		assertOnRecord(t, n, 2)
	})
}

// TestRotationLeavesTheDamaged: people who do not open stay under the old key. It
// is not retired until they are removed.
func TestRotationLeavesTheDamaged(t *testing.T) {
	process.Slow(t)
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		n := open(t, d)
		for i := range 50 {
			enrol(t, n, i)
		}
		d.Exec(t, `UPDATE people SET attributes = x'01' WHERE nik = (SELECT nik FROM people ORDER BY nik LIMIT 1)`)
		addKey(t, n, 2)
		r, err := n.Rotate(t.Context(), nil)
		if sesuai.KindOf(err) != sesuai.KindConflict || r.Moved != 49 || r.Damaged != 1 || r.Retired {
			t.Errorf("Rotate = %+v, %v", r, err)
		}
		damaged := 0
		for i := range 50 {
			if _, err := ask(t, n, i); errors.Is(err, registry.ErrDamaged) {
				damaged++
				assertRemoved(t, n, i, true)
				continue
			}
			assertOnRecord(t, n, i)
		}
		if damaged != 1 {
			t.Errorf("%d people are damaged, want 1", damaged)
		}
		if r, err := n.Rotate(t.Context(), nil); err != nil || !r.Retired {
			t.Errorf("Rotate again = %+v, %v", r, err)
		}
	})
}
