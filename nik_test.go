package sesuai_test

import (
	"strings"
	"testing"

	"github.com/sesuai/sesuai"
)

// The NIKs are synthetic, except for one sample from the vendor's
// documentation.
func TestParseNIK(t *testing.T) {
	for _, tt := range []struct {
		about string
		text  string
		ok    bool
	}{
		{"sixteen digits", "3171010101900001", true},
		{"no region has this code", "9999010101900001", true},
		{"the vendor's sample, with an impossible birth date", "1234567890123456", true},
		{"nothing but zeros", "0000000000000000", true},
		{"empty", "", false},
		{"what the Node SDK sends for a missing value", "undefined", false},
		{"fifteen digits", "317101010190000", false},
		{"seventeen digits", "31710101019000011", false},
		{"a letter", "317101010190000A", false},
		{"a space before", " 317101010190000", false},
		{"a line break after", "317101010190000\n", false},
		{"dots, as on some letters", "31.71.01.010190.0", false},
		{"a sign", "-317101010190000", false},
		{"sixteen bytes of Arabic-Indic digits", strings.Repeat("٣", 8), false},
		{"sixteen full-width digits", strings.Repeat("３", 16), false},
		{"a zero byte", "317101010190000\x00", false},
	} {
		t.Run(tt.about, func(t *testing.T) {
			nik, err := sesuai.ParseNIK(tt.text)
			checkParsed(t, tt.text, nik.Reveal(), tt.ok, err, sesuai.KindInvalidNIK)
		})
	}
}

// checkParsed checks what a parser returned: the text itself, or an error of
// the kind that does not contain the text.
func checkParsed(t *testing.T, text, got string, ok bool, err error, kind sesuai.Kind) {
	t.Helper()
	if !ok {
		if sesuai.KindOf(err) != kind {
			t.Errorf("got error %v, want one of kind %s", err, kind)
		}
		if err != nil && len(text) > 3 && strings.Contains(err.Error(), text) {
			t.Errorf("the error repeats the text: %v", err)
		}
		if got != "" {
			t.Error("a value was given along with the error")
		}
		return
	}
	if err != nil {
		t.Fatalf("refused: %v", err)
	}
	if got != text {
		t.Errorf("got %q, want %q", got, text)
	}
}

// FuzzParseNIK compares ParseNIK with the same rule implemented differently.
func FuzzParseNIK(f *testing.F) {
	for _, seed := range []string{"", "undefined", "3171010101900001", "31710101019000011", "３１７１", "\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		nik, err := sesuai.ParseNIK(text)
		valid := len(text) == 16 && strings.Trim(text, "0123456789") == ""
		if valid != (err == nil) {
			t.Fatalf("valid %v, error %v", valid, err)
		}
		if valid && nik.Reveal() != text || valid == nik.IsZero() {
			t.Fatalf("got %q", nik.Reveal())
		}
	})
}
