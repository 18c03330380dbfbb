package console

import (
	"time"

	"github.com/sesuai/sesuai/internal/audit"
)

// live are the numbers of verifications of the last hour and day, by results.
type live struct {
	Results []string
	Spans   []liveSpan
}

// liveSpan has the numbers of a time, in the order of live.Results.
type liveSpan struct {
	Name   string
	Counts []string
}

// verificationResults are all results but that of a change, in the order in which they are shown.
var verificationResults = [...]audit.Result{
	audit.Verified, audit.NotVerified, audit.Refused, audit.Unavailable, audit.Matched, audit.NotMatched, audit.Measured,
}

// live counts what was answered lately; nil if there was nothing.
func (c *call) live() (*live, error) {
	hour, err := c.o.Counts.Results(c.ctx, c.o.Now().Add(-time.Hour))
	if err != nil {
		return nil, err
	}
	day, err := c.o.Counts.Results(c.ctx, c.o.Now().Add(-24*time.Hour))
	if err != nil {
		return nil, err
	}
	l := &live{Spans: []liveSpan{{Name: c.language.text("live.hour")}, {Name: c.language.text("live.day")}}}
	for _, r := range verificationResults {
		if day[r] == 0 {
			continue
		}
		l.Results = append(l.Results, c.language.text("result."+string(r)))
		for i, n := range [...]int64{hour[r], day[r]} {
			l.Spans[i].Counts = append(l.Spans[i].Counts, c.language.count(n))
		}
	}
	if l.Results == nil {
		return nil, nil
	}
	return l, nil
}

// flagChoices are the flags to search for.
func (c *call) flagChoices(chosen audit.Flags) (all []choice) {
	for _, f := range audit.AllFlags() {
		all = append(all, choice{f.String(), c.language.text("flag." + f.String()), f == chosen})
	}
	return all
}
