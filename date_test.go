package sesuai_test

import (
	"testing"
	"time"

	"github.com/sesuai/sesuai"
)

// noon is the current time in the tests of dates: 10 March 2026, 12:00 UTC.
var noon = time.Date(2026, time.March, 10, 12, 0, 0, 0, time.UTC)

func TestParseDate(t *testing.T) {
	for _, tt := range []struct {
		about string
		text  string
		ok    bool
	}{
		{"a day", "17-08-1945", true},
		{"the last day of a year", "31-12-1999", true},
		{"29 February of a leap year", "29-02-2000", true},
		{"29 February of another year", "29-02-1999", false},
		{"29 February of a century that is no leap year", "29-02-1900", false},
		{"31 April", "31-04-1990", false},
		{"day 0", "00-01-1990", false},
		{"day 32", "32-01-1990", false},
		{"month 0", "01-00-1990", false},
		{"month 13", "01-13-1990", false},
		{"year 0", "01-01-0000", false},
		{"today", "10-03-2026", true},
		{"tomorrow", "11-03-2026", false},
		{"the year is first", "1990-01-31", false},
		{"two digits of year", "31-01-90", false},
		{"one digit of day", "1-01-1990", false},
		{"one digit of month, padded behind", "01-1-1990 ", false},
		{"slashes", "31/01/1990", false},
		{"dots", "31.01.1990", false},
		{"a space", " 31-01-199", false},
		{"a sign", "31-01-+199", false},
		{"a minus as the year's sign", "31-01--199", false},
		{"a month's name", "31-Jan-1990", false},
		{"empty", "", false},
		{"what the Node SDK sends for a missing value", "undefined", false},
		{"Arabic-Indic digits", "٣١-٠١-١٩٩٠", false},
		{"a zero byte", "31-01-199\x00", false},
	} {
		t.Run(tt.about, func(t *testing.T) {
			date, err := sesuai.ParseDate(tt.text, noon)
			checkParsed(t, tt.text, date.Reveal(), tt.ok, err, sesuai.KindInvalidDate)
		})
	}
}

// A day begins in eastern Indonesia nine hours earlier than in UTC.
func TestParseDateInEasternIndonesia(t *testing.T) {
	midnight := time.Date(2026, time.March, 10, 15, 0, 0, 0, time.UTC)
	if _, err := sesuai.ParseDate("11-03-2026", midnight.Add(-time.Nanosecond)); err == nil {
		t.Error("11 March was accepted while it was 10 March everywhere in the country")
	}
	if _, err := sesuai.ParseDate("11-03-2026", midnight); err != nil {
		t.Error("11 March was refused when it had begun in the east")
	}
}

// FuzzParseDate: an accepted date formats to the same text and is not in the
// future.
func FuzzParseDate(f *testing.F) {
	for _, seed := range []string{"", "undefined", "17-08-1945", "29-02-1999", "11-03-2026", "01-01-0000", "31-01-+199"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		date, err := sesuai.ParseDate(text, noon)
		if err != nil {
			if sesuai.KindOf(err) != sesuai.KindInvalidDate || !date.IsZero() {
				t.Fatalf("got %v", err)
			}
			return
		}
		day, err := time.Parse(sesuai.DateLayout, date.Reveal())
		if err != nil || day.Format(sesuai.DateLayout) != text {
			t.Fatalf("accepted %q", text)
		}
		if day.After(noon.Add(9 * time.Hour)) {
			t.Fatalf("accepted the future day %q", text)
		}
	})
}
