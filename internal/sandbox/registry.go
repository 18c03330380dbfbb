package sandbox

import (
	"context"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/registry"
)

// Registry answers about the NIKs of Outcomes, and has another registry answer about
// the other synthetic ones. It asks nobody about a NIK that somebody real may have:
// that is not on record.
type Registry struct {
	real registry.Preparer
}

var _ registry.Preparer = (*Registry)(nil)

// NewRegistry returns a Registry in front of the real one.
func NewRegistry(real registry.Preparer) *Registry { return &Registry{real} }

// Ask implements registry.Registry.
func (r *Registry) Ask(ctx context.Context, q registry.Question) (registry.Answer, error) {
	answer, err := r.Prepare(ctx, q)
	if err != nil {
		return registry.Answer{}, err
	}
	return answer(q.Probe)
}

// Prepare implements registry.Preparer.
func (r *Registry) Prepare(ctx context.Context, q registry.Question) (func(*face.Probe) (registry.Answer, error), error) {
	o, fixed := outcomes[q.Claim.NIK.Reveal()]
	switch {
	case !Synthetic(q.Claim.NIK):
		return func(*face.Probe) (registry.Answer, error) { return registry.Answer{}, nil }, nil
	case !fixed:
		return r.real.Prepare(ctx, q)
	}
	if err := o.wait(ctx); err != nil {
		return nil, err
	}
	return func(probe *face.Probe) (registry.Answer, error) { return o.answer(q.Claim, probe != nil), nil }, nil
}

// answer returns what the registry says about a claim, with or without a probe.
func (o *Outcome) answer(claim sesuai.Claim, probe bool) registry.Answer {
	if o.unknown {
		return registry.Answer{}
	}
	a := registry.Answer{Found: true, Status: o.status, NameScore: registry.NotScored}
	if !claim.Name.IsZero() {
		a.NameScore = 100
		if o.name {
			a.NameScore = 0
		}
	}
	if !claim.DateOfBirth.IsZero() {
		a.DateOfBirth = sesuai.OutcomeOf(!o.date)
	}
	for claimed := range claim.Attributes {
		if a.Attributes == nil {
			a.Attributes = make(map[sesuai.Attribute]registry.Agreement)
		}
		a.Attributes[claimed] = registry.Agreement{Outcome: sesuai.Match, Score: 100}
		if claimed == o.Attribute {
			a.Attributes[claimed] = *o.attribute
		}
	}
	if probe && o.status == sesuai.Active && !o.noPortrait {
		percentage := o.compared()
		a.Face = registry.Comparison{
			Portrait: true, Score: percentage.Value(), Percentage: percentage, Model: model, Calibration: model,
			SamePhotograph: o.replay,
		}
	}
	return a
}
