package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/dukcapil/ledger"
)

type dukcapilUsage struct {
	From string `help:"The first day, in Jakarta (default: of this month)." placeholder:"2026-11-01"`
	To   string `help:"The last day (default: today)." placeholder:"2026-11-30"`
	CSV  bool   `name:"csv" help:"Print CSV."`
}

// Help is what --help says of the command besides its flags.
func (dukcapilUsage) Help() string {
	return "A call is billed, failed, or unknown: the process was killed before the call was recorded as complete, or the call is in " +
		"progress. The bill is at least RUPIAH, which excludes the unknown calls, and at most AT MOST, which includes them."
}

// shownUsage is the output of the command.
type shownUsage struct {
	From  ledger.Day      `json:"from"`
	To    ledger.Day      `json:"to"`
	Rows  []shownUsageRow `json:"rows"`
	Total ledger.Counts   `json:"total"`
}

type shownUsageRow struct {
	ledger.Usage
	// Name is the name of the client; empty if it was removed.
	Name string `json:"name"`
}

func (c *dukcapilUsage) Run(s *session) error {
	if c.CSV && s.json {
		return errors.New("--csv and --json exclude each other")
	}
	shown, err := c.days(time.Now())
	if err != nil {
		return err
	}
	return s.withStorage(func(storage *app.Storage) error {
		usage, err := storage.Usage(s, shown.From, shown.To)
		if err != nil {
			return err
		}
		names, err := s.clientNames(storage)
		if err != nil {
			return err
		}
		shown.Rows, shown.Total = []shownUsageRow{}, ledger.Total(usage)
		for _, u := range usage {
			shown.Rows = append(shown.Rows, shownUsageRow{u, names[u.Client]})
		}
		s.warnAltered(shown.Total.Altered)
		switch {
		case s.json:
			return s.printJSON(shown)
		case c.CSV:
			w := csv.NewWriter(s.stdout)
			return errors.Join(w.WriteAll(shown.table("rupiah_at_most", strings.ToLower)), w.Error())
		default:
			return s.printTable(shown.table("AT MOST", strings.ToUpper))
		}
	})
}

// warnAltered says how many calls have no valid MAC, if there are any.
func (s *session) warnAltered(calls int64) {
	if calls > 0 {
		fmt.Fprintf(s.stderr, "%d calls are not stored as they were recorded, or are from before schema 6: docs/security.md\n", calls)
	}
}

// days is the output with its first and last day, and nothing else.
func (c *dukcapilUsage) days(now time.Time) (u shownUsage, err error) {
	today := now.In(sesuai.Jakarta)
	u.From, u.To = ledger.DayOf(now)-ledger.Day(today.Day()-1), ledger.DayOf(now)
	if c.From != "" {
		if u.From, err = ledger.ParseDay(c.From); err != nil {
			return u, fmt.Errorf("--from: %w", err)
		}
	}
	if c.To != "" {
		if u.To, err = ledger.ParseDay(c.To); err != nil {
			return u, fmt.Errorf("--to: %w", err)
		}
	}
	if u.To < u.From {
		return u, errors.New("--to is before --from")
	}
	return u, nil
}

// table returns the usage as lines of cells, with a heading and a total.
func (u shownUsage) table(atMost string, heading func(string) string) [][]string {
	lines := [][]string{{"day", "client", "name", "service", "calls", "billed", "unknown", "failed", "rupiah"}}
	for i := range lines[0] {
		lines[0][i] = heading(lines[0][i])
	}
	lines[0] = append(lines[0], atMost)
	for _, row := range u.Rows {
		lines = append(lines, append([]string{row.Day.String(), row.Client, row.Name, string(row.Service)}, figures(row.Counts)...))
	}
	return append(lines, append([]string{"total", "", "", ""}, figures(u.Total)...))
}

func figures(c ledger.Counts) []string {
	return decimal(c.Calls, c.Billed, c.Unknown, c.Failed, c.Rupiah, c.RupiahAtMost)
}

func decimal(figures ...int64) []string {
	text := make([]string, len(figures))
	for i, n := range figures {
		text[i] = strconv.FormatInt(n, 10)
	}
	return text
}

// printTable prints lines of cells in aligned columns.
func (s *session) printTable(lines [][]string) error {
	w := tabwriter.NewWriter(s.stdout, 0, 0, 2, ' ', 0)
	for _, line := range lines {
		fmt.Fprintln(w, strings.Join(line, "\t"))
	}
	return w.Flush()
}

type dukcapilReport struct {
	HalfYear string `help:"The half-year to report." required:"" placeholder:"2026H2"`
}

// Help is what --help says of the command besides its flags.
func (dukcapilReport) Help() string {
	return "Verifications are those with a verdict. Data balikan count in the month in which the person was verified, whenever they " +
		"are delivered. OLDEST is the age of the oldest that is not delivered yet."
}

func (c *dukcapilReport) Run(s *session) error {
	half, err := ledger.ParseHalfYear(c.HalfYear)
	if err != nil {
		return fmt.Errorf("--half-year: %w", err)
	}
	return s.withStorage(func(storage *app.Storage) error {
		report, err := storage.Report(s, half)
		if err != nil {
			return err
		}
		s.warnAltered(report.Total.Altered)
		if s.json {
			return s.printJSON(report)
		}
		lines := [][]string{{
			"MONTH", "VERIFICATIONS", "VERIFIED", "DATA CHECKS", "FACE CHECKS", "UNKNOWN", "RUPIAH", "AT MOST",
			"BALIKAN", "DELIVERED", "PENDING", "OLDEST",
		}}
		report.Total.Month = report.HalfYear.String()
		for _, m := range append(report.Months, report.Total) {
			oldest := "-"
			if m.OldestHours != nil {
				oldest = fmt.Sprintf("%d h", *m.OldestHours)
			}
			figures := decimal(m.Verifications, m.Verified, m.DataChecks, m.FaceChecks, m.Unknown, m.Rupiah, m.RupiahAtMost,
				m.Total, m.Delivered, m.Pending)
			lines = append(lines, append(append([]string{m.Month}, figures...), oldest))
		}
		return s.printTable(lines)
	})
}
