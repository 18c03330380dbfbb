package people

import (
	"context"
	"errors"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/name"
	"github.com/sesuai/sesuai/internal/registry"
)

// Ask implements registry.Registry. It reads the person once.
func (r *Registry) Ask(ctx context.Context, q registry.Question) (registry.Answer, error) {
	answer, err := r.prepare(ctx, q, q.Probe != nil)
	if err != nil {
		return registry.Answer{}, err
	}
	return answer(q.Probe)
}

// Prepare implements registry.Preparer.
func (r *Registry) Prepare(ctx context.Context, q registry.Question) (func(*face.Probe) (registry.Answer, error), error) {
	return r.prepare(ctx, q, true)
}

// prepare is Prepare. Without the portrait the answer must be called with nil.
func (r *Registry) prepare(ctx context.Context, q registry.Question, portrait bool) (func(*face.Probe) (registry.Answer, error), error) {
	p, err := r.find(ctx, q.Claim.NIK)
	if err != nil {
		return nil, r.unavailable(ctx, "reading a person", err)
	}
	found := p != nil
	if found {
		r.standIns.follow(p.record)
	} else if p, err = r.standIns.open(r.o.Vault.Keys().Current); err != nil {
		return nil, r.unavailable(ctx, "opening a stand-in", err)
	}
	a := registry.Answer{
		Found: true, Status: p.record.status,
		NameScore:  registry.NotScored,
		Attributes: registry.Agreements(q.Claim, func(t sesuai.Attribute) string { return p.record.Attributes[t] }),
	}
	if !q.Claim.Name.IsZero() {
		a.NameScore = name.Score(q.Claim.Name.Reveal(), p.record.Name)
		if a.NameScore >= name.MinThreshold {
			// To compare names that differ takes longer, so one is compared in any case.
			name.Score(q.Claim.Name.Reveal(), standInName)
		}
	}
	if !q.Claim.DateOfBirth.IsZero() {
		a.DateOfBirth = sesuai.OutcomeOf(q.Claim.DateOfBirth.Reveal() == p.record.DateOfBirth)
	}
	if !found {
		// What the stand-in has been compared for is its time.
		return func(*face.Probe) (registry.Answer, error) { return registry.Answer{}, nil }, nil
	}
	var reference *registry.Portrait
	if portrait && a.Status == sesuai.Active {
		if reference, err = r.reference(p); err != nil {
			return nil, r.unavailable(ctx, "reading a portrait", err)
		}
	}
	// Nothing is kept of the record but the outcomes and the portrait. Whether ctx
	// ends later does not matter.
	ctx = context.WithoutCancel(ctx)
	return func(probe *face.Probe) (registry.Answer, error) {
		a := a
		if probe == nil || reference == nil {
			return a, nil
		}
		var err error
		if a.Face, err = reference.Compare(*probe, r.o.Scale, r.o.Calibration); err != nil {
			return registry.Answer{}, r.unavailable(ctx, "comparing faces", err)
		}
		return a, nil
	}, nil
}

// reference returns the portrait to compare a probe with, of a person who was read
// with the template; nil if there is none.
func (r *Registry) reference(p *person) (*registry.Portrait, error) {
	if r.o.Scale == nil {
		return nil, errors.New("the registry was opened without a scale")
	}
	return p.portrait()
}
