package main

import (
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/sesuai/sesuai/internal/evaluation"
)

// printEvaluation prints a report as text: what was measured, what could not be
// acquired, the rates, the groups, and where the files are.
func printEvaluation(w io.Writer, r *evaluation.Report, files []string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s photographs of %s people, on %s by sesuai %s in %s\n\n",
		r.Title, grouped(int64(r.Photographs)), grouped(int64(r.People)), r.Date, r.Tool, r.Duration.Round(time.Second/10))

	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "model\t%s\n", r.Model)
	fmt.Fprintf(t, "calibration\t%s\n", r.Calibration)
	if r.LengthWeight != 0 {
		of := "shorter template"
		if r.ReferencesWithoutLength {
			of = "probe's template"
		}
		fmt.Fprintf(t, "score\tcosine − %g × length of the %s before scaling\n", r.LengthWeight, of)
	}
	fmt.Fprintf(t, "face taken\t%s; photographs of low quality %s\n", r.Subject, map[bool]string{true: "refused", false: "not refused"}[r.Gate])
	fmt.Fprintf(t, "pairs of one person\t%s\n", grouped(int64(r.GenuinePairs)))
	fmt.Fprintf(t, "pairs of two people\t%s %s, of %s pairs of people\n", grouped(r.ImpostorPairs),
		map[bool]string{true: "(all)", false: "(listed)"}[r.AllPairs], grouped(r.ImpostorPeoplePairs))
	fmt.Fprintf(t, "not acquired\t%s\n", acquisition(r.Acquisition))
	if c := r.Stored; c != nil {
		fmt.Fprintf(t, "references stored\tscores change by %.5f in the mean, %.4f at most; verdicts: %s of one person, %s of two\n",
			c.Mean(), max(c.Genuine.Max, c.Impostors.Max), grouped(c.Genuine.Verdicts), grouped(c.Impostors.Verdicts))
	}
	if f := r.Folds; f != nil {
		fmt.Fprintf(t, "accuracy\t%s over %d folds, standard deviation %s\n", share(f.Accuracy), f.Number, share(f.Deviation))
	}
	_ = t.Flush()

	table(&b, "At the calibration's anchors and the threshold:", "at", r.At)
	table(&b, "At this list's own false match rates:", "at", r.AtFMR)
	if g := r.Groups; g != nil {
		rates := make([]evaluation.RatesAt, len(g.Each))
		for i, each := range g.Each {
			rates[i] = each.Rates
			rates[i].Name = printable(each.Name)
		}
		table(&b, "At the threshold, by group (pairs within the group):", "group", rates)
		for _, each := range g.Each {
			fmt.Fprintf(&b, "not acquired in %s: %s\n", printable(each.Name), rate(each.FTA))
		}
	}
	evenness(&b, r.Evenness)
	fmt.Fprint(&b, "\nFMR: how often two people pass as one; by people, every two people weigh the same, however many photographs\n"+
		"they have. FNMR: how often one person fails, not being acquired included. In brackets 95 % intervals over people.\n\n")
	for _, f := range files {
		fmt.Fprintf(&b, "written: %s\n", f)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func table(w io.Writer, title, first string, rates []evaluation.RatesAt) {
	if len(rates) == 0 {
		return
	}
	fmt.Fprintf(w, "\n%s\n\n", title)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "%s\tpercentage\tscore\tstated FMR\tFMR\tFMR by people\tFNMR\n", first)
	for _, m := range rates {
		fmt.Fprintf(t, "%s\t%.2f\t%.3f\t%s\t%s\t%s\t%s\n", m.Name, m.Percentage, m.Score, share(m.StatedFMR),
			rate(m.FMR), rate(m.FMRByPeople), rate(m.FNMR))
	}
	_ = t.Flush()
}

func acquisition(a evaluation.Acquisition) string {
	text := fmt.Sprintf("%s of %s photographs: %s", grouped(int64(a.FTA.Errors)), grouped(int64(a.FTA.Of)), rate(a.FTA))
	for _, counts := range []map[string]int{a.Causes, a.Measures} {
		for _, cause := range slices.Sorted(maps.Keys(counts)) {
			text += fmt.Sprintf(", %s %s", cause, grouped(int64(counts[cause])))
		}
	}
	return text
}

// rate returns a rate with its interval.
func rate(r evaluation.Rate) string {
	if r.Of == 0 {
		return "not measured"
	}
	return fmt.Sprintf("%s (%s to %s)", share(r.Value), strings.TrimSuffix(share(r.Low), " %"), share(r.High))
}

// share returns a share in per cent, with two significant digits.
func share(v float64) string {
	if v == 0 {
		return "0 %"
	}
	// Rounded first: 0.996 has the digits of 1.0.
	v, _ = strconv.ParseFloat(strconv.FormatFloat(100*v, 'e', 1, 64), 64)
	decimals := max(1-int(math.Floor(math.Log10(v)+1e-9)), 0)
	return strconv.FormatFloat(v, 'f', decimals, 64) + " %"
}

// grouped writes a number with commas between the thousands.
func grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// printable is a name of a list's, which could hold anything, for a terminal.
func printable(name string) string {
	return strings.Map(func(r rune) rune {
		if !strconv.IsPrint(r) {
			return '?'
		}
		return r
	}, name)
}
