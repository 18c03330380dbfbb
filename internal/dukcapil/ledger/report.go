package ledger

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/sesuai/sesuai"
)

// HalfYear is the period of a report: January to June, or July to December.
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

// String writes the half-year as ParseHalfYear reads it.
func (h HalfYear) String() string { return fmt.Sprintf("%04dH%d", h.year, h.half) }

// MarshalText writes the half-year as String does.
func (h HalfYear) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// month returns the first day of the n-th month, from 1. The 7th is the month
// after the half-year.
func (h HalfYear) month(n int) Day {
	return DayOf(time.Date(h.year, time.Month(6*(h.half-1)+n), 1, 0, 0, 0, 0, sesuai.Jakarta))
}

// Days returns the first and the last day.
func (h HalfYear) Days() (first, last Day) { return h.month(1), h.month(7) - 1 }

// Verdicts are the numbers of verdicts on a day: all, and those that verified the
// person.
type Verdicts struct {
	Day             Day
	Given, Verified int64
}

// Outbox is the state of the data balikan of the people who were verified on a
// day.
type Outbox struct {
	Day Day
	// Total is the number of people, Delivered how many of them have been
	// delivered by now.
	Total, Delivered int64
	// Oldest is when the person of the oldest pending row was verified; zero if
	// none is pending.
	Oldest time.Time
}

// Report is the report of an institution about a half-year.
type Report struct {
	HalfYear HalfYear `json:"half_year"`
	Months   []Month  `json:"months"`
	// Total is the sum of all months. Its Month is empty.
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
	// Unknown is the number of calls without a completion. RupiahAtMost includes
	// their price.
	Unknown      int64 `json:"unknown"`
	Rupiah       int64 `json:"rupiah"`
	RupiahAtMost int64 `json:"rupiah_at_most"`
	// Altered is that of Counts.
	Altered int64 `json:"altered"`
	// Returned data (data balikan): Total is the number of people, of whom
	// Delivered have been delivered and Pending have not.
	Total     int64 `json:"balikan_total"`
	Delivered int64 `json:"balikan_delivered"`
	Pending   int64 `json:"balikan_pending"`
	// OldestHours is the age of the oldest pending row, in whole hours; nil if
	// none is pending.
	OldestHours *int64 `json:"oldest_pending_hours"`
}

// NewReport sums up a half-year, as of now. It leaves out other days.
func NewReport(h HalfYear, usage []Usage, verdicts []Verdicts, outbox []Outbox, now time.Time) Report {
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
			m.Altered += u.Altered
		})
	}
	for _, v := range verdicts {
		add(v.Day, func(m *Month) {
			m.Verifications += v.Given
			m.Verified += v.Verified
		})
	}
	for _, b := range outbox {
		add(b.Day, func(m *Month) {
			m.Total += b.Total
			m.Delivered += b.Delivered
			m.Pending += b.Total - b.Delivered
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
