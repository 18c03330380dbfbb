package report

import (
	"math"
	"strings"
	"testing"

	"github.com/sesuai/sesuai/internal/evaluation"
)

func TestRatesAsPeopleReadThem(t *testing.T) {
	for _, test := range []struct {
		rate           float64
		percent, oneIn string
	}{
		{1, "100.0 %", ""},
		{0.51, "51.0 %", ""},
		{0.5, "50.0 %", "1 in 2"},
		{0.4, "40.0 %", "1 in 2.5"},
		{0.025, "2.5 %", "1 in 40"},
		{0.0099999, "1.0 %", "1 in 100"},
		{0.0099, "0.99 %", "1 in 100"},
		{0.0041, "0.41 %", "1 in 240"},
		{1e-4, "0.010 %", "1 in 10,000"},
		{0.00013, "0.013 %", "1 in 7,700"},
		{0.0009994, "0.10 %", "1 in 1,000"},
		{1e-6, "0.00010 %", "1 in 1,000,000"},
		{9.97e-7, "0.00010 %", "1 in 1,000,000"},
		{0, "0 %", ""},
		{5e-324, "0.000000001 %", ""},
		{-0.1, none, ""},
		{1.1, none, ""},
		{math.NaN(), none, ""},
		{math.Inf(1), none, ""},
	} {
		got := strings.ReplaceAll(percent(test.rate)+"|"+oneIn(test.rate), tie, " ")
		if want := test.percent + "|" + test.oneIn; got != want {
			t.Errorf("%g is %s, want %s", test.rate, got, want)
		}
	}
}

func TestIntervals(t *testing.T) {
	for _, test := range []struct {
		rate evaluation.Rate
		want string
	}{
		{evaluation.Rate{Errors: 75, Of: 2980, Value: 0.0252, Low: 0.0206, High: 0.0302}, "2.1–3.0 %"},
		{evaluation.Rate{Errors: 3, Of: 2980, Value: 0.001, Low: 0, High: 0.0022}, "0–0.22 %"},
		{evaluation.Rate{Errors: 0, Of: 1406, Value: 0, Low: 0, High: 0.00213}, "under 0.21 %"},
		{evaluation.Rate{Errors: 0, Of: 0, High: 0.1}, none},
		{evaluation.Rate{Errors: 1, Of: 10, Value: 0.1, Low: 0.3, High: 0.2}, none},
		{evaluation.Rate{Errors: 1, Of: 10, Value: 0.1, Low: math.NaN(), High: 0.2}, none},
	} {
		if got := strings.ReplaceAll(interval(test.rate), tie, " "); got != test.want {
			t.Errorf("%+v is %s, want %s", test.rate, got, test.want)
		}
	}
}

func TestNumbersAsPeopleReadThem(t *testing.T) {
	for _, test := range []struct{ got, want string }{
		{count(0), "0"},
		{count(999), "999"},
		{count(1000), "1,000"},
		{count(10_816_000), "10,816,000"},
		{count(125.13), "125.1"},
		{count(-1234), "-1,234"},
		{count(-0.01), "0"},
		{count(math.Inf(1)), none},
		{score(0.41149), "0.411"},
		{score(-0.0001), "0.000"},
		{score(math.NaN()), none},
		{score(1.2), none},
		{percentage(75), "75"},
		{percentage(62.504), "62.5"},
		{percentage(math.NaN()), none},
		{ratio(3.22), "3.2"},
		{ratio(0), none},
		{ratio(math.Inf(1)), none},
		{ratio(12345), "12,345"},
	} {
		if test.got != test.want {
			t.Errorf("got %s, want %s", test.got, test.want)
		}
	}
}

// TestForeignDrawingIsRefused: only the known output of the plotting library is
// accepted.
func TestForeignDrawingIsRefused(t *testing.T) {
	for _, svg := range []string{
		`<svg viewBox="0 0 1 1"><script>alert(1)</script></svg>`,
		`<svg viewBox="0 0 1 1"><path d="M0,0" onclick="alert(1)"/></svg>`,
		`<svg viewBox="0 0 1 1"><path d="M0,0" style="fill:#FF0000"/></svg>`,
		`<svg viewBox="0 0 1 1"><path d="M0,0" style="background:url(x)"/></svg>`,
		`<svg viewBox="0 0 1 1"><g></svg>`,
	} {
		if got, err := (figure{id: "x"}).inline([]byte(svg)); err == nil {
			t.Errorf("%s was taken as %s", svg, got)
		}
	}
}
