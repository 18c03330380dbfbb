package report

import (
	"bytes"
	"html/template"
	"math"
	"strconv"

	"github.com/sesuai/sesuai/internal/evaluation"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// The size of a plot. It is small, so that its text stays legible when a phone
// scales it down.
const (
	plotWidth  = 380 * vg.Length(1)
	plotHeight = 290 * vg.Length(1)
)

// minDecade is the lowest end of a logarithmic axis. No list has rates below
// 1e-9, and a wrong one must not compress the rest of the plot.
const minDecade = -9

// line draws a line through points.
func line(points plotter.XYs, r role, width vg.Length) (*plotter.Line, error) {
	l, err := plotter.NewLine(points)
	if err != nil {
		return nil, err
	}
	l.LineStyle = draw.LineStyle{Color: r, Width: width}
	return l, nil
}

// newPlot returns an empty plot in the style of the page.
func newPlot(x, y string) *plot.Plot {
	sans := font.Font{Typeface: "Liberation", Variant: "Sans"}
	p := plot.New()
	p.BackgroundColor = nil // that of the page
	p.Legend.TextStyle.Font = font.From(sans, 10)
	p.Legend.Top = true
	p.Legend.Padding = 2
	for _, a := range []struct {
		*plot.Axis
		label string
	}{{&p.X, x}, {&p.Y, y}} {
		a.Label.Text = a.label
		a.Label.Padding = 4
		a.Label.TextStyle.Font = font.From(sans, 11)
		a.Tick.Label.Font = font.From(sans, 10)
		a.Tick.Length = 5
		a.Padding = 0
	}
	lines := draw.LineStyle{Color: grid, Width: 0.5}
	p.Add(&plotter.Grid{Vertical: lines, Horizontal: lines})
	return p
}

// render returns the plot as an element of the page.
func (f figure) render(p *plot.Plot) (template.HTML, error) {
	c := vgsvg.New(plotWidth, plotHeight)
	// Leave room for half a label on the right and above.
	p.Draw(draw.Crop(draw.New(c), 1, -8, 1, -6))
	var b bytes.Buffer
	if _, err := c.WriteTo(&b); err != nil {
		return "", err
	}
	return f.inline(b.Bytes())
}

// decades labels an axis of log10 of a rate with the rate in per cent.
type decades struct{}

// Ticks implements plot.Ticker.
func (decades) Ticks(low, high float64) []plot.Tick {
	from, to := int(math.Round(low)), int(math.Round(high))
	every := 1
	if to-from > 6 {
		every = 2
	}
	var ticks []plot.Tick
	for d := from; d <= to; d++ {
		t := plot.Tick{Value: float64(d)}
		if (to-d)%every == 0 {
			t.Label = strconv.FormatFloat(math.Pow(10, float64(d+2)), 'f', max(-d-2, 0), 64) + " %"
		}
		ticks = append(ticks, t)
		for i := 2; i <= 9 && d < to; i++ {
			ticks = append(ticks, plot.Tick{Value: float64(d) + math.Log10(float64(i))})
		}
	}
	return ticks
}

// onLog returns the position of a rate on a logarithmic axis. A rate of 0 has
// none.
func onLog(v float64) (float64, bool) {
	if !isShare(v) || v == 0 {
		return 0, false
	}
	return max(math.Log10(v), minDecade), true
}

// detPlot draws the detection error trade-off with logarithmic axes. It shows
// the threshold, and the 95 % intervals of the list's own rates and of the
// threshold as crosses. It returns an empty plot if no point can be shown.
// hidden is the number of points that cannot be shown because a rate is 0 or
// invalid.
func detPlot(r *evaluation.Report) (svg template.HTML, hidden int, err error) {
	var curve plotter.XYs
	for _, at := range r.DET {
		x, okX := onLog(at.FMR)
		y, okY := onLog(at.FNMR)
		if !okX || !okY {
			hidden++
			continue
		}
		curve = append(curve, plotter.XY{X: x, Y: y})
	}
	if len(curve) == 0 {
		return "", hidden, nil
	}
	p := newPlot("false match rate (FMR)", "false non-match rate (FNMR)")
	p.X.Tick.Marker, p.Y.Tick.Marker = decades{}, decades{}
	// Whole decades up to 1, and at least one.
	low := plotter.XY{X: -1, Y: -1}
	for _, at := range curve {
		low.X, low.Y = min(low.X, math.Floor(at.X)), min(low.Y, math.Floor(at.Y))
	}
	l, err := line(curve, genuine, 1.6)
	if err != nil {
		return "", hidden, err
	}
	p.Add(l)
	p.Legend.Add("this list", l)

	pass := atThreshold(r)
	for _, at := range r.AtFMR {
		if err := cross(p, at, low, ink); err != nil {
			return "", hidden, err
		}
	}
	if pass != nil {
		if err := cross(p, *pass, low, threshold); err != nil {
			return "", hidden, err
		}
		x, okX := onLog(pass.FMR.Value)
		y, okY := onLog(pass.FNMR.Value)
		if okX && okY && x >= low.X && y >= low.Y {
			dot, err := plotter.NewScatter(plotter.XYs{{X: x, Y: y}})
			if err != nil {
				return "", hidden, err
			}
			dot.GlyphStyle = draw.GlyphStyle{Color: threshold, Radius: 3.5, Shape: draw.CircleGlyph{}}
			p.Add(dot)
			p.Legend.Add("threshold", dot)
		}
	}
	// Adding to the plot has fitted the axes to the points; set them to whole
	// decades.
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = low.X, 0, low.Y, 0

	first, last := r.DET[0], r.DET[len(r.DET)-1]
	f := figure{
		id: "det", title: "Detection error trade-off",
		description: "A curve of the false non-match rate against the false match rate, both axes logarithmic. From an FMR of " +
			percent(first.FMR) + " and an FNMR of " + percent(first.FNMR) + " at the score " + score(first.Score) +
			" it runs to an FMR of " + percent(last.FMR) + " and an FNMR of " + percent(last.FNMR) + " at the score " +
			score(last.Score) + ". The tables give the rates that matter as numbers.",
	}
	svg, err = f.render(p)
	return svg, hidden, err
}

// cross draws the two intervals of the rates at a score, as far as the axes
// reach.
func cross(p *plot.Plot, at evaluation.RatesAt, low plotter.XY, r role) error {
	x, okX := onLog(at.FMR.Value)
	y, okY := onLog(at.FNMR.Value)
	if !okX || !okY || x < low.X || y < low.Y || !measured(at.FMR) || !measured(at.FNMR) {
		return nil
	}
	bars := []struct {
		rate evaluation.Rate
		from float64
		at   func(v float64) plotter.XY
	}{
		{at.FMR, low.X, func(v float64) plotter.XY { return plotter.XY{X: v, Y: y} }},
		{at.FNMR, low.Y, func(v float64) plotter.XY { return plotter.XY{X: x, Y: v} }},
	}
	for _, bar := range bars {
		if interval(bar.rate) == none {
			continue
		}
		from, ok := onLog(bar.rate.Low)
		if !ok {
			from = bar.from // an interval from 0 reaches the end of the axis
		}
		to, ok := onLog(bar.rate.High)
		if !ok {
			continue
		}
		l, err := line(plotter.XYs{bar.at(max(from, bar.from)), bar.at(max(to, bar.from))}, r, 1)
		if err != nil {
			return err
		}
		p.Add(l)
	}
	return nil
}

// unit is the width of score to which the histograms' shares refer, so that
// histograms with different bins can be compared.
const unit = 0.01

// minShare is the least share that a histogram shows. One pair of any list is a
// greater share.
const minShare = 1e-12

// outline returns a histogram as a line of steps, in shares per unit of score.
// It is empty if there is nothing to draw. Invalid shares, and bins outside the
// range of scores, are omitted.
func outline(h evaluation.Histogram) plotter.XYs {
	if !finite(h.From) || !finite(h.Width) || math.Abs(h.From) > 2 || h.Width < 1e-4 || h.Width > 2 {
		return nil
	}
	var steps plotter.XYs
	seen := false
	for i, s := range h.Shares {
		from := h.From + float64(i)*h.Width
		if from > 1.05 {
			break
		}
		if from+h.Width < -1.05 {
			continue
		}
		if !isShare(s) || s < minShare {
			s = 0
		}
		seen = seen || s > 0
		steps = append(steps, plotter.XY{X: from, Y: s / h.Width * unit},
			plotter.XY{X: from + h.Width, Y: s / h.Width * unit})
	}
	if !seen {
		return nil
	}
	// Keep only the bins from the first to the last share, and go down to 0 on
	// either side.
	first, last := 0, len(steps)-1
	for steps[first].Y == 0 {
		first++
	}
	for steps[last].Y == 0 {
		last--
	}
	foot := func(at plotter.XY) plotter.XY { return plotter.XY{X: at.X} }
	closed := plotter.XYs{foot(steps[first])}
	closed = append(closed, steps[first:last+1]...)
	return append(closed, foot(steps[last]))
}

// scores labels an axis of scores every 0.2, with a tick every 0.1.
type scores struct{}

// Ticks implements plot.Ticker.
func (scores) Ticks(low, high float64) []plot.Tick {
	var ticks []plot.Tick
	for tenth := math.Ceil(low * 10); tenth <= high*10; tenth++ {
		t := plot.Tick{Value: tenth / 10}
		if math.Mod(tenth, 2) == 0 {
			t.Label = decimals(tenth/10, 1)
		}
		ticks = append(ticks, t)
	}
	return ticks
}

// shares labels an axis of shares in per cent.
type shares struct{}

// Ticks implements plot.Ticker.
func (shares) Ticks(low, high float64) []plot.Tick {
	ticks := plot.DefaultTicks{}.Ticks(low, high)
	for i, t := range ticks {
		if t.Label != "" {
			// Three digits remove rounding errors.
			v, err := strconv.ParseFloat(strconv.FormatFloat(t.Value*100, 'g', 3, 64), 64)
			if err != nil {
				v = t.Value * 100
			}
			ticks[i].Label = strconv.FormatFloat(v, 'f', -1, 64) + " %"
		}
	}
	return ticks
}

// scorePlot draws both histograms, with the threshold as a line. It returns an
// empty plot if there are no scores.
func scorePlot(r *evaluation.Report) (template.HTML, error) {
	p := newPlot("comparison score", "share of the pairs per 0.01 of score")
	p.X.Tick.Marker, p.Y.Tick.Marker = scores{}, shares{}
	kinds := []struct {
		name   string
		role   role
		dashes []vg.Length
		points plotter.XYs
	}{
		{"different people", impostor, []vg.Length{4, 2}, outline(r.Impostor)},
		{"the same person", genuine, nil, outline(r.Genuine)},
	}
	highest, drawn := 0.0, ""
	from, to := math.Inf(1), math.Inf(-1)
	for _, k := range kinds {
		if len(k.points) == 0 {
			continue
		}
		peak := k.points[0]
		for _, at := range k.points {
			if at.Y > peak.Y {
				peak = at
			}
		}
		highest = max(highest, peak.Y)
		from, to = min(from, k.points[0].X), max(to, k.points[len(k.points)-1].X)
		drawn += " The scores of " + k.name + " are most frequent at a score of about " + decimals(peak.X, 2) + "."
		l, err := line(k.points, k.role, 1.4)
		if err != nil {
			return "", err
		}
		// Dashes distinguish the two without colours.
		l.Dashes = k.dashes
		p.Add(l)
		p.Legend.Add(k.name, l)
	}
	if drawn == "" {
		return "", nil
	}
	// Leave room for the legend above the curves.
	top := highest * 1.3
	if pass := atThreshold(r); pass != nil && score(pass.Score) != none {
		from, to = min(from, pass.Score-0.02), max(to, pass.Score+0.02)
		l, err := line(plotter.XYs{{X: pass.Score}, {X: pass.Score, Y: highest * 1.05}}, threshold, 1.2)
		if err != nil {
			return "", err
		}
		p.Add(l)
		p.Legend.Add("threshold", l)
		drawn += " The threshold is a line at " + score(pass.Score) + "."
	}
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = from, to, 0, top
	return figure{
		id: "scores", title: "Comparison scores", description: "Two histograms over the comparison score." + drawn,
	}.render(p)
}
