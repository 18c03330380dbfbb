package evaluation

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/sesuai/sesuai/internal/face"
)

// Stored says how scores change if a reference is compared as a registry stores
// it instead of as it was extracted. The probe is as it was extracted.
type Stored struct {
	Genuine   Change `json:"genuine"`
	Impostors Change `json:"impostors"`
}

// Change is the difference between the two scores of the same pairs.
type Change struct {
	// Pairs is how many pairs were compared both ways.
	Pairs int64 `json:"pairs"`
	// Mean and Max are of the score, without the sign.
	Mean float64 `json:"mean"`
	Max  float64 `json:"max"`
	// Verdicts is how many pairs match with one score and not with the other.
	Verdicts int64 `json:"verdicts"`
}

// Mean returns the mean change over all pairs.
func (s *Stored) Mean() float64 {
	g, i := s.Genuine, s.Impostors
	return (g.Mean*float64(g.Pairs) + i.Mean*float64(i.Pairs)) / float64(max(g.Pairs+i.Pairs, 1))
}

// AsStored returns a template as a registry returns it after storing it.
func AsStored(t face.Template) (face.Template, error) {
	b, err := t.MarshalBinary()
	if err != nil {
		return face.Template{}, err
	}
	opened := face.Template{Model: t.Model}
	return opened, opened.UnmarshalBinary(b)
}

// Stored compares the pairs that Compare compares, with each reference as it was
// extracted and as store returns it. AsStored is such a store.
func (t *Templates) Stored(ctx context.Context, m Measuring, store func(face.Template) (face.Template, error)) (*Stored, error) {
	stored := *t
	stored.templates = slices.Clone(t.templates)
	for i := range stored.templates {
		if t.vector(i, face.ForReference) == nil {
			continue
		}
		template, err := store(t.templates[i][face.ForReference])
		if err != nil {
			return nil, fmt.Errorf("storing a template: %w", err)
		}
		if len(template.Vector) != face.TemplateSize {
			return nil, fmt.Errorf("storing a template: it has %d components", len(template.Vector))
		}
		stored.templates[i][face.ForReference] = template
	}
	formula := m.Calibration.Formula
	before := &Scores{Formula: formula, acquired: t.acquired()}
	after := &Scores{Formula: formula, acquired: stored.acquired()}
	pass := m.thresholdScore()
	add := func(into *Change, s Score) {
		extracted := s
		before.set(&extracted, dot(t.vector(int(s.Reference), face.ForReference), t.vector(int(s.Probe), face.ForProbe)))
		into.add(float64(extracted.Value), float64(s.Value), pass)
	}
	var genuine, listed Change
	for _, p := range t.set.Pairs {
		a, b := stored.vector(p.Reference, face.ForReference), t.vector(p.Probe, face.ForProbe)
		if a == nil || b == nil {
			continue
		}
		into := &listed
		if p.Same {
			into = &genuine
		}
		score := Score{Reference: int32(p.Reference), Probe: int32(p.Probe)}
		after.set(&score, dot(a, b))
		add(into, score)
	}
	impostors := []Change{listed}
	if t.allPairs {
		impostors = make([]Change, shards)
		matrix := stored.matrix(formula)
		err := onAllCores(ctx, func(ctx context.Context, shard int) error {
			return matrix.scan(ctx, shard, func(s Score) { add(&impostors[shard], s) })
		})
		if err != nil {
			return nil, err
		}
	}
	return &Stored{Genuine: joined(genuine), Impostors: joined(impostors...)}, nil
}

// add counts a pair. Until the parts are joined, Mean is the sum.
func (c *Change) add(extracted, stored, pass float64) {
	change := math.Abs(stored - extracted)
	c.Pairs++
	c.Mean += change
	c.Max = max(c.Max, change)
	if (extracted >= pass) != (stored >= pass) {
		c.Verdicts++
	}
}

func joined(parts ...Change) Change {
	var out Change
	for _, c := range parts {
		out.Pairs += c.Pairs
		out.Mean += c.Mean
		out.Max = max(out.Max, c.Max)
		out.Verdicts += c.Verdicts
	}
	out.Mean /= float64(max(out.Pairs, 1))
	return out
}
