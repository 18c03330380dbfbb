package evaluation

import (
	"math"
	"slices"
	"strconv"

	"github.com/sesuai/sesuai/internal/face"
)

const (
	// UnevenRatio is how many times the mean a part's rate may be. If it is
	// more, by the whole of its interval, the report warns.
	UnevenRatio = 3
	// DefaultMinPart is how many pairs of two people a part has at least: an FMR
	// of 1e-4 is then minReaching pairs.
	DefaultMinPart = minReaching * 10_000
)

// PartsByGroup is the Breakdown.By of the list's groups.
const PartsByGroup = "group"

// Breakdown divides the pairs into parts by one property of the photographs, and
// compares the rates of the parts at the threshold. The value of a pair is that of
// the photograph that is worse in this property.
type Breakdown struct {
	// By is the property: "length" (that of the template network's output before
	// scaling: face.Template.Length), a face.Measure, the angle "yaw", "pitch" or
	// "roll" in degrees, "brightness" (face.Extraction.Brightness), or
	// PartsByGroup. By group, impostor pairs are those within a group.
	By string `json:"by"`
	// Unit is "°" for angles. HigherIsWorse is set for them too.
	Unit          string `json:"unit,omitempty"`
	HigherIsWorse bool   `json:"higher_is_worse,omitempty"`
	// Parts are in the order from the worst photographs to the best. It is empty
	// if the list has too few impostor pairs to divide them, or the property is
	// the same in nearly all.
	Parts []Part `json:"parts"`
	// FMR and FNMR compare the parts.
	FMR  Spread `json:"fmr"`
	FNMR Spread `json:"fnmr"`
}

// Label returns the values of a part as text: "under 2.75", "2.75 to 3.1", "3.1 and
// over"; "over 25°", "12° to 25°", "up to 12°"; or the name of a group.
func (b *Breakdown) Label(part int) string {
	p := b.Parts[part]
	value := func(v *float64) string { return strconv.FormatFloat(round(*v, 2), 'f', -1, 64) + b.Unit }
	switch {
	case p.From != nil && p.To != nil:
		return value(p.From) + " to " + value(p.To)
	case p.To != nil && b.HigherIsWorse:
		return "up to " + value(p.To)
	case p.To != nil:
		return "under " + value(p.To)
	case p.From != nil && b.HigherIsWorse:
		return "over " + value(p.From)
	case p.From != nil:
		return value(p.From) + " and over"
	}
	return p.Name
}

// Part holds the rates of a part of the pairs.
type Part struct {
	// Name is that of a group.
	Name string `json:"name,omitempty"`
	// From and To bound the values: From ≤ value < To, or From < value ≤ To if
	// Breakdown.HigherIsWorse. The first and the last part have one bound only.
	From *float64 `json:"from,omitempty"`
	To   *float64 `json:"to,omitempty"`
	// FMR counts pairs of photographs. FNMR counts the pairs that could be
	// compared, since a photograph that was not acquired has no value; by group
	// it counts the others as errors, like RatesAt.
	FMR  Rate `json:"fmr"`
	FNMR Rate `json:"fnmr"`
	// FMRRatio and FNMRRatio are the rates over those of all parts together.
	FMRRatio  Ratio `json:"fmr_ratio"`
	FNMRRatio Ratio `json:"fnmr_ratio"`
}

// Ratio is the rate of a part over the rate of all parts together; zero if there
// is no error in any part or no pair in this one.
type Ratio struct {
	Value float64 `json:"value"`
	// Low and High bound the value. With 95 % confidence, the intervals of all
	// parts of a Breakdown hold at once (Bonferroni). They are by bootstrap over
	// people, and by the Rule of 3 where too few errors were seen.
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// Spread is how far the rates of parts are from their mean.
type Spread struct {
	// Mean is the rate of all parts together.
	Mean Rate `json:"mean"`
	// Worst indexes the part with the highest rate; -1 if no part has an error.
	// Ratio is its rate over the mean.
	Worst int   `json:"worst"`
	Ratio Ratio `json:"ratio"`
	// Uneven indexes the parts whose interval is wholly above UnevenRatio.
	Uneven []int `json:"uneven,omitempty"`
}

// properties are what pairs are divided by. Values are rounded to a digit that
// still means something, so that the bounds of the parts are short and exact.
var properties = [...]struct {
	by, unit      string
	higherIsWorse bool
	of            func(*acquired) float64
}{
	{by: "length", of: func(a *acquired) float64 {
		if a.length == 0 {
			return math.Inf(1) // not known, so the other one counts
		}
		return round(a.length, 2)
	}},
	{by: string(face.Sharpness), of: func(a *acquired) float64 { return round(a.Quality.Sharpness, 1) }},
	{by: string(face.UnderExposure), of: func(a *acquired) float64 { return round(a.Quality.UnderExposure, 1) }},
	{by: string(face.OverExposure), of: func(a *acquired) float64 { return round(a.Quality.OverExposure, 1) }},
	{by: "yaw", unit: "°", higherIsWorse: true, of: func(a *acquired) float64 { return degrees(a.Quality.HeadPoseYaw) }},
	{by: "pitch", unit: "°", higherIsWorse: true, of: func(a *acquired) float64 { return degrees(a.Quality.HeadPosePitch) }},
	{by: "roll", unit: "°", higherIsWorse: true, of: func(a *acquired) float64 { return degrees(a.Quality.HeadPoseRoll) }},
	{by: "brightness", of: func(a *acquired) float64 { return round(a.Brightness, 0) }},
}

// degrees returns the angle of a pose measure, which is 100·cos² of it.
func degrees(measure float64) float64 {
	return round(math.Acos(math.Sqrt(min(max(measure/100, 0), 1)))*180/math.Pi, 1)
}

// pendingBreakdown is a Breakdown whose rates are not counted yet.
type pendingBreakdown struct {
	Breakdown
	fmr, fnmr []*tallied
}

// breakdowns registers the rates at the threshold by every property with the
// bootstrap.
func (r *reporter) breakdowns() []*pendingBreakdown {
	score := r.thresholdScore()
	if score < r.Impostors.Floor {
		return nil
	}
	var out []*pendingBreakdown
	for _, p := range properties {
		b := &pendingBreakdown{Breakdown: Breakdown{By: p.by, Unit: p.unit, HigherIsWorse: p.higherIsWorse, Parts: []Part{}}}
		out = append(out, b)
		d := r.divide(p.of, p.higherIsWorse)
		if len(d.edges) == 0 {
			continue
		}
		for k := range len(d.edges) + 1 {
			b.Parts = append(b.Parts, d.bounds(k, p.higherIsWorse))
		}
		fmr := &dividedRates{of: r.dividedTotal(d), hits: r.hits(score, len(b.Parts), d.part), rates: make([]tallied, len(b.Parts))}
		r.resampling.divided = append(r.resampling.divided, fmr)
		for k, fnmr := range r.nonMatches(score, len(b.Parts), d.part) {
			b.fmr, b.fnmr = append(b.fmr, &fmr.rates[k]), append(b.fnmr, &fnmr.tallied)
		}
	}
	return out
}

// byGroup returns the Breakdown of groups.
func byGroup(groups []pendingGroup) *pendingBreakdown {
	b := &pendingBreakdown{Breakdown: Breakdown{By: PartsByGroup, Parts: []Part{}}}
	for _, g := range groups {
		b.Parts = append(b.Parts, Part{Name: g.name})
		b.fmr, b.fnmr = append(b.fmr, &g.rates.fmr.photographs), append(b.fnmr, &g.rates.fnmr.tallied)
	}
	return b
}

// finish sets what the bootstrap has counted.
func (b *pendingBreakdown) finish() Breakdown {
	b.FMR, b.FNMR = Spread{Worst: -1}, Spread{Worst: -1}
	if len(b.Parts) == 0 {
		return b.Breakdown
	}
	fmr, fnmr := ratios(b.fmr, &b.FMR), ratios(b.fnmr, &b.FNMR)
	for k := range b.Parts {
		p := &b.Parts[k]
		p.FMR, p.FMRRatio = b.fmr[k].result(), fmr[k]
		p.FNMR, p.FNMRRatio = b.fnmr[k].result(), fnmr[k]
	}
	return b.Breakdown
}

// ratios returns the rates of parts over the rate of all parts together, and sets
// how far they spread.
//
// The interval of a ratio is by the bootstrap of the ratio itself, since the rate
// of a part and that of all have most of their uncertainty in common. It leaves
// 2.5 % on either side, divided by the number of parts, so that looking at many
// parts does not find one by chance. It is not made wider for the number of
// properties: a list in which no ratio is over UnevenRatio has to be close to it in
// several of them for a warning by chance to be likely.
func ratios(parts []*tallied, spread *Spread) []Ratio {
	all := together(parts)
	spread.Mean = all.result()
	out := make([]Ratio, len(parts))
	if all.errors == 0 {
		return out
	}
	for k, part := range parts {
		if part.of == 0 {
			continue
		}
		out[k] = part.over(all, 0.025/float64(len(parts)))
		if spread.Worst < 0 || out[k].Value > out[spread.Worst].Value {
			spread.Worst, spread.Ratio = k, out[k]
		}
		if out[k].Low > UnevenRatio {
			spread.Uneven = append(spread.Uneven, k)
		}
	}
	return out
}

// together returns the sum of parts.
func together(parts []*tallied) *tallied {
	all := &tallied{drawn: make([]counted, len(parts[0].drawn))}
	for _, p := range parts {
		all.errors, all.of = all.errors+p.errors, all.of+p.of
		all.erring, all.n = all.erring+p.erring, all.n+p.n
		for i, c := range p.drawn {
			all.drawn[i].errors += c.errors
			all.drawn[i].of += c.of
		}
	}
	return all
}

// over returns the rate of a part over that of all, of which it is a part. The
// interval leaves a share of outside on either side.
//
// A bootstrap only knows the errors that were seen. If there are few in the part,
// its rate is taken to be up to what the Rule of 3 allows; if there are few in the
// others, theirs is. A replicate without any error says nothing about the ratio,
// and counts as 0.
func (t *tallied) over(all *tallied, outside float64) Ratio {
	var values []float64
	for i, c := range t.drawn {
		switch of := all.drawn[i]; {
		case c.of == 0:
		case of.errors == 0:
			values = append(values, 0)
		default:
			values = append(values, c.rate()/of.rate())
		}
	}
	slices.Sort(values)
	value := t.rate() / all.rate()
	r := Ratio{value, value, value}
	if len(values) > 0 {
		cut := int(outside * float64(len(values)-1))
		r.Low, r.High = min(value, values[cut]), max(value, values[len(values)-1-cut])
	}
	if t.erring < minSeen {
		r.High = max(r.High, unseen(t.n)/all.rate())
	}
	if all.erring-t.erring < minSeen {
		others := max(all.errors-t.errors, (all.of-t.of)*unseen(all.n-t.n))
		r.Low = min(r.Low, t.rate()*all.of/(t.errors+others))
	}
	return r
}
