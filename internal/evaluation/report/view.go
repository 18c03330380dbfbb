package report

import (
	"cmp"
	"html/template"
	"math"
	"slices"
	"time"

	"github.com/sesuai/sesuai/internal/evaluation"
)

// view is the content of the page in the order of the page. Its texts are
// formatted; the template escapes them.
type view struct {
	Policy template.HTMLAttr
	Style  template.CSS

	Title string
	Facts []fact
	Lead  []string
	// Acquisition is the failure to acquire rate in a sentence.
	Acquisition      string
	Causes, Measures []cause
	// Anchors are the rates at the calibration's anchors and the threshold,
	// Own those at the list's own false match rates.
	Anchors, Own rateTable
	Folds        string
	// DET and Scores are the plots; empty if there is nothing to show.
	DET, Scores template.HTML
	// DETHidden says how many points a logarithmic axis cannot show.
	DETHidden string
	Groups    rateTable
	// Evenness compares the parts of the pairs by each property. Undivided are
	// the properties by which the pairs were not divided. Uneven are warnings.
	Evenness          []breakdown
	Undivided, Uneven []string
	UnevenRatio       int
	Worst             []pairTable
	Failed            []cause
}

// fact is a line about what was measured.
type fact struct{ Name, Value string }

// cause is a cause of failures and its count, or a file and its cause.
type cause struct{ Name, Value string }

// rateCell is a rate in a table: its value, the value as "1 in", its interval,
// and its counts. All but the first may be empty.
type rateCell struct{ Value, OneIn, Interval, Counts string }

// rateTable is a table of rates.
type rateTable struct{ Rows []rateRow }

// OneFMR reports whether the rates by people and by photographs are equal, as
// where no two people have more than one pair of photographs. One column is enough
// then.
func (t rateTable) OneFMR() bool {
	return !slices.ContainsFunc(t.Rows, func(r rateRow) bool {
		return r.FMR.Value != r.ByPeople.Value || r.FMR.Interval != r.ByPeople.Interval
	})
}

// rateRow is one score, or one group, in a table of rates.
type rateRow struct {
	Name              string
	Pass              bool
	Percentage, Score string
	Stated            rateCell
	FMR, ByPeople     rateCell
	FNMR, FTA         rateCell
}

// pairTable is a table of pairs of photographs to look at.
type pairTable struct {
	Title, Note string
	Pairs       []pairRow
}

// pairRow is a pair of photographs in a pairTable.
type pairRow struct{ Reference, Probe, Score, Percentage string }

// atThreshold returns the report's rates at the threshold, or nil.
func atThreshold(r *evaluation.Report) *evaluation.RatesAt {
	for i := range r.At {
		if r.At[i].Name == evaluation.ThresholdName {
			return &r.At[i]
		}
	}
	return nil
}

// newView returns the page's content for a report.
func newView(r *evaluation.Report) (*view, error) {
	v := &view{
		Title:       orNone(name(r.Title)),
		Facts:       facts(r),
		Lead:        lead(r),
		Acquisition: acquisition(r),
		Causes:      causes(r.Acquisition.Causes),
		Measures:    causes(r.Acquisition.Measures),
		UnevenRatio: evaluation.UnevenRatio,
		Anchors:     rateTable{rows(r.At)},
		Own:         rateTable{rows(r.AtFMR)},
		Worst: []pairTable{
			{"One person, least alike", "The lowest scores of pairs that the list says are one person.", pairs(r.Worst.Genuine)},
			{"Different people, most alike", "The highest scores of pairs that the list says are two people: one pair of photographs for each two people.", pairs(r.Worst.Impostor)},
		},
	}
	if f := r.Folds; f != nil && f.Number > 0 && isShare(f.Accuracy) && isShare(f.Deviation) {
		v.Folds = "Accuracy over the list’s " + count(float64(f.Number)) + " folds: " + decimals(f.Accuracy*100, 2) +
			tie + "% (standard deviation over the folds " + decimals(f.Deviation*100, 2) +
			"). The score is chosen on all folds but one, and the accuracy measured on that one."
	}
	if r.Groups != nil {
		for _, g := range r.Groups.Each {
			row := rowOf(g.Rates)
			row.Name, row.Pass, row.FTA = orNone(name(g.Name)), false, cell(g.FTA)
			v.Groups.Rows = append(v.Groups.Rows, row)
		}
	}
	for _, f := range r.Worst.Failed {
		v.Failed = append(v.Failed, cause{orNone(name(f.File)), orNone(name(f.Code))})
	}

	var err error
	if v.Evenness, v.Undivided, v.Uneven, err = breakdowns(r); err != nil {
		return nil, err
	}
	if len(v.Uneven) > 0 {
		v.Lead = append(v.Lead, "These rates are means, and uneven: see the warnings in the section Evenness.")
	}
	hidden := 0
	if v.DET, hidden, err = detPlot(r); err != nil {
		return nil, err
	}
	if hidden > 0 && v.DET != "" {
		v.DETHidden = plural(float64(hidden), "point", "points") + " of the curve with a rate of 0 cannot be shown on a logarithmic axis."
	}
	v.Scores, err = scorePlot(r)
	return v, err
}

// orNone returns s, or a dash if s is empty.
func orNone(s string) string {
	if s == "" {
		return none
	}
	return s
}

// plural returns a count with its noun.
func plural(n float64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return count(n) + " " + many
}

func facts(r *evaluation.Report) []fact {
	which := "those that the list names"
	if r.AllPairs {
		which = "all that the list’s photographs allow"
	}
	gate := "off: photographs of low quality were measured too"
	if r.Gate {
		gate = "on: photographs of low quality were refused, and count as failures to acquire"
	}
	subject := orNone(name(r.Subject))
	if what, ok := map[string]string{
		"central":  "the one nearest the centre (central)",
		"largest":  "the largest (largest)",
		"dominant": "the one that dominates; refused if none does (dominant)",
	}[r.Subject]; ok {
		subject = what
	}
	f := []fact{
		{"List", orNone(name(r.Title))},
		{"SHA-256 of the list", orNone(name(r.ListSHA256))},
		{"Photographs", count(float64(r.Photographs))},
		{"People", count(float64(r.People))},
		{"Pairs of one person", count(float64(r.GenuinePairs))},
		{"Pairs of different people", count(float64(r.ImpostorPairs)) + ", of " +
			plural(float64(r.ImpostorPeoplePairs), "pair of people", "pairs of people") + "; " + which},
		{"Model", orNone(name(r.Model))},
		{"Calibration", orNone(name(r.Calibration))},
		{"Comparison score", formula(r.LengthWeight, r.ReferencesWithoutLength)},
		{"Of several faces", subject},
		{"Quality gate", gate},
		{"Tool", orNone(name(r.Tool))},
		{"Date", orNone(name(r.Date))},
	}
	if r.Duration > 0 {
		f = append(f, fact{"Time taken", r.Duration.Round(time.Second).String()})
	}
	return f
}

// formula says what a score is.
func formula(lengthWeight float64, ofProbe bool) string {
	of := "shorter template"
	if ofProbe {
		of = "probe’s template"
	}
	if w := decimals(lengthWeight, 3); finite(lengthWeight) && lengthWeight > 0 && lengthWeight < 1 {
		return "cosine − " + w + " × length of the " + of + " before scaling"
	}
	return "cosine"
}

// lead says what the threshold means on this data.
func lead(r *evaluation.Report) []string {
	at := atThreshold(r)
	if at == nil {
		return []string{"The report has no rates at a threshold. The tables below show what each score would accept."}
	}
	first := "The threshold is "
	if p := percentage(at.Percentage); p != none {
		first += p + tie + "%, "
	}
	first += "a score of " + score(at.Score) + "."
	if isShare(at.StatedFMR) && at.StatedFMR > 0 {
		first += " The calibration states that " + orShare(at.StatedFMR) + " of the pairs of different people reach it."
	}
	return []string{first, falseMatches(*at), falseNonMatches(*at)}
}

// orShare returns a rate as "1 in", or in per cent if oneIn has no text for it.
func orShare(v float64) string {
	if s := oneIn(v); s != "" {
		return s
	}
	return percent(v)
}

// falseMatches says how many pairs of different people reach the threshold. A
// calibration states rates by people, so it is compared with the rate by people.
func falseMatches(at evaluation.RatesAt) string {
	f, kind := at.FMRByPeople, "pairs of people"
	if !measured(f) {
		f, kind = at.FMR, "pairs of photographs"
	}
	switch {
	case !measured(f):
		return "The list has no pairs of different people that could be compared, so false matches were not measured."
	case f.Errors == 0:
		s := "Among different people, none of " + count(f.Of) + " " + kind + " reached it."
		if isShare(f.High) && f.High > 0 {
			s += " With 95\u00a0% confidence the rate is under " + percent(f.High) + inBrackets(oneIn(f.High)) + "."
			if isShare(at.StatedFMR) && f.High > at.StatedFMR && at.StatedFMR > 0 {
				s += " These are too few pairs to confirm the stated rate."
			}
		}
		return s
	}
	s := "Of pairs of different people in this list, " + percent(f.Value) + " reach it" + inBrackets(oneIn(f.Value)) +
		", counted by " + kind + "; the 95\u00a0% interval is " + interval(f) + "."
	if !isShare(at.StatedFMR) || at.StatedFMR == 0 || interval(f) == none {
		return s
	}
	switch {
	case at.StatedFMR < f.Low:
		s += " The stated rate is below it: on this data the threshold accepts more than stated."
	case at.StatedFMR > f.High:
		s += " The stated rate is above it: on this data the threshold accepts less than stated."
	default:
		s += " The stated rate is within it."
	}
	return s
}

// falseNonMatches says how many pairs of one person do not reach the threshold.
func falseNonMatches(at evaluation.RatesAt) string {
	f := at.FNMR
	switch {
	case !measured(f):
		return "The list has no pairs of one person, so false non-matches were not measured."
	case f.Errors == 0:
		s := "Of pairs of one person, all " + count(f.Of) + " reached it."
		if isShare(f.High) && f.High > 0 {
			s += " With 95\u00a0% confidence the rate is under " + percent(f.High) + inBrackets(oneIn(f.High)) + "."
		}
		return s
	}
	return "Of pairs of one person, " + percent(f.Value) + " do not reach it" + inBrackets(oneIn(f.Value)) +
		"; the 95\u00a0% interval is " + interval(f) + ". This share of people would be refused at the first attempt. " +
		"It includes photographs that could not be used."
}

func inBrackets(s string) string {
	if s == "" {
		return ""
	}
	return " (" + s + ")"
}

func acquisition(r *evaluation.Report) string {
	f := r.Acquisition.FTA
	switch {
	case !measured(f):
		return "The failure to acquire rate was not measured."
	case f.Errors == 0:
		return "A template was made of each of " + plural(f.Of, "photograph", "photographs") +
			": failure to acquire (FTA) 0\u00a0%, 95\u00a0% interval " + interval(f) + "."
	}
	return "No template could be made of " + count(f.Errors) + " of " + plural(f.Of, "photograph", "photographs") +
		": failure to acquire (FTA) " + percent(f.Value) + ", 95\u00a0% interval " + interval(f) + "."
}

// causes returns the counts, the most frequent first.
func causes(counts map[string]int) []cause {
	keys := make([]string, 0, len(counts))
	for k := range counts {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
	var list []cause
	for _, k := range keys {
		list = append(list, cause{orNone(name(k)), count(float64(counts[k]))})
	}
	return list
}

func rows(at []evaluation.RatesAt) []rateRow {
	var list []rateRow
	for _, a := range at {
		list = append(list, rowOf(a))
	}
	return list
}

func rowOf(a evaluation.RatesAt) rateRow {
	row := rateRow{
		Name: orNone(name(a.Name)), Pass: a.Name == evaluation.ThresholdName,
		Percentage: percentage(a.Percentage), Score: score(a.Score),
		Stated: rateCell{Value: none},
		FMR:    cell(a.FMR), ByPeople: cell(a.FMRByPeople), FNMR: cell(a.FNMR),
	}
	if isShare(a.StatedFMR) && a.StatedFMR > 0 {
		row.Stated = rateCell{Value: percent(a.StatedFMR), OneIn: oneIn(a.StatedFMR)}
	}
	return row
}

// cell returns a rate for a table. It omits counts that are not whole numbers,
// which are sums of weights and cannot be counted by a reader.
func cell(r evaluation.Rate) rateCell {
	if !measured(r) {
		return rateCell{Value: none}
	}
	c := rateCell{Value: percent(r.Value), Interval: interval(r)}
	if r.Value < 0.01 {
		c.OneIn = oneIn(r.Value)
	}
	if r.Errors == math.Trunc(r.Errors) && r.Of == math.Trunc(r.Of) {
		c.Counts = count(r.Errors) + " of " + count(r.Of)
	}
	return c
}

func pairs(of []evaluation.WorstPair) []pairRow {
	var list []pairRow
	for _, p := range of {
		list = append(list, pairRow{orNone(name(p.Reference)), orNone(name(p.Probe)), score(p.Score), percentage(p.Percentage)})
	}
	return list
}
