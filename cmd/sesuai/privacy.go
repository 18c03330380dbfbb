package main

import (
	"cmp"
	"fmt"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/subject"
)

type privacyReport struct {
	From string `help:"The first day, in Jakarta, such as 2026-11-01 (default: 30 days ago)." placeholder:"DAY"`
	To   string `help:"The last day (default: today)." placeholder:"DAY"`
}

// Help is what --help says of the command besides its flags.
func (privacyReport) Help() string {
	return "What is stored of people, how much of it, how old, and for how long it is kept; who asked what for; reports, erasures and what " +
		"was removed for its age. It names nobody. It reads the whole audit trail. The service may be running."
}

func (c *privacyReport) Run(s *session) error {
	from, to, err := c.days(time.Now())
	if err != nil {
		return err
	}
	return s.withStorage(func(storage *app.Storage) error {
		v, err := storage.Privacy(s, s.config, from, to)
		if err != nil {
			return err
		}
		if s.json {
			return s.printJSON(v)
		}
		return s.printOverview(v)
	})
}

// days returns the times of --from and --to. The second is excluded.
func (c *privacyReport) days(now time.Time) (from, to time.Time, err error) {
	y, m, d := now.In(sesuai.Jakarta).Date()
	today := time.Date(y, m, d, 0, 0, 0, 0, sesuai.Jakarta)
	from, to = today.AddDate(0, 0, -30), today
	for _, flag := range []struct {
		name, text string
		into       *time.Time
	}{{"--from", c.From, &from}, {"--to", c.To, &to}} {
		if flag.text == "" {
			continue
		}
		if *flag.into, err = time.ParseInLocation(time.DateOnly, flag.text, sesuai.Jakarta); err != nil {
			return from, to, &sesuai.Error{Kind: sesuai.KindMalformed, Detail: flag.name + " is a day, such as 2026-11-29"}
		}
	}
	if to.Before(from) {
		return from, to, &sesuai.Error{Kind: sesuai.KindMalformed, Detail: "--to is before --from"}
	}
	return from, to.AddDate(0, 0, 1), nil
}

// printOverview prints an overview as text.
func (s *session) printOverview(v subject.Overview) error {
	day := func(t time.Time) string { return t.In(sesuai.Jakarta).Format(time.DateOnly) }
	lines := [][]string{{"TABLE", "ROWS", "OLDEST", "KEPT", "WHAT IS IN IT"}}
	for _, t := range v.Stored {
		oldest := "-"
		if t.Oldest != nil {
			oldest = day(*t.Oldest)
		}
		kept := t.Retention
		if t.Keep != "" {
			kept += " = " + t.Keep
		}
		lines = append(lines, []string{t.Table, fmt.Sprint(t.Rows), oldest, kept, t.Holds})
	}
	if err := s.printTable(lines); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(s.stdout, "\nFrom %s to %s: %d reports to data subjects, %d erasures\n", day(v.From), day(v.To.Add(-1)), v.Reports, v.Erasures); err != nil {
		return err
	}
	lines = [][]string{{"CLIENT", "ENDPOINT", "PURPOSE", "REQUESTS", "WITH CONSENT"}}
	for _, a := range v.Asked {
		lines = append(lines, []string{
			cmp.Or(a.ClientName, a.Client), a.Endpoint, cmp.Or(a.Purpose, "(not stated)"), fmt.Sprint(a.Requests), fmt.Sprint(a.Consents),
		})
	}
	if err := s.printPart(lines); err != nil {
		return err
	}
	lines = [][]string{{"DAY", "TABLE", "REMOVED", "RUNS", "LAST", "EVENT"}}
	for _, r := range v.Runs {
		event := "when the day is over"
		if r.Recorded {
			event = "yes"
		}
		lines = append(lines, []string{day(r.Day), r.Table, fmt.Sprint(r.Removed), fmt.Sprint(r.Runs), shortTime(&r.LastAt, "-"), event})
	}
	return s.printPart(lines)
}
