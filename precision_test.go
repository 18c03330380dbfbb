package sesuai_test

import (
	"testing"

	"github.com/sesuai/sesuai"
)

// TestPrecision: a precision is parsed from its name, and from nothing else.
func TestPrecision(t *testing.T) {
	for name, want := range map[string]sesuai.Precision{
		"exact": sesuai.PrecisionExact, "tens": sesuai.PrecisionTens, "none": sesuai.PrecisionNone,
	} {
		got, err := sesuai.ParsePrecision(name)
		if err != nil || got != want || got.String() != name {
			t.Errorf("ParsePrecision(%q) = %v, %v", name, got, err)
		}
	}
	for _, text := range []string{"", "Exact", "unknown", "tens ", (sesuai.PrecisionNone + 1).String()} {
		if got, err := sesuai.ParsePrecision(text); sesuai.KindOf(err) != sesuai.KindConfiguration {
			t.Errorf("ParsePrecision(%q) = %v, %v", text, got, err)
		}
	}
}
