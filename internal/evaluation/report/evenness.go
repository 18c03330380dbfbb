package report

import (
	"html/template"
	"math"
	"strconv"

	"github.com/sesuai/sesuai/internal/evaluation"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// breakdown is the section of one property on the page.
type breakdown struct {
	By   string
	Plot template.HTML
	// Groups is whether the parts are groups.
	Groups bool
	Rows   []partRow
	// FMR and FNMR say how far the parts are from their mean.
	FMR, FNMR spreadText
}

// spreadText is a spread for the table of all properties.
type spreadText struct {
	Mean, Worst string
	Ratio       rateCell
}

// partRow is one part in a table.
type partRow struct {
	Name                string
	FMR, FNMR           rateCell
	FMRRatio, FNMRRatio rateCell
}

// breakdowns returns the sections of what was divided, the names of what was not,
// and a warning for each rate that is uneven.
func breakdowns(r *evaluation.Report) (sections []breakdown, undivided, warnings []string, err error) {
	for i := range r.Evenness {
		b := &r.Evenness[i]
		if len(b.Parts) == 0 {
			undivided = append(undivided, orNone(name(b.By)))
			continue
		}
		s := breakdown{
			By: orNone(name(b.By)), Groups: b.By == evaluation.PartsByGroup,
			FMR: spreadOf(b, b.FMR), FNMR: spreadOf(b, b.FNMR),
		}
		for k, p := range b.Parts {
			s.Rows = append(s.Rows, partRow{
				label(b, k), partCell(p.FMR), partCell(p.FNMR), ratioCell(p.FMRRatio), ratioCell(p.FNMRRatio),
			})
		}
		for _, w := range b.Warnings() {
			c := ratioCell(w.Ratio)
			warnings = append(warnings, w.Rate+" is uneven by "+s.By+": "+c.Value+" times the mean (95"+tie+"% interval "+
				orNone(c.Interval)+") where it is "+s.Rows[w.Part].Name+".")
		}
		if s.Plot, err = evennessPlot(b, "evenness-"+strconv.Itoa(i), s.By); err != nil {
			return nil, nil, nil, err
		}
		sections = append(sections, s)
	}
	return sections, undivided, warnings, nil
}

// partCell is cell without "1 in", which a column of many parts has no need of.
func partCell(r evaluation.Rate) rateCell {
	c := cell(r)
	c.OneIn = ""
	return c
}

func fmrRatio(p evaluation.Part) evaluation.Ratio  { return p.FMRRatio }
func fnmrRatio(p evaluation.Part) evaluation.Ratio { return p.FNMRRatio }

func hasPart(b *evaluation.Breakdown, k int) bool { return k >= 0 && k < len(b.Parts) }

// label returns the values of a part, or the name of a group.
func label(b *evaluation.Breakdown, part int) string {
	if p := b.Parts[part]; !isBound(p.From) || !isBound(p.To) {
		return none
	}
	return orNone(name(b.Label(part)))
}

// isBound reports whether v can bound the values of a property; nil can.
func isBound(v *float64) bool { return v == nil || math.Abs(*v) < 1e6 }

// spreadOf returns a spread, with the name of the part that is worst.
func spreadOf(b *evaluation.Breakdown, s evaluation.Spread) spreadText {
	text := spreadText{Mean: none, Worst: none, Ratio: rateCell{Value: none}}
	if measured(s.Mean) {
		text.Mean = percent(s.Mean.Value)
	}
	if hasPart(b, s.Worst) {
		text.Worst, text.Ratio = label(b, s.Worst), ratioCell(s.Ratio)
	}
	return text
}

// known reports whether a ratio was measured and is valid.
func known(r evaluation.Ratio) bool {
	return finite(r.High) && r.High > 0 && r.Low >= 0 && r.Low <= r.Value && r.Value <= r.High
}

// ratioCell returns a ratio for a table, with its interval.
func ratioCell(r evaluation.Ratio) rateCell {
	if !known(r) {
		return rateCell{Value: none}
	}
	return rateCell{Value: times(r.Value), Interval: times(r.Low) + "–" + times(r.High)}
}

// times returns a ratio, which may be 0.
func times(v float64) string {
	if v == 0 {
		return "0"
	}
	return ratio(v)
}

// ratios labels an axis of log10 of a ratio with 1 and 3 in each decade.
type ratios struct{}

// Ticks implements plot.Ticker.
func (ratios) Ticks(low, high float64) []plot.Tick {
	var ticks []plot.Tick
	for d := int(math.Floor(low)); d <= int(math.Ceil(high)); d++ {
		for i := 1; i <= 9; i++ {
			t := plot.Tick{Value: float64(d) + math.Log10(float64(i))}
			if t.Value < low-1e-9 || t.Value > high+1e-9 {
				continue
			}
			if i == 1 || i == 3 {
				t.Label = strconv.FormatFloat(float64(i)*math.Pow10(d), 'f', max(-d, 0), 64)
			}
			ticks = append(ticks, t)
		}
	}
	return ticks
}

// bounds labels an axis of parts: the values between two parts, or the numbers of
// groups.
type bounds struct{ *evaluation.Breakdown }

// Ticks implements plot.Ticker.
func (b bounds) Ticks(_, _ float64) []plot.Tick {
	var ticks []plot.Tick
	if b.By == evaluation.PartsByGroup {
		every := 1 + len(b.Parts)/12
		for k := 0; k < len(b.Parts); k += every {
			ticks = append(ticks, plot.Tick{Value: float64(k) + 0.5, Label: strconv.Itoa(k + 1)})
		}
		return ticks
	}
	for k, p := range b.Parts {
		bound := p.From
		if b.HigherIsWorse {
			bound = p.To
		}
		if k > 0 && bound != nil && isBound(bound) {
			value := strconv.FormatFloat(math.Round(*bound*100)/100, 'f', -1, 64)
			ticks = append(ticks, plot.Tick{Value: float64(k), Label: value + name(b.Unit)})
		}
	}
	return ticks
}

// maxDecades is how far the axis of ratios reaches from 1.
const maxDecades = 2

// evennessPlot draws the ratios of all parts to their mean on a logarithmic axis,
// with their intervals. An interval from 0 reaches the end of the axis. It returns
// an empty plot if no ratio is known.
func evennessPlot(b *evaluation.Breakdown, id, by string) (template.HTML, error) {
	across := by + " of the worse photograph (worst on the left)"
	if b.By == evaluation.PartsByGroup {
		across = "group, in the order of the table"
	}
	p := newPlot(across, "times the mean")
	p.X.Tick.Marker, p.Y.Tick.Marker = bounds{b}, ratios{}
	parts := float64(len(b.Parts))
	for _, level := range []struct {
		ratio  float64
		role   role
		dashes []vg.Length
	}{{1, ink, nil}, {evaluation.UnevenRatio, threshold, []vg.Length{4, 2}}} {
		y := math.Log10(level.ratio)
		l, err := line(plotter.XYs{{X: 0, Y: y}, {X: parts, Y: y}}, level.role, 0.8)
		if err != nil {
			return "", err
		}
		l.Dashes = level.dashes
		p.Add(l)
	}
	low, high := -1.0, 1.0
	drawn, plotted := "", false
	for _, rate := range []struct {
		name   string
		spread evaluation.Spread
		of     func(evaluation.Part) evaluation.Ratio
		role   role
		shape  draw.GlyphDrawer
		right  float64
	}{
		{"FMR", b.FMR, fmrRatio, impostor, draw.CircleGlyph{}, -0.12},
		{"FNMR", b.FNMR, fnmrRatio, genuine, draw.BoxGlyph{}, 0.12},
	} {
		var dots plotter.XYs
		for k, part := range b.Parts {
			r := rate.of(part)
			if !known(r) {
				continue
			}
			at := func(v float64) plotter.XY {
				return plotter.XY{X: float64(k) + 0.5 + rate.right, Y: min(max(math.Log10(v), -maxDecades), maxDecades)}
			}
			bar, err := line(plotter.XYs{at(r.Low), at(r.High)}, rate.role, 1.2)
			if err != nil {
				return "", err
			}
			p.Add(bar)
			if r.Value > 0 {
				dots = append(dots, at(r.Value))
				low, high = min(low, math.Floor(at(r.Value).Y)), max(high, math.Ceil(at(r.High).Y))
			}
		}
		if len(dots) == 0 {
			continue
		}
		scatter, err := plotter.NewScatter(dots)
		if err != nil {
			return "", err
		}
		scatter.GlyphStyle = draw.GlyphStyle{Color: rate.role, Radius: 3, Shape: rate.shape}
		p.Add(scatter)
		plotted = true
		legend := rate.name
		if measured(rate.spread.Mean) {
			legend += ", mean " + percent(rate.spread.Mean.Value)
		}
		p.Legend.Add(legend, scatter)
		if known(rate.spread.Ratio) {
			drawn += " " + rate.name + " is worst at " + times(rate.spread.Ratio.Value) + " times its mean."
		}
	}
	if !plotted {
		return "", nil
	}
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = 0, parts, low, high
	return figure{
		id: id, title: "Evenness by " + by,
		description: "The false match rate and the false non-match rate of each part of the pairs, over the mean of all parts, with intervals, on a logarithmic axis." + drawn,
	}.render(p)
}
