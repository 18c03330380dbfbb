package sesuai

import "time"

// DateLayout is the wire's form of a date, dd-mm-yyyy, as a layout of package
// time.
const DateLayout = "02-01-2006"

// easternIndonesia is Waktu Indonesia Timur, UTC+9: the first of the country's
// three zones to see a new day, so that no child's first day is "in the
// future" anywhere in it.
var easternIndonesia = time.FixedZone("WIT", 9*60*60)

// Date is a calendar date in a person's life, kept as dd-mm-yyyy. It is
// private: see Reveal.
type Date struct{ private }

// Equal reports whether both are the same date.
func (d Date) Equal(other Date) bool { return d.same(other.private) }

// ParseDate accepts dd-mm-yyyy (two, two and four ASCII digits) when it is a
// day of the Gregorian calendar and not after now's day in Indonesia. The
// error has kind KindInvalidDate and does not repeat the text.
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
