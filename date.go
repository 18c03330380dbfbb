package sesuai

import "time"

// DateLayout is dd-mm-yyyy, the format of a date on the wire, as a layout for
// package time.
const DateLayout = "02-01-2006"

// easternIndonesia is Waktu Indonesia Timur, UTC+9. It is the first of
// Indonesia's three time zones to reach a new day, so that a birth registered
// anywhere in the country today is not "in the future".
var easternIndonesia = time.FixedZone("WIT", 9*60*60)

// Date is a calendar date in a person's life, as dd-mm-yyyy. It is private:
// only Reveal returns its text.
type Date struct{ private }

// Equal reports whether d and other are the same date.
func (d Date) Equal(other Date) bool { return d.same(other.private) }

// ParseDate accepts dd-mm-yyyy (two, two and four ASCII digits) if it is a day
// of the Gregorian calendar that has begun, at now, in eastern Indonesia. Its
// error has kind KindInvalidDate and does not contain s.
func ParseDate(s string, now time.Time) (Date, error) {
	if len(s) != len(DateLayout) {
		return Date{}, &Error{Kind: KindInvalidDate}
	}
	day, err := time.ParseInLocation(DateLayout, s, easternIndonesia)
	if err != nil || day.Year() < 1 || day.After(now) {
		return Date{}, &Error{Kind: KindInvalidDate}
	}
	return Date{hide(s)}, nil
}
