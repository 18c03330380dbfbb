package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/sesuai/sesuai/internal/evaluation"
)

// evenness prints the rates of the parts of the pairs, what could not be divided,
// and a warning for each rate that is uneven.
func evenness(w io.Writer, all []evaluation.Breakdown) {
	if len(all) == 0 {
		return
	}
	var rows strings.Builder
	t := tabwriter.NewWriter(&rows, 0, 0, 2, ' ', 0)
	fmt.Fprint(t, "by\tpart\tof two people\tFMR by photographs\t×\tof one person\tFNMR\t×\n")
	var undivided, warnings []string
	for _, b := range all {
		if len(b.Parts) == 0 {
			undivided = append(undivided, b.By)
			continue
		}
		row := func(by, part string, fmr evaluation.Rate, fmrRatio string, fnmr evaluation.Rate, fnmrRatio string) {
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", by, part,
				grouped(int64(fmr.Of)), rate(fmr), fmrRatio, grouped(int64(fnmr.Of)), rate(fnmr), fnmrRatio)
		}
		by := b.By
		for k, p := range b.Parts {
			row(by, printable(b.Label(k)), p.FMR, ratio(p.FMRRatio), p.FNMR, ratio(p.FNMRRatio))
			by = ""
		}
		row(by, "mean; the worst", b.FMR.Mean, worst(b.FMR), b.FNMR.Mean, worst(b.FNMR))
		for _, warning := range b.Warnings() {
			warnings = append(warnings, fmt.Sprintf("%s is uneven by %s: %s times the mean where it is %s",
				warning.Rate, b.By, ratio(warning.Ratio), printable(b.Label(warning.Part))))
		}
	}
	_ = t.Flush()
	fmt.Fprintln(w)
	if len(undivided) < len(all) {
		fmt.Fprintf(w, "At the threshold, by the worse photograph of a pair, from the worst to the best; × is over the mean:\n\n%s", rows.String())
	}
	if len(undivided) > 0 {
		fmt.Fprintf(w, "not divided, for too few pairs of two people or too few values: %s\n", strings.Join(undivided, ", "))
	}
	if len(undivided) == len(all) {
		return
	}
	if len(warnings) == 0 {
		fmt.Fprintf(w, "\nNo part's rate is more than %d times the mean with significance.\n", evaluation.UnevenRatio)
		return
	}
	fmt.Fprintln(w)
	for _, warning := range warnings {
		fmt.Fprintf(w, "warning: %s\n", warning)
	}
}

// worst returns the ratio of the worst part; "" if there is none.
func worst(s evaluation.Spread) string {
	if s.Worst < 0 {
		return ""
	}
	return times(s.Ratio.Value)
}

// ratio returns a ratio with its interval; "" if it was not measured.
func ratio(r evaluation.Ratio) string {
	if r.High == 0 {
		return ""
	}
	return fmt.Sprintf("%s (%s to %s)", times(r.Value), times(r.Low), times(r.High))
}

func times(v float64) string {
	decimals := 1
	if v >= 10 {
		decimals = 0
	}
	return strconv.FormatFloat(v, 'f', decimals, 64)
}
