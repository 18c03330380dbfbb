package webhook

import (
	"time"

	"github.com/sesuai/sesuai/internal/backoff"
)

// MaxAge is how long a message is tried, from the first try on. After that it is
// given up.
const MaxAge = 24 * time.Hour

// waits are the delays after the first tries. After further ones it is the last.
var waits = [...]time.Duration{
	5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 4 * time.Hour,
}

// next returns when a message is tried again that failed now. It is false if the
// message is given up: it was tried at giveUpAt or later. The delays are shortened at random
// by up to a half, and the last try is made at giveUpAt.
func next(tries int, now, giveUpAt time.Time) (time.Time, bool) {
	if !now.Before(giveUpAt) {
		return time.Time{}, false
	}
	wait := waits[min(max(tries, 1), len(waits))-1]
	due := now.Add(backoff.Jitter(wait))
	if due.After(giveUpAt) {
		due = giveUpAt
	}
	return due, true
}
