package sandbox

import (
	"errors"
	"sync"
	"time"

	"github.com/sesuai/sesuai"
)

// hours is a range of every day in Jakarta, as times since midnight. If to is
// before from, it extends past midnight. The zero hours is the whole day.
type hours struct{ from, to time.Duration }

// parseHours parses hours such as 06:00-22:00. An empty text is the whole day.
func parseHours(text string) (hours, error) {
	if text == "" {
		return hours{}, nil
	}
	const clock = "15:04"
	wrong := errors.New("hours must have the form 06:00-22:00")
	if len(text) != 2*len(clock)+1 || text[len(clock)] != '-' {
		return hours{}, wrong
	}
	from, err1 := time.Parse(clock, text[:len(clock)])
	to, err2 := time.Parse(clock, text[len(clock)+1:])
	if err := errors.Join(err1, err2); err != nil || from.Equal(to) {
		return hours{}, wrong
	}
	return hours{sinceMidnight(from), sinceMidnight(to)}, nil
}

func sinceMidnight(t time.Time) time.Duration {
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute + time.Duration(t.Second())*time.Second
}

// include reports whether t is within the hours.
func (h hours) include(t time.Time) bool {
	at := sinceMidnight(t.In(sesuai.Jakarta))
	switch {
	case h == hours{}:
		return true
	case h.from < h.to:
		return at >= h.from && at < h.to
	default:
		return at >= h.from || at < h.to
	}
}

// meter identifies a counter of billed calls: that of a user of a service.
type meter struct {
	service Name
	user    string
}

// day is the state of one day in Jakarta: the number of billed calls and the
// transaction ids.
type day struct {
	mu           sync.Mutex
	date         string
	billed       map[meter]int
	transactions map[[2]string]bool // user and transaction id
}

// advance resets d if t is on another day. The caller holds d.mu.
func (d *day) advance(t time.Time) {
	if date := t.In(sesuai.Jakarta).Format(time.DateOnly); date != d.date {
		d.date = date
		d.billed, d.transactions = make(map[meter]int), make(map[[2]string]bool)
	}
}

// remaining returns how many calls remain of the quota.
func (d *day) remaining(t time.Time, m meter, quota int) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.advance(t)
	return max(quota-d.billed[m], 0)
}

// bill counts a call and returns how many calls remain of the quota. If the
// quota is used up, it counts nothing and reports false.
func (d *day) bill(t time.Time, m meter, quota int) (remaining int, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.advance(t)
	if d.billed[m] >= quota {
		return 0, false
	}
	d.billed[m]++
	return quota - d.billed[m], true
}

// first reports whether the user has not used the transaction id today, and
// records it.
func (d *day) first(t time.Time, user, transaction string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.advance(t)
	key := [2]string{user, transaction}
	if d.transactions[key] {
		return false
	}
	d.transactions[key] = true
	return true
}
