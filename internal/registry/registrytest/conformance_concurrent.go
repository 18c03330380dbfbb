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

func (s suite) TestEndedContext(t *testing.T) {
	r := s.open(t)
	p, portrait := Person(t, 1), Portrait(t, 1)
	enrol(t, r, p, portrait, registry.Added)

	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	expired, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	for _, ctx := range []context.Context{canceled, expired} {
		calls := map[string]func() error{
			"Ask": func() error {
				_, err := r.Ask(ctx, registry.Question{Claim: Claim(p), Probe: ProbeAt(t, portrait.Template, 1)})
				return err
			},
			"Enrol":  func() error { _, err := r.Enrol(ctx, Person(t, 2), Portrait(t, 2)); return err },
			"Holds":  func() error { _, err := r.Holds(ctx, p, portrait); return err },
			"Lookup": func() error { _, _, err := r.Lookup(ctx, p.NIK); return err },
			"Remove": func() error { _, err := r.Remove(ctx, p.NIK); return err },
			"Count":  func() error { _, err := r.Count(ctx); return err },
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

// TestConcurrency: each worker enrols, asks about and removes people of its own.
func (s suite) TestConcurrency(t *testing.T) {
	r := s.open(t)
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
				answer, err := r.Ask(t.Context(), registry.Question{Claim: Claim(p), Probe: ProbeAt(t, portrait.Template, 1)})
				if err != nil || !answer.Found || answer.NameScore != 100 {
					t.Errorf("Ask about person %d: %+v, %v", n, answer, err)
				}
				comparedAt(t, r, 1, answer.Face)
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

// TestConcurrencyOnOnePerson: two versions of a person are enrolled in turns.
// Every answer is about one of them, never about half of each.
func (s suite) TestConcurrencyOnOnePerson(t *testing.T) {
	r := s.open(t)
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
	_, foreign := r.(Foreign)
	question := registry.Question{Claim: Claim(versions[0]), Probe: ProbeAt(t, portraits[0].Template, 1)}
	for range 2 {
		readers.Go(func() {
			for !done.Load() {
				answer, err := r.Ask(t.Context(), question)
				if err != nil {
					t.Errorf("Ask: %v", err)
					return
				}
				first := answer.NameScore == 100
				if !answer.Found || (answer.DateOfBirth == sesuai.Match) != first || !foreign && answer.Face.Portrait != first {
					t.Errorf("the answer is about neither version: %+v", answer)
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
	held, err := r.Holds(t.Context(), p, portrait)
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
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(sesuai.Percentage{})); diff != "" {
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
