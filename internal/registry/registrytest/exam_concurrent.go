package registrytest

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/registry"
)

func endedContext(t *testing.T, r registry.Enroller) {
	p, portrait := Person(t, 1), Portrait(t, 1)
	enrol(t, r, p, portrait, registry.Added)

	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	expired, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	for _, ctx := range []context.Context{canceled, expired} {
		calls := map[string]func() error{
			"Check":   func() error { _, err := r.Check(ctx, Claim(p)); return err },
			"Compare": func() error { _, err := r.Compare(ctx, p.NIK, ProbeAt(t, portrait.Template, 1)); return err },
			"Enrol":   func() error { _, err := r.Enrol(ctx, Person(t, 2), Portrait(t, 2)); return err },
			"Holds":   func() error { _, err := r.Holds(ctx, p, portrait.Source, Model); return err },
			"Lookup":  func() error { _, _, err := r.Lookup(ctx, p.NIK); return err },
			"Remove":  func() error { _, err := r.Remove(ctx, p.NIK); return err },
			"Count":   func() error { _, err := r.Count(ctx); return err },
		}
		for name, call := range calls {
			err := call()
			unanswered(t, name, err)
			if !errors.Is(err, ctx.Err()) {
				t.Errorf("%s: %v is not in the chain of %v", name, ctx.Err(), err)
			}
		}
	}
	// Nothing has changed.
	count(t, r, 1)
	isHeld(t, r, p, portrait, true)
}

// concurrency: everybody has a person, enrols, asks and removes it. Nobody
// sees another's.
func concurrency(t *testing.T, r registry.Enroller) {
	const workers, rounds = 8, 10
	var group sync.WaitGroup
	for worker := range workers {
		group.Go(func() {
			for round := range rounds {
				n := worker*rounds + round
				p, portrait := Person(t, n), Portrait(t, n)
				if change, err := r.Enrol(t.Context(), p, portrait); err != nil || change != registry.Added {
					t.Errorf("Enrol of person %d: %v, %v", n, change, err)
					return
				}
				record, err := r.Check(t.Context(), Claim(p))
				if err != nil || !record.Found || record.NameScore != 100 {
					t.Errorf("Check of person %d: %+v, %v", n, record, err)
				}
				compared, err := r.Compare(t.Context(), p.NIK, ProbeAt(t, portrait.Template, 1))
				comparedAt(t, r, 1, compared, err)
				if round%2 == 1 {
					if removed, err := r.Remove(t.Context(), p.NIK); err != nil || !removed {
						t.Errorf("Remove of person %d: %v, %v", n, removed, err)
					}
				}
			}
		})
	}
	group.Wait()
	count(t, r, workers*rounds/2)
}

// concurrencyOnOnePerson: two versions of a person are enrolled in turns.
// Whoever asks sees one of them as a whole, never half of each.
func concurrencyOnOnePerson(t *testing.T, r registry.Enroller) {
	versions := [2]registry.Person{Person(t, 0), Person(t, 1)}
	versions[1].NIK = versions[0].NIK
	portraits := [2]*registry.Portrait{Portrait(t, 0), nil}
	enrol(t, r, versions[0], portraits[0], registry.Added)

	var done atomic.Bool
	var writers, readers sync.WaitGroup
	for w := range 2 {
		writers.Go(func() {
			for i := range 20 {
				v := (w + i) % 2
				if change, err := r.Enrol(t.Context(), versions[v], portraits[v]); err != nil || change == registry.Added {
					t.Errorf("Enrol: %v, %v", change, err)
				}
			}
		})
	}
	wants := [2]registry.Record{
		told(r, registry.Record{Found: true, NameScore: 100, DateOfBirth: sesuai.Match, Portrait: true}),
		told(r, registry.Record{Found: true, NameScore: 0, DateOfBirth: sesuai.NonMatch, Portrait: false}),
	}
	for range 2 {
		readers.Go(func() {
			for !done.Load() {
				record, err := r.Check(t.Context(), Claim(versions[0]))
				if err != nil {
					t.Errorf("Check: %v", err)
					return
				}
				record.Revision = "" // which of the many is not what is asked
				if record.NameScore < 100 {
					record.NameScore = 0
				}
				if record != wants[0] && record != wants[1] {
					t.Errorf("Check saw neither version: %s", cmp.Diff(wants[0], record))
				}
				if _, err := r.Compare(t.Context(), versions[0].NIK, ProbeAt(t, portraits[0].Template, 1)); err != nil {
					t.Errorf("Compare: %v", err)
				}
			}
		})
	}
	writers.Wait()
	done.Store(true)
	readers.Wait()
	count(t, r, 1)
}

func enrol(t *testing.T, r registry.Enroller, p registry.Person, portrait *registry.Portrait, want registry.Change) {
	t.Helper()
	change, err := r.Enrol(t.Context(), p, portrait)
	if err != nil {
		t.Fatalf("Enrol: %v", err)
	}
	if change != want {
		t.Errorf("Enrol has %s, want %s", change, want)
	}
}

func isHeld(t *testing.T, r registry.Enroller, p registry.Person, portrait *registry.Portrait, want bool) {
	t.Helper()
	var source [32]byte
	var model string
	if portrait != nil {
		source, model = portrait.Source, portrait.Template.Model
	}
	held, err := r.Holds(t.Context(), p, source, model)
	equal(t, "Holds", held, err, want)
}

func count(t *testing.T, r registry.Enroller, want int) {
	t.Helper()
	n, err := r.Count(t.Context())
	equal(t, "Count", n, err, want)
}

func equal[T any](t *testing.T, what string, got T, err error, want T) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	// Revisions are the registry's own: see revisions.
	opts := cmp.Options{cmp.AllowUnexported(sesuai.Percentage{}), cmp.FilterPath(func(p cmp.Path) bool {
		return p.Last().String() == ".Revision"
	}, cmp.Ignore())}
	if diff := cmp.Diff(want, got, opts); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// unanswered reports whether err is anything but "could not answer".
func unanswered(t *testing.T, what string, err error) {
	t.Helper()
	if sesuai.KindOf(err) != sesuai.KindUnavailable {
		t.Errorf("%s: error %v is of kind %q, want %s", what, err, sesuai.KindOf(err), sesuai.KindUnavailable)
	}
}
