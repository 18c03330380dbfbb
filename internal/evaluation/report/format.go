package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"

	"github.com/sesuai/sesuai/internal/evaluation"
)

// none is shown where there is no figure.
const none = "–"

// tie is a space at which a line does not break.
const tie = "\u00a0"

// finite reports whether v is neither NaN nor infinite.
func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// isShare reports whether v can be a rate.
func isShare(v float64) bool { return v >= 0 && v <= 1 }

// share returns a rate from 0 to 1 in per cent, without the sign. From 1 % on it
// has one decimal, below that two significant digits, so that small rates can be
// told apart.
func share(v float64) string {
	if !isShare(v) {
		return none
	}
	p := v * 100
	switch {
	case p == 0:
		return "0"
	case p >= 0.995:
		return strconv.FormatFloat(p, 'f', 1, 64)
	case p < 1e-9:
		// Less than one in 10^11: no list has that many pairs.
		return "0.000000001"
	}
	// The exponent after rounding: 0.0997 is 0.10, not 0.100.
	_, exponent, _ := strings.Cut(strconv.FormatFloat(p, 'e', 1, 64), "e")
	e, err := strconv.Atoi(exponent)
	if err != nil {
		return none
	}
	return strconv.FormatFloat(p, 'f', 1-e, 64)
}

// percent is share with the per cent sign.
func percent(v float64) string {
	if s := share(v); s != none {
		return s + tie + "%"
	}
	return none
}

// oneIn returns a rate in the form "1 in 10,000", with two significant digits.
// For 0 and rates over a half it returns "".
func oneIn(v float64) string {
	if !isShare(v) || v > 0.5 || v < 1e-12 {
		return ""
	}
	n, err := strconv.ParseFloat(strconv.FormatFloat(1/v, 'g', 2, 64), 64)
	if err != nil {
		return ""
	}
	return "1" + tie + "in" + tie + count(n)
}

// count returns a number with commas between thousands. Sums of weights, which
// need not be whole numbers, are rounded to one decimal.
func count(v float64) string {
	if !finite(v) || math.Abs(v) > 1e15 {
		return none
	}
	text := strconv.FormatFloat(math.Abs(v), 'f', 1, 64)
	whole, part, _ := strings.Cut(text, ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if part != "0" {
		whole += "." + part
	}
	if v < 0 && whole != "0" {
		whole = "-" + whole
	}
	return whole
}

// score returns a comparison score with three decimals. It is a cosine less a term
// that is under 1.
func score(v float64) string {
	if !finite(v) || v < -2 || v > 1.0005 {
		return none
	}
	return decimals(v, 3)
}

// percentage returns a value of the calibrated scale as the API writes it, with
// at most two decimals.
func percentage(v float64) string {
	if !(v >= 0 && v <= 100) {
		return none
	}
	return strconv.FormatFloat(math.Round(v*100)/100, 'f', -1, 64)
}

// ratio returns a quotient of two rates.
func ratio(v float64) string {
	if !finite(v) || v <= 0 {
		return none
	}
	if v >= 1e6 {
		return "over 1,000,000"
	}
	if v >= 100 {
		return count(math.Round(v))
	}
	return decimals(v, 1)
}

// decimals returns v with n decimals. It writes -0 as 0.
func decimals(v float64, n int) string {
	s := strconv.FormatFloat(v, 'f', n, 64)
	if strings.Trim(s, "-0.") == "" {
		s = strings.TrimPrefix(s, "-")
	}
	return s
}

// interval returns the 95 % interval of a rate: "2.1–3.0 %", or "under 0.21 %"
// if there was no error.
func interval(r evaluation.Rate) string {
	switch {
	case !measured(r) || !isShare(r.Low) || !isShare(r.High) || r.Low > r.High:
		return none
	case r.Errors == 0:
		return "under " + percent(r.High)
	}
	return share(r.Low) + "–" + percent(r.High)
}

// measured reports whether a rate has trials and valid figures.
func measured(r evaluation.Rate) bool {
	return r.Of > 0 && finite(r.Of) && isShare(r.Value) && r.Errors >= 0 && finite(r.Errors)
}

// name returns a text from a list, or a file name, for the page. Characters that
// are invisible, and so could hide or reorder the text around them, are written
// as escapes.
func name(s string) string {
	var b strings.Builder
	for _, r := range strings.ToValidUTF8(s, "\uFFFD") {
		if r == ' ' || unicode.IsPrint(r) {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}
