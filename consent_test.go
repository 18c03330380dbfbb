package sesuai_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sesuai/sesuai"
)

func TestParseConsentID(t *testing.T) {
	for text, valid := range map[string]bool{
		"consent-17":                           true,
		"0190c7a6-5f3e-7b1a-9c2d-112233445566": true,
		"CNS-20261129103000-0001":              true,
		strings.Repeat("c", 128):               true,
		strings.Repeat("c", 129):               false,
		"":                                     false,
		"two words":                            false,
		"setuju✓":                              false,
		"9901015203900001":                     false,
		"nik9901015203900001":                  false,
		"990101520390000101":                   false,
		"9901 0152 0390 0001":                  false,
		"9901.0152.0390.0001":                  false,
		"c-9901-0152-0390-0001-x":              false,
	} {
		got, err := sesuai.ParseConsentID(text)
		if valid != (err == nil) || valid && got != text || !valid && sesuai.KindOf(err) != sesuai.KindInvalidConsent {
			t.Errorf("ParseConsentID(%q) = %q, %v", text, got, err)
		}
		if err != nil && text != "" && strings.Contains(err.Error(), text) {
			t.Errorf("the error repeats the input: %v", err)
		}
	}
}

func TestParsePurpose(t *testing.T) {
	for text, want := range map[string]string{
		"account_opening":        "account_opening",
		" pembukaan rekening ":   "pembukaan rekening",
		strings.Repeat("p", 100): strings.Repeat("p", 100),
		strings.Repeat("p", 101): "",
		"":                       "",
		"  ":                     "",
		"a\nb":                   "",
		"9901 0152 0390 0001":    "",
	} {
		got, err := sesuai.ParsePurpose(text)
		if got != want || (want == "") != (sesuai.KindOf(err) == sesuai.KindInvalidConsent) {
			t.Errorf("ParsePurpose(%q) = %q, %v, want %q", text, got, err, want)
		}
	}
}

func TestParseConsentTime(t *testing.T) {
	now := time.Date(2026, 11, 29, 3, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"2026-11-29T10:00:00+07:00":       now,
		"2026-11-29T03:00:00Z":            now,
		"2026-11-29T03:04:59.1234567891Z": now.Add(4*time.Minute + 59*time.Second + 123456*time.Microsecond),
		"2000-01-01T00:00:00Z":            time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC),
		"2026-11-29T03:05:01Z":            {},
		"1999-12-31T23:59:59Z":            {},
		"2026-11-29":                      {},
		"29-11-2026":                      {},
		"":                                {},
	} {
		got, err := sesuai.ParseConsentTime(text, now)
		if !got.Equal(want) || want.IsZero() != (sesuai.KindOf(err) == sesuai.KindInvalidConsent) {
			t.Errorf("ParseConsentTime(%q) = %v, %v, want %v", text, got, err, want)
		}
	}
}
