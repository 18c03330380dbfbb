package sandbox

import (
	"errors"
	"sync"
	"time"
)

// jakarta is Waktu Indonesia Barat: UTC+7 all year. The services' days and
// hours are its.
var jakarta = time.FixedZone("WIB", 7*60*60)

// Hours are a part of every day in Jakarta, as times since midnight. One whose
// end is before its beginning lasts past midnight. The zero Hours are all day.
type Hours struct{ From, To time.Duration }

// ParseHours reads hours such as 06:00-22:00; an empty text is all day.
func ParseHours(text string) (Hours, error) {
	if text == "" {
		return Hours{}, nil
	}
	const clock = "15:04"
	wrong := errors.New("hours are written as 06:00-22:00")
	if len(text) != 2*len(clock)+1 || text[len(clock)] != '-' {
		return Hours{}, wrong
	}
	from, err1 := time.Parse(clock, text[:len(clock)])
	to, err2 := time.Parse(clock, text[len(clock)+1:])
	if err := errors.Join(err1, err2); err != nil || from.Equal(to) {
		return Hours{}, wrong
	}
	return Hours{sinceMidnight(from), sinceMidnight(to)}, nil
}

func sinceMidnight(t time.Time) time.Duration {
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute + time.Duration(t.Second())*time.Second
}

// include reports whether t is within the hours.
func (h Hours) include(t time.Time) bool {
	at := sinceMidnight(t.In(jakarta))
	switch {
	case h == Hours{}:
		return true
	case h.From < h.To:
		return at >= h.From && at < h.To
	default:
		return at >= h.From || at < h.To
	}
}

// meter is whose calls of which service are counted.
type meter struct {
	service Name
	user    string
}

// day is what holds for one day in Jakarta: how many calls were billed and
// which transactions there were.
type day struct {
	mu           sync.Mutex
	date         string
	billed       map[meter]int
	transactions map[[2]string]bool // user and transaction id
}

// begin makes it the day of t; d.mu is held.
func (d *day) begin(t time.Time) {
	if date := t.In(jakarta).Format(time.DateOnly); date != d.date {
		d.date = date
		d.billed, d.transactions = make(map[meter]int), make(map[[2]string]bool)
	}
}

// left is how many of quota calls are left.
func (d *day) left(t time.Time, m meter, quota int) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.begin(t)
	return max(quota-d.billed[m], 0)
}

// bill counts a call and says how many are left then; false if none was.
func (d *day) bill(t time.Time, m meter, quota int) (left int, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.begin(t)
	if d.billed[m] >= quota {
		return 0, false
	}
	d.billed[m]++
	return quota - d.billed[m], true
}

// first reports whether there was no such transaction of the user yet today,
// and remembers that there was one.
func (d *day) first(t time.Time, user, transaction string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.begin(t)
	key := [2]string{user, transaction}
	if d.transactions[key] {
		return false
	}
	d.transactions[key] = true
	return true
}
