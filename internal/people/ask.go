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
	p, err := r.find(ctx, q.Claim.NIK, q.Probe != nil)
	if err != nil {
		return registry.Answer{}, r.unavailable(ctx, "reading a person", err)
	}
	if p == nil {
		return registry.Answer{}, nil
	}
	a := registry.Answer{
		Found: true, Status: p.record.status,
		NameScore: registry.NotScored, Attributes: q.Claim.NotCompared(),
	}
	if !q.Claim.Name.IsZero() {
		a.NameScore = name.Score(q.Claim.Name.Reveal(), p.record.Name)
	}
	if !q.Claim.DateOfBirth.IsZero() {
		a.DateOfBirth = sesuai.OutcomeOf(q.Claim.DateOfBirth.Reveal() == p.record.DateOfBirth)
	}
	if q.Probe == nil || a.Status != sesuai.Active {
		return a, nil
	}
	if a.Face, err = r.compare(p, *q.Probe); err != nil {
		return registry.Answer{}, r.unavailable(ctx, "comparing faces", err)
	}
	return a, nil
}

// compare compares a probe with the reference of a person who was read with the
// template.
func (r *Registry) compare(p *person, probe face.Probe) (registry.Comparison, error) {
	if r.o.Scale == nil {
		return registry.Comparison{}, errors.New("the registry was opened without a scale")
	}
	portrait, err := p.portrait()
	if err != nil || portrait == nil {
		return registry.Comparison{}, err
	}
	return portrait.Compare(probe, r.o.Scale, r.o.Calibration)
}
