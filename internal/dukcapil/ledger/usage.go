package ledger

import "time"

// Counts are numbers of calls and what they cost. Calls is the sum of Billed,
// Unknown and Failed.
type Counts struct {
	Calls int64 `json:"calls"`
	// Billed is the number of calls that have a completion and are billed.
	Billed int64 `json:"billed"`
	// Unknown is the number of calls without a completion: the process was
	// killed before it recorded one, or the call is being made right now. Such a
	// call may have been made and billed, or not.
	Unknown int64 `json:"unknown"`
	// Failed is the number of calls that have a completion and are not billed:
	// there was no answer, or none that costs.
	Failed int64 `json:"failed"`
	// Rupiah is the price of the billed calls. RupiahAtMost adds that of the
	// unknown ones. The bill is between the two.
	Rupiah       int64 `json:"rupiah"`
	RupiahAtMost int64 `json:"rupiah_at_most"`
	// Altered is the number of calls, of all of these, whose entry is not as the
	// program wrote it, or was written before schema 6, which brought the means to
	// tell.
	Altered int64 `json:"altered"`
}

// Plus returns the sum of c and o.
func (c Counts) Plus(o Counts) Counts {
	return Counts{
		Calls: c.Calls + o.Calls, Billed: c.Billed + o.Billed, Unknown: c.Unknown + o.Unknown, Failed: c.Failed + o.Failed,
		Rupiah: c.Rupiah + o.Rupiah, RupiahAtMost: c.RupiahAtMost + o.RupiahAtMost,
		Altered: c.Altered + o.Altered,
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

// Total returns the sum of all rows.
func Total(rows []Usage) Counts {
	var sum Counts
	for _, row := range rows {
		sum = sum.Plus(row.Counts)
	}
	return sum
}

// Today is the use of a service so far today.
type Today struct {
	Calls int64
	// First is when the first of them was made. It is meaningful only if Calls
	// is not 0.
	First time.Time
}

// minSpan is the minimum time over which a rate is measured: a few calls within
// a second say nothing about the rate of a day.
const minSpan = time.Minute

// Forecast returns when the rest of a daily quota will be used up, if calls go on
// at the average rate since the first call of today. ok is false if the quota
// lasts until midnight in Jakarta, when it starts again.
func Forecast(left int64, today Today, now time.Time) (ends time.Time, ok bool) {
	if left <= 0 {
		return now, true
	}
	if today.Calls <= 0 {
		return time.Time{}, false
	}
	span := max(now.Sub(today.First), minSpan)
	lasts := float64(left) / float64(today.Calls) * span.Seconds()
	midnight := (DayOf(now) + 1).Start()
	if lasts >= midnight.Sub(now).Seconds() {
		return time.Time{}, false
	}
	return now.Add(time.Duration(lasts * float64(time.Second))), true
}
