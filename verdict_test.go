package sesuai_test

import (
	"encoding/json"
	"math"
	"regexp"
	"testing"

	"github.com/sesuai/sesuai"
	"pgregory.net/rapid"
)

func TestPercentageOf(t *testing.T) {
	for _, tt := range []struct {
		v    float64
		want string
	}{
		{0, "0"},
		{math.Copysign(0, -1), "0"},
		{0.004, "0"},
		{0.005, "0.01"},
		{82.04, "82.04"},
		{82.0449, "82.04"},
		{74.994, "74.99"},
		{74.995, "75"},
		{82.1, "82.1"},
		{99.996, "100"},
		{100, "100"},
		{-3, "0"},
		{100.01, "100"},
		{math.Inf(1), "100"},
		{math.Inf(-1), "0"},
		{math.NaN(), "null"},
		{math.SmallestNonzeroFloat64, "0"},
		{math.MaxFloat64, "100"},
	} {
		p := sesuai.PercentageOf(tt.v)
		if p.String() != tt.want {
			t.Errorf("%v became %s, want %s", tt.v, p, tt.want)
		}
		if p.Known() == math.IsNaN(tt.v) {
			t.Errorf("%v: known is %v", tt.v, p.Known())
		}
	}
}

// TestPercentageTens: a percentage is rounded down.
func TestPercentageTens(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 9.99: "0", 9.996: "10", 10: "10", 74.99: "70", 99.99: "90", 100: "100", math.NaN(): "null"} {
		if got := sesuai.PercentageOf(v).Tens().String(); got != want {
			t.Errorf("%v in tens is %s, want %s", v, got, want)
		}
	}
}

// AtLeast compares the rounded values that are shown.
func TestPercentageAtLeast(t *testing.T) {
	of := sesuai.PercentageOf
	for _, tt := range []struct {
		about        string
		p, threshold sesuai.Percentage
		want         bool
	}{
		{"at the threshold", of(75), of(75), true},
		{"rounded up to it", of(74.995), of(75), true},
		{"a hundredth under", of(74.99), of(75), false},
		{"over", of(75.01), of(75), true},
		{"unknown", sesuai.Percentage{}, of(0), false},
	} {
		if got := tt.p.AtLeast(tt.threshold); got != tt.want {
			t.Errorf("%s: got %v", tt.about, got)
		}
	}
}

// TestPercentageJSON: a percentage is written as a number from 0 to 100 with at
// most two decimals and no exponent, and parses to the same percentage.
func TestPercentageJSON(t *testing.T) {
	form := regexp.MustCompile(`^(100|\d{1,2}(\.\d{1,2})?)$`)
	rapid.Check(t, func(t *rapid.T) {
		p := sesuai.PercentageOf(rapid.Float64().Draw(t, "v"))
		if hundredths := rapid.IntRange(-1, 10000).Draw(t, "hundredths"); hundredths >= 0 {
			p = sesuai.PercentageOf(float64(hundredths) / 100)
		}
		b, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		if !form.Match(b) {
			t.Errorf("written as %s", b)
		}
		var back sesuai.Percentage
		if err := json.Unmarshal(b, &back); err != nil || back != p {
			t.Errorf("%s came back as %s, %v", b, back, err)
		}
	})
	var p sesuai.Percentage
	if b, _ := json.Marshal(p); string(b) != "null" {
		t.Errorf("unknown is written as %s", b)
	}
	for _, text := range []string{`-1`, `100.01`, `"75"`, `true`, `{}`} {
		if err := json.Unmarshal([]byte(text), &p); err == nil {
			t.Errorf("%s was accepted", text)
		}
	}
	p = sesuai.PercentageOf(5)
	if err := json.Unmarshal([]byte(`null`), &p); err != nil || p.Known() {
		t.Errorf("null became %s, %v", p, err)
	}
}
