package client

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sesuai/sesuai"
)

// midnight is the first moment of the day after t's, in Jakarta.
func midnight(t time.Time) time.Time {
	y, m, d := t.In(sesuai.Jakarta).Date()
	return time.Date(y, m, d+1, 0, 0, 0, 0, sesuai.Jakarta)
}

// calendar says when the upstream may be called.
type calendar struct {
	hours       []span // of a day; none: always
	maintenance []window
}

// span is a part of every day, in minutes since midnight: to is after from.
type span struct{ from, to int }

// window is a planned stop.
type window struct{ from, to time.Time }

const day = 24 * 60

// parseHours reads permitted hours, Jakarta time, such as "06:00-22:00". There
// may be several; one that ends before it begins lasts past midnight. An empty
// text is no restriction.
func parseHours(text string) ([]span, error) {
	var spans []span
	for _, field := range strings.Fields(text) {
		begin, end, ok := strings.Cut(field, "-")
		from, ok1 := parseClock(begin)
		to, ok2 := parseClock(end)
		if !ok || !ok1 || !ok2 || from == to || from == day {
			return nil, fmt.Errorf("%q is not a time from 00:00 and one up to 24:00, such as 06:00-22:00", field)
		}
		if to > from {
			spans = append(spans, span{from, to})
			continue
		}
		spans = append(spans, span{from, day})
		if to > 0 {
			spans = append(spans, span{0, to})
		}
	}
	return spans, nil
}

func parseClock(s string) (minutes int, ok bool) {
	if len(s) != len("15:04") || s[2] != ':' {
		return 0, false
	}
	h, err := strconv.ParseUint(s[:2], 10, 8)
	m, err2 := strconv.ParseUint(s[3:], 10, 8)
	minutes = int(h)*60 + int(m)
	return minutes, err == nil && err2 == nil && m < 60 && minutes <= day
}

// windowLayout is a moment in Jakarta.
const windowLayout = "2006-01-02T15:04"

// parseMaintenance reads planned stops, Jakarta time, such as
// "2026-12-01T22:00/2026-12-02T04:00".
func parseMaintenance(text string) ([]window, error) {
	var windows []window
	for _, field := range strings.Fields(text) {
		begin, end, ok := strings.Cut(field, "/")
		from, err := time.ParseInLocation(windowLayout, begin, sesuai.Jakarta)
		to, err2 := time.ParseInLocation(windowLayout, end, sesuai.Jakarta)
		if !ok || err != nil || err2 != nil || !to.After(from) {
			return nil, fmt.Errorf("%q is not a start and an end after it, such as 2026-12-01T22:00/2026-12-02T04:00", field)
		}
		windows = append(windows, window{from, to})
	}
	return windows, nil
}

// opens is the first moment from t on at which the upstream may be called, and
// what keeps it from being called at t: hours, maintenance, or nothing.
func (c calendar) opens(t time.Time) (at time.Time, why Class) {
	at = t
	for range 2*len(c.maintenance) + 2 {
		i := slices.IndexFunc(c.maintenance, func(w window) bool { return !at.Before(w.from) && at.Before(w.to) })
		if i >= 0 {
			at = c.maintenance[i].to
			if why == "" {
				why = Maintenance
			}
			continue
		}
		open := c.within(at)
		if open.Equal(at) {
			break
		}
		at = open
		if why == "" {
			why = Hours
		}
	}
	return at, why
}

// within is t if it is within the hours, else when they next begin.
func (c calendar) within(t time.Time) time.Time {
	if len(c.hours) == 0 {
		return t
	}
	y, m, d := t.In(sesuai.Jakarta).Date()
	start := time.Date(y, m, d, 0, 0, 0, 0, sesuai.Jakarta)
	since := t.Sub(start)
	next := time.Duration(1<<63 - 1)
	for _, s := range c.hours {
		from, to := time.Duration(s.from)*time.Minute, time.Duration(s.to)*time.Minute
		if since >= from && since < to {
			return t
		}
		if from <= since {
			from += day * time.Minute // tomorrow's
		}
		next = min(next, from)
	}
	return start.Add(next)
}
