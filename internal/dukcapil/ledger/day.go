package ledger

import (
	"errors"
	"time"

	"github.com/sesuai/sesuai"
)

const secondsPerDay = 24 * 60 * 60

// Day is a day in Jakarta, as the number of days since 1970-01-01.
type Day int64

// DayOf returns the day of a time.
func DayOf(t time.Time) Day {
	_, ahead := t.In(sesuai.Jakarta).Zone()
	seconds := t.Unix() + int64(ahead)
	day := seconds / secondsPerDay
	if seconds%secondsPerDay < 0 {
		day--
	}
	return Day(day)
}

// ParseDay reads a day in the form 2026-11-01.
func ParseDay(text string) (Day, error) {
	t, err := time.ParseInLocation(time.DateOnly, text, sesuai.Jakarta)
	if err != nil {
		return 0, errors.New("a day such as 2026-11-01 is needed")
	}
	return DayOf(t), nil
}

// Start returns when the day begins. It ends when the next one begins.
func (d Day) Start() time.Time {
	_, ahead := time.Unix(0, 0).In(sesuai.Jakarta).Zone()
	return time.Unix(int64(d)*secondsPerDay-int64(ahead), 0).In(sesuai.Jakarta)
}

// String writes the day as ParseDay reads it.
func (d Day) String() string { return d.Start().Format(time.DateOnly) }

// MarshalText writes the day as String does.
func (d Day) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (d *Day) UnmarshalText(text []byte) (err error) {
	*d, err = ParseDay(string(text))
	return err
}
