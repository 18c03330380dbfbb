package ledger

import "time"

// Counts are how many calls there were, and what they cost. Calls are those
// that were Billed, of Unknown ending, or Failed: the three add up to it.
type Counts struct {
	Calls int64 `json:"calls"`
	// Billed are those that ended, and are billed.
	Billed int64 `json:"billed"`
	// Unknown are those without an ending, because the process was killed
	// before it was on record: made and billed, or not. So is a call that is
	// being made right now.
	Unknown int64 `json:"unknown"`
	// Failed are those that ended and are not billed: there was no answer, or
	// none that costs.
	Failed int64 `json:"failed"`
	// Rupiah is the price of those billed; RupiahAtMost is with those of
	// unknown ending. The bill is between the two.
	Rupiah       int64 `json:"rupiah"`
	RupiahAtMost int64 `json:"rupiah_at_most"`
}

// Plus is c and o together.
func (c Counts) Plus(o Counts) Counts {
	return Counts{
		Calls: c.Calls + o.Calls, Billed: c.Billed + o.Billed, Unknown: c.Unknown + o.Unknown, Failed: c.Failed + o.Failed,
		Rupiah: c.Rupiah + o.Rupiah, RupiahAtMost: c.RupiahAtMost + o.RupiahAtMost,
	}
}

// Usage is what one client used of one service on one day.
type Usage struct {
	Day Day `json:"day"`
	// Client is the client's id; empty for the operator.
	Client  string  `json:"client"`
	Service Service `json:"service"`
	Counts
}

// Total is all rows together.
func Total(rows []Usage) Counts {
	var sum Counts
	for _, row := range rows {
		sum = sum.Plus(row.Counts)
	}
	return sum
}

// Today is what there was of a service so far today.
type Today struct {
	Calls int64
	// First is when the first of them was made; it means something only if
	// there are any.
	First time.Time
}

// leastSpan is over how long a rate is measured at least: a few calls in a
// second are no rate to go by.
const leastSpan = time.Minute

// Forecast is when a daily quota of which so much is left will be used up, if
// calls go on as they did on average since today's first. There is no such
// moment if it lasts until midnight, in Jakarta, when it begins anew.
func Forecast(left int64, today Today, now time.Time) (ends time.Time, ok bool) {
	if left <= 0 {
		return now, true
	}
	if today.Calls <= 0 {
		return time.Time{}, false
	}
	span := max(now.Sub(today.First), leastSpan)
	lasts := float64(left) / float64(today.Calls) * span.Seconds()
	midnight := (DayOf(now) + 1).Start()
	if lasts >= midnight.Sub(now).Seconds() {
		return time.Time{}, false
	}
	return now.Add(time.Duration(lasts * float64(time.Second))), true
}
