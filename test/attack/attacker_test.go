package attack_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sesuai/sesuai/internal/access"
)

// attacker is somebody with the credentials of clients.
type attacker struct {
	t *testing.T
	s *service
	// callers are the clients. They are used in turn.
	callers []*caller
	// perDay is after how many queries about one person the attacker leaves that
	// person alone until 24 hours have passed since the first of them; 0 is never.
	perDay int
	// until is when the attacker stops. maxQueries is after how many queries.
	start, until time.Time
	maxQueries   int

	queries int // that were answered
	asked   map[string]*asked
}

// asked are the queries about one person in one day of perDay.
type asked struct {
	first time.Time
	n     int
}

// conditions are how an attack is made.
type conditions struct {
	// targets is how many people are attacked, one after the other.
	targets int
	// clients is how many clients the attacker has; one if 0.
	clients int
	// For perDay and maxQueries see attacker. Each target is attacked for so many days.
	perDay, days, maxQueries int
}

// newAttacker adds the clients of an attacker, who starts now.
func (s *service) newAttacker(t *testing.T, c conditions, change ...func(*access.Client)) *attacker {
	t.Helper()
	a := &attacker{
		t: t, s: s, perDay: c.perDay, maxQueries: c.maxQueries,
		start: time.Now(), until: time.Now().Add(time.Duration(c.days) * 24 * time.Hour),
		asked: make(map[string]*asked),
	}
	for range max(c.clients, 1) {
		a.callers = append(a.callers, s.newCaller(t, change...))
	}
	return a
}

// ask asks about a person as soon as patience and limits allow it. ok is false if the
// attacker has to stop before that.
func (a *attacker) ask(p person, photo []byte) (got answer, ok bool) {
	a.t.Helper()
	if a.queries >= a.maxQueries || !a.wait(p) {
		return answer{}, false
	}
	for {
		retry := time.Duration(1<<63 - 1)
		for range a.callers {
			c := a.callers[0]
			a.callers = append(a.callers[1:], c)
			if got = c.ask(a.t, p, photo); got.status != http.StatusTooManyRequests {
				a.queries++
				return got, true
			}
			retry = min(retry, got.retryAfter)
		}
		if !a.sleep(retry) {
			return answer{}, false
		}
	}
}

// wait waits until the attacker asks about the person again.
func (a *attacker) wait(p person) bool {
	day := a.asked[p.nik]
	if day == nil {
		day = &asked{first: time.Now()}
		a.asked[p.nik] = day
	}
	if a.perDay > 0 && day.n == a.perDay {
		if !a.sleep(time.Until(day.first.Add(24*time.Hour + time.Second))) {
			return false
		}
		*day = asked{first: time.Now()}
	}
	day.n++
	return true
}

func (a *attacker) sleep(d time.Duration) bool {
	if time.Now().Add(d).After(a.until) {
		return false
	}
	time.Sleep(d)
	return true
}

// result is what came of an attack.
type result struct {
	targets int // attacked, one after the other, each with all the time
	// queries and days are those of each target that was reached, until then.
	queries []int
	days    []float64
	// asked are the queries about the targets that were not reached.
	asked []int
	note  string
}

// ended adds a target.
func (r *result) ended(reached bool, queries int, took time.Duration) {
	r.targets++
	if !reached {
		r.asked = append(r.asked, queries)
		return
	}
	r.queries = append(r.queries, queries)
	r.days = append(r.days, took.Hours()/24)
}

// String returns a cell of the table.
func (r result) String() string {
	var parts []string
	if len(r.queries) > 0 {
		text := fmt.Sprintf("%d of %d in %s queries", len(r.queries), r.targets, span(r.queries))
		if slices.Max(r.days) >= 0.05 {
			text += fmt.Sprintf(" and %.1f to %.1f days", slices.Min(r.days), slices.Max(r.days))
		}
		parts = append(parts, text)
	}
	if len(r.asked) > 0 {
		parts = append(parts, fmt.Sprintf("%d of %d not in %s queries", len(r.asked), r.targets, span(r.asked)))
	}
	if r.note != "" {
		parts = append(parts, r.note)
	}
	return strings.Join(parts, "; ")
}

// span returns the least and the greatest of some numbers.
func span(n []int) string {
	low, high := slices.Min(n), slices.Max(n)
	if low == high {
		return fmt.Sprint(low)
	}
	return fmt.Sprintf("%d to %d", low, high)
}
