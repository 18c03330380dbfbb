package enrol_test

import (
	"testing"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/enrol"
)

// TestParseDate: a date that does not exist is told from one of another form.
func TestParseDate(t *testing.T) {
	today := time.Date(2026, 11, 29, 0, 0, 0, 0, time.UTC)
	for date, says := range map[string]string{
		"28-02-1990":      "",
		"29-02-2000":      "",
		"":                "INVALID_DATE_OF_BIRTH: the date of birth is missing",
		"31-02-1990":      "INVALID_DATE_OF_BIRTH: there is no 31 February",
		"31-04-1990":      "INVALID_DATE_OF_BIRTH: there is no 31 April",
		"29-02-1990":      "INVALID_DATE_OF_BIRTH: there is no 29 February in that year",
		"00-01-1990":      "INVALID_DATE_OF_BIRTH: there is no 0 January",
		"99-12-1990":      "INVALID_DATE_OF_BIRTH: there is no 99 December",
		"12-13-1990":      "INVALID_DATE_OF_BIRTH: there is no month 13",
		"12-00-1990":      "INVALID_DATE_OF_BIRTH: there is no month 0",
		"01-01-0000":      "INVALID_DATE_OF_BIRTH: there is no year 0",
		"01-12-2026":      "INVALID_DATE_OF_BIRTH: the date of birth is in the future",
		"1990-02-28":      "INVALID_DATE_OF_BIRTH",
		"28/02/1990":      "INVALID_DATE_OF_BIRTH",
		"٢٨-02-1990":      "INVALID_DATE_OF_BIRTH",
		"28-02-1990\n":    "INVALID_DATE_OF_BIRTH",
		"28-02-1990 00:0": "INVALID_DATE_OF_BIRTH",
	} {
		d, err := enrol.ParseDate(date, today)
		if says == "" && (err != nil || d.Reveal() != date) || says != "" && (err == nil || err.Error() != says) {
			t.Errorf("%q: %v, want %q", date, err, says)
		}
		if says != "" && sesuai.KindOf(err) != sesuai.KindInvalidDate {
			t.Errorf("%q: kind %s", date, sesuai.KindOf(err))
		}
	}
}
