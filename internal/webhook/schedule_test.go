package webhook

import (
	"testing"
	"time"
)

// TestSchedule: the first tries follow within a minute, the last one is made after
// 24 hours, and then the message is given up.
func TestSchedule(t *testing.T) {
	for range 100 {
		start := time.Unix(1_800_000_000, 0)
		now, giveUpAt := start, start.Add(MaxAge)
		tries, inAMinute := 1, 0
		for {
			due, again := next(tries, now, giveUpAt)
			if !again {
				break
			}
			if wait := due.Sub(now); wait <= 0 || wait > 4*time.Hour || tries == 1 && (wait < 2500*time.Millisecond || wait > 5*time.Second) {
				t.Fatalf("after try %d it waits %s", tries, wait)
			}
			now = due
			if tries++; now.Sub(start) <= time.Minute {
				inAMinute++
			}
		}
		if now != giveUpAt || inAMinute < 2 || tries < 12 || tries > 22 {
			t.Fatalf("%d tries, the last one after %s", tries, now.Sub(start))
		}
	}
	if _, again := next(0, time.Unix(1, 0), time.Unix(2, 0)); !again {
		t.Error("a row that somebody else has changed is given up")
	}
}

// TestIDs: ids are in the order of their times, and before none of them is another.
func TestIDs(t *testing.T) {
	at := time.Unix(1_800_000_000, 0)
	var last string
	for range 1000 {
		id := newID(at)
		if len(id) != 30 || id <= last || id < firstID(at) || id >= firstID(at.Add(time.Millisecond)) {
			t.Fatalf("%s after %s", id, last)
		}
		last, at = id, at.Add(time.Millisecond)
	}
	if one, other := newID(at), newID(at); one == other {
		t.Error("two ids are one")
	}
}
