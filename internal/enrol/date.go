package enrol

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"time"

	"github.com/sesuai/sesuai"
)

// ParseDate is sesuai.ParseDate with an error that says what is wrong with a date
// that has the form dd-mm-yyyy.
func ParseDate(s string, now time.Time) (sesuai.Date, error) {
	d, err := sesuai.ParseDate(s, now)
	if e, ok := errors.AsType[*sesuai.Error](err); ok {
		e.Detail = dateProblem(s)
	}
	return d, err
}

// dateForm is dd-mm-yyyy.
var dateForm = regexp.MustCompile(`^(\d\d)-(\d\d)-(\d{4})$`)

// dateProblem says why a date was refused, without its year; "" if the reason is
// its form.
func dateProblem(s string) string {
	parts := dateForm.FindStringSubmatch(s)
	switch {
	case s == "":
		return "the date of birth is missing"
	case parts == nil:
		return ""
	}
	day, _ := strconv.Atoi(parts[1]) // digits
	month, _ := strconv.Atoi(parts[2])
	year, _ := strconv.Atoi(parts[3])
	const leapYear = 2000
	exists := func(year int) bool { return time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC).Day() == day }
	switch {
	case month < 1 || month > 12:
		return fmt.Sprintf("there is no month %d", month)
	case !exists(leapYear):
		return fmt.Sprintf("there is no %d %s", day, time.Month(month))
	case !exists(year):
		return fmt.Sprintf("there is no %d %s in that year", day, time.Month(month))
	case year < 1:
		return "there is no year 0"
	default:
		return "the date of birth is in the future"
	}
}
