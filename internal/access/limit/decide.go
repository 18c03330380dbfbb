package limit

import (
	"slices"
	"time"
)

// Name is the name of a limit, in metrics and in "sesuai limits show".
type Name string

// The limits.
const (
	Rate                Name = "rate"
	MissesPerHour       Name = "misses_per_hour"
	MissesPerDay        Name = "misses_per_day"
	ClientMissesPerHour Name = "client_misses_per_hour"
	ClientMissesPerDay  Name = "client_misses_per_day"
	AttemptsPerDay      Name = "attempts_per_day"
	RequestsPerDay      Name = "requests_per_day"
	InFlight            Name = "in_flight"
	NIKsPerDay          Name = "niks_per_day"
	NonMatchesPerDay    Name = "non_matches_per_day"
)

// counted is one request that counts against a NIK, or one in progress.
type counted struct {
	at     time.Time
	client string
	kind   kind
}

// nikState is what is known about a NIK: what was counted in the last Day, and the
// requests in progress, in any order.
type nikState []counted

// clientState is what is known about a client in a day.
type clientState struct {
	day counters
	// leases is the number of the client's requests in progress, and newNIKs that of
	// the NIKs among them that are not counted yet.
	leases, newNIKs int
}

// counters are what a client has used in a day.
type counters struct {
	requests, answers, nonMatches, niks int64
	flagged, stopped                    bool
}

// exceeds reports whether so many non-matches, and their share, are over a limit.
func exceeds(nonMatches, answers int64, limit, share int) bool {
	return limit > 0 && nonMatches >= int64(limit) && nonMatches*100 > answers*int64(share)
}

// decision is about a request that wants to start. The zero decision grants it.
type decision struct {
	// limit is the one that is in the way.
	limit Name
	// wait is whether requests in progress decide: the limit would be exceeded if all
	// of them were misses.
	wait bool
	// byClient is whether the limit is one of the client, not of the NIK.
	byClient bool
	// retryAfter is when the limit allows another request.
	retryAfter time.Duration
}

func (d decision) granted() bool { return d.limit == "" }

// worse returns the decision of the two that refuses for longer. A refusal comes before
// waiting.
func (d decision) worse(e decision) decision {
	if d.granted() || !e.granted() && (d.wait && !e.wait || d.wait == e.wait && e.retryAfter > d.retryAfter) {
		return e
	}
	return d
}

// decide decides about a request of a client on a NIK.
func (c NIKConfig) decide(now time.Time, client string, s nikState) (d decision) {
	for _, l := range []struct {
		name   Name
		limit  int
		window time.Duration
		own    bool
		count  func(tally) int
	}{
		{MissesPerHour, c.MissesPerHour, Hour, false, tally.total},
		{MissesPerDay, c.MissesPerDay, Day, false, tally.total},
		{ClientMissesPerHour, c.ClientMissesPerHour, Hour, true, tally.total},
		{ClientMissesPerDay, c.ClientMissesPerDay, Day, true, tally.total},
		{AttemptsPerDay, c.AttemptsPerDay, Day, false, tally.attempts},
	} {
		if l.limit == 0 {
			continue
		}
		var t tally
		var all []counted
		leases := 0
		for _, one := range s {
			switch {
			case l.own && one.client != client:
			case one.kind == leased:
				leases++
			case one.at.After(now.Add(-l.window)):
				t.add(one.kind, 1)
				all = append(all, one)
			}
		}
		switch n := l.count(t); {
		case n >= l.limit:
			d = d.worse(decision{limit: l.name, retryAfter: freeAt(all, t, l.limit, l.count).Add(l.window).Sub(now)})
		case n+leases >= l.limit:
			d = d.worse(decision{limit: l.name, wait: true})
		}
	}
	return d
}

// freeAt returns the time of the request that has to leave the window for the count to be
// under the limit.
func freeAt(all []counted, t tally, limit int, count func(tally) int) time.Time {
	slices.SortFunc(all, func(a, b counted) int { return a.at.Compare(b.at) })
	var last time.Time
	for _, one := range all {
		if count(t) < limit {
			break
		}
		t.add(one.kind, -1)
		last = one.at
	}
	return last
}

// busyRetryAfter is when a request makes sense again whose time was over before it could start.
const busyRetryAfter = time.Second

// decide decides about a request of a client. isNew is whether it is about a NIK that is
// not among those of the day, nor of the requests in progress.
func (c ClientConfig) decide(now time.Time, s clientState, isNew bool) (d decision) {
	tomorrow := untilTomorrow(now)
	refuse := func(l Name, after time.Duration) { d = d.worse(decision{limit: l, byClient: true, retryAfter: after}) }
	wait := func(l Name) { d = d.worse(decision{limit: l, byClient: true, wait: true}) }
	if c.InFlight > 0 && s.leases >= c.InFlight {
		refuse(InFlight, busyRetryAfter)
	}
	if limit := int64(c.RequestsPerDay); limit > 0 {
		switch {
		case s.day.requests >= limit:
			refuse(RequestsPerDay, tomorrow)
		case s.day.requests+int64(s.leases) >= limit:
			wait(RequestsPerDay)
		}
	}
	if limit := int64(c.NIKsPerDay); limit > 0 && isNew {
		switch {
		case s.day.niks >= limit:
			refuse(NIKsPerDay, tomorrow)
		case s.day.niks+int64(s.newNIKs) >= limit:
			wait(NIKsPerDay)
		}
	}
	if c.NonMatchesPerDay > 0 {
		leases := int64(s.leases)
		switch {
		case s.day.stopped && s.day.nonMatches >= int64(c.NonMatchesPerDay):
			refuse(NonMatchesPerDay, tomorrow)
		case leases > 0 && exceeds(s.day.nonMatches+leases, s.day.answers+leases, c.NonMatchesPerDay, c.NonMatchShare):
			wait(NonMatchesPerDay)
		}
	}
	return d
}
