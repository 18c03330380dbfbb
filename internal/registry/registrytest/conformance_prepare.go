package registrytest

import (
	"context"
	"errors"
	"testing"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/registry"
)

// preparer returns r as a Preparer, and skips a test of one if r must not be one.
func preparer(t *testing.T, r registry.Registry) registry.Preparer {
	t.Helper()
	p, ok := r.(registry.Preparer)
	if !ok {
		t.Skip("this test needs a registry.Preparer")
	}
	return p
}

// TestPreparedAnswer: it is about the record as it was when it was read, whatever
// happens before the face is extracted, and it can be given after the context of
// the reading has ended.
func (s suite) TestPreparedAnswer(t *testing.T) {
	r := s.open(t)
	p := preparer(t, r)
	enrol(t, r, Person(t, 1), Portrait(t, 1), registry.Added)
	probe := ProbeAt(t, Portrait(t, 1).Template, 0.8)
	claim, before := Claim(Person(t, 1)), ask(t, r, Claim(Person(t, 1)), probe)
	without := ask(t, r, claim, nil)

	ctx, cancel := context.WithCancel(t.Context())
	answer, err := p.Prepare(ctx, registry.Question{Claim: claim})
	if err != nil {
		t.Fatal(err)
	}
	unknown := prepare(t, p, Claim(Person(t, 2)))
	cancel()
	if removed, err := r.Remove(t.Context(), claim.NIK); err != nil || !removed {
		t.Fatal(removed, err)
	}
	enrol(t, r, Person(t, 2), Portrait(t, 2), registry.Added)
	for range 2 {
		got, err := answer(probe)
		equal(t, "the answer with a probe", got, err, before)
		got, err = answer(nil)
		equal(t, "the answer without one", got, err, without)
	}
	got, err := unknown(probe)
	equal(t, "the answer about nobody", got, err, registry.Answer{})
}

// TestPreparedWithAnotherModel: the answer fails as that of Ask, and says nothing of
// a context that has ended.
func (s suite) TestPreparedWithAnotherModel(t *testing.T) {
	r := s.open(t)
	p := preparer(t, r)
	enrol(t, r, Person(t, 1), Portrait(t, 1), registry.Added)
	ctx, cancel := context.WithCancel(t.Context())
	answer, err := p.Prepare(ctx, registry.Question{Claim: Claim(Person(t, 1))})
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	got, err := answer(&face.Probe{Template: Template(t, "other@111111111111", 1)})
	unanswered(t, "the answer", err)
	if !errors.Is(err, face.ErrModelDiffers) || errors.Is(err, context.Canceled) {
		t.Errorf("error %v does not say that the models differ, or says more", err)
	}
	equal(t, "the answer", got, nil, registry.Answer{})
}

// TestPrepareWithEndedContext: nothing is read for a caller that is gone.
func (s suite) TestPrepareWithEndedContext(t *testing.T) {
	p := preparer(t, s.open(t))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := p.Prepare(ctx, registry.Question{Claim: sesuai.Claim{NIK: NIK(t, 1)}})
	unanswered(t, "Prepare", err)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("the end of the context is not in the chain of %v", err)
	}
}
