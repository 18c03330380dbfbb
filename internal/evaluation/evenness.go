package evaluation

import (
	"math"
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
	// people, and by the Rule of 3 where too few errors were seen. With
	// DefaultReplicates that holds for up to 25 parts: of more, the bounds are the
	// extremes of the bootstrap, which leave 0.1 % on either side of each.
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

// Warning is about a part whose rate is uneven.
type Warning struct {
	// Rate is "FMR" or "FNMR".
	Rate string
	// Part indexes Breakdown.Parts. Ratio is that of its rate to the mean.
	Part  int
	Ratio Ratio
}

// Warnings returns one for each part that Spread.Uneven names.
func (b *Breakdown) Warnings() []Warning {
	var all []Warning
	for _, k := range b.FMR.Uneven {
		if k >= 0 && k < len(b.Parts) {
			all = append(all, Warning{"FMR", k, b.Parts[k].FMRRatio})
		}
	}
	for _, k := range b.FNMR.Uneven {
		if k >= 0 && k < len(b.Parts) {
			all = append(all, Warning{"FNMR", k, b.Parts[k].FNMRRatio})
		}
	}
	return all
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
	fmr  []partOfPairs
	fnmr []*personRate
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
		for k := range fmr.rates {
			b.fmr = append(b.fmr, partOfPairs{&fmr.rates[k], fmr.hits[k]})
		}
		b.fnmr = r.nonMatches(score, len(b.Parts), d.part)
	}
	return out
}

// byGroup returns the Breakdown of groups.
func byGroup(groups []pendingGroup) *pendingBreakdown {
	b := &pendingBreakdown{Breakdown: Breakdown{By: PartsByGroup, Parts: []Part{}}}
	for _, g := range groups {
		b.Parts = append(b.Parts, Part{Name: g.name})
		b.fmr = append(b.fmr, partOfPairs{&g.rates.fmr.photographs, g.rates.fmr.hits})
		b.fnmr = append(b.fnmr, g.rates.fnmr)
	}
	return b
}

// finish sets what the bootstrap has counted.
func (b *pendingBreakdown) finish() Breakdown {
	b.FMR, b.FNMR = Spread{Worst: -1}, Spread{Worst: -1}
	if len(b.Parts) == 0 {
		return b.Breakdown
	}
	fmr, fnmr := ofPairs(b.fmr).ratios(&b.FMR), ofPeople(b.fnmr).ratios(&b.FNMR)
	for k := range b.Parts {
		p := &b.Parts[k]
		p.FMR, p.FMRRatio = b.fmr[k].result(), fmr[k]
		p.FNMR, p.FNMRRatio = b.fnmr[k].result(), fnmr[k]
	}
	return b.Breakdown
}
