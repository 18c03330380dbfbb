package ledger

import (
	"errors"
	"fmt"
	"strconv"
	"time"
)

// HalfYear is the months that an institution reports about at once: January to
// June, or July to December.
type HalfYear struct{ year, half int }

// ParseHalfYear reads one such as 2026H2.
func ParseHalfYear(text string) (HalfYear, error) {
	bad := errors.New("a half-year such as 2026H2 is needed")
	if len(text) != len("2026H2") || text[4] != 'H' || text[5] != '1' && text[5] != '2' {
		return HalfYear{}, bad
	}
	year, err := strconv.Atoi(text[:4])
	if err != nil || year < 1970 {
		return HalfYear{}, bad
	}
	return HalfYear{year, int(text[5] - '0')}, nil
}

// String is the half-year as ParseHalfYear reads it.
func (h HalfYear) String() string { return fmt.Sprintf("%04dH%d", h.year, h.half) }

// MarshalText writes the half-year as String does.
func (h HalfYear) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// month is the first day of its n-th month; that of the 7th is the first after
// it.
func (h HalfYear) month(n int) Day {
	return DayOf(time.Date(h.year, time.Month(6*(h.half-1)+n), 1, 0, 0, 0, 0, Zone))
}

// Days are its first and its last day.
func (h HalfYear) Days() (first, last Day) { return h.month(1), h.month(7) - 1 }

// Verdicts are how many verdicts were given on a day, and how many of them were
// that the person is verified.
type Verdicts struct {
	Day             Day
	Given, Verified int64
}

// Returns are the data balikan of one day: how many are owed, counted by when
// the person was verified, and how many of them are delivered by now.
type Returns struct {
	Day             Day
	Owed, Delivered int64
	// Oldest is when the person of the oldest that is outstanding was
	// verified; zero if there is none.
	Oldest time.Time
}

// Report is what an institution reports about a half-year.
type Report struct {
	HalfYear HalfYear `json:"half_year"`
	Months   []Month  `json:"months"`
	// Total is all months together; its Month is empty.
	Total Month `json:"total"`
}

// Month is one month of a report.
type Month struct {
	// Month is such as 2026-07.
	Month string `json:"month,omitempty"`
	// Verifications are those that ended with a verdict.
	Verifications int64 `json:"verifications"`
	Verified      int64 `json:"verified"`
	DataChecks    int64 `json:"data_checks"`
	FaceChecks    int64 `json:"face_checks"`
	// Unknown is how many of the calls have no ending; RupiahAtMost is with
	// them.
	Unknown      int64 `json:"unknown"`
	Rupiah       int64 `json:"rupiah"`
	RupiahAtMost int64 `json:"rupiah_at_most"`
	// Returns that are owed, and how many of them are delivered and are not.
	Owed        int64 `json:"returns_owed"`
	Delivered   int64 `json:"returns_delivered"`
	Outstanding int64 `json:"returns_outstanding"`
	// OldestHours is the age of the oldest that is outstanding, in whole
	// hours; nil if there is none.
	OldestHours *int64 `json:"oldest_outstanding_hours"`
}

// NewReport sums up what there was in a half-year, as of now. What is of other
// days is left out.
func NewReport(h HalfYear, usage []Usage, verdicts []Verdicts, returns []Returns, now time.Time) Report {
	r := Report{HalfYear: h, Months: make([]Month, 6)}
	first, last := h.Days()
	add := func(d Day, f func(m *Month)) {
		if d < first || d > last {
			return
		}
		n := 0
		for d >= h.month(n+2) {
			n++
		}
		f(&r.Months[n])
		f(&r.Total)
	}
	for n := range r.Months {
		r.Months[n].Month = h.month(n + 1).String()[:len("2026-07")]
	}
	for _, u := range usage {
		add(u.Day, func(m *Month) {
			switch u.Service {
			case DataCheck:
				m.DataChecks += u.Calls
			case FaceCheck:
				m.FaceChecks += u.Calls
			}
			m.Unknown += u.Unknown
			m.Rupiah += u.Rupiah
			m.RupiahAtMost += u.RupiahAtMost
		})
	}
	for _, v := range verdicts {
		add(v.Day, func(m *Month) {
			m.Verifications += v.Given
			m.Verified += v.Verified
		})
	}
	for _, b := range returns {
		add(b.Day, func(m *Month) {
			m.Owed += b.Owed
			m.Delivered += b.Delivered
			m.Outstanding += b.Owed - b.Delivered
			if b.Oldest.IsZero() {
				return
			}
			hours := max(int64(now.Sub(b.Oldest)/time.Hour), 0)
			if m.OldestHours == nil || *m.OldestHours < hours {
				m.OldestHours = &hours
			}
		})
	}
	return r
}
