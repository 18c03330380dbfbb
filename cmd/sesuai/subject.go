package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/atomicfile"
	"github.com/sesuai/sesuai/internal/subject"
)

// subjectNIK is the NIK of a data subject.
type subjectNIK struct {
	NIK string `name:"nik" help:"The NIK; - reads it from standard input, so that it is neither in the shell's history nor in the list of processes." required:"" placeholder:"NIK|-"`
}

type subjectReport struct {
	subjectNIK
	HTML     string `name:"html" help:"Write the report as a page to this file, in Indonesian and in English. It must not exist." placeholder:"FILE"`
	Values   bool   `help:"Put the values of the record into it, and not only the names of the attributes. It is then a document about the person: hand it to nobody else."`
	Received string `help:"When the person asked for it, such as 2026-11-29 or 2026-11-29T10:00:00+07:00: the report says when it is due." placeholder:"DAY|TIME"`
}

// Help is what --help says of the command besides its flags.
func (subjectReport) Help() string {
	return "All that is stored about a person, and who asked when, for what purpose and on what consent (UU 27/2022, articles 7 and 32). " +
		"It never has the NIK, a photograph or a template. The report is an event of the audit trail. The service may be running."
}

func (c *subjectReport) Run(s *session) error {
	nik, err := parseNIKFlag(c.NIK)
	if err != nil {
		return err
	}
	o := subject.ReportOptions{Values: c.Values}
	if o.ReceivedAt, err = dayOrTime("--received", c.Received); err != nil {
		return err
	}
	if c.HTML != "" {
		if _, err := os.Lstat(c.HTML); err == nil {
			return &sesuai.Error{Kind: sesuai.KindConfiguration, Detail: "the file of --html is there already; name a new file"}
		}
	}
	return s.withStorage(func(storage *app.Storage) error {
		r, err := app.NewSubjects(s.config, storage).Report(s, nik, o)
		if err != nil {
			return err
		}
		if c.HTML != "" {
			if err := writePage(c.HTML, r); err != nil {
				return err
			}
		}
		if s.json {
			return s.printJSON(r)
		}
		return s.printReport(r)
	})
}

// writePage writes the page of a report. Only the owner may read it.
func writePage(path string, r subject.Report) error {
	return atomicfile.Write(path, 0o600, r.WritePage)
}

// dayOrTime parses a day in Jakarta or a time; zero if text is empty.
func dayOrTime(flag, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if day, err := time.ParseInLocation(time.DateOnly, text, sesuai.Jakarta); err == nil {
		return day, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return at, &sesuai.Error{
			Kind: sesuai.KindMalformed, Detail: flag + " is a day, such as 2026-11-29, or a time, such as 2026-11-29T10:00:00+07:00",
		}
	}
	return at, nil
}

// printReport prints a report as text.
func (s *session) printReport(r subject.Report) error {
	lines := [][]string{{"record", "none"}}
	if p := r.Record; p != nil {
		lines = [][]string{
			{"record", strings.Join(p.Attributes, ", ")},
			{"status", p.Status},
			{"template", cmp.Or(p.Model, "none")},
			{"enrolled", p.EnrolledAt.In(sesuai.Jakarta).Format(time.RFC3339)},
			{"changed", p.ChangedAt.In(sesuai.Jakarta).Format(time.RFC3339)},
		}
		for _, name := range p.Attributes {
			if value, ok := p.Values[name]; ok {
				lines = append(lines, []string{name, value})
			}
		}
	}
	lines = append(lines, []string{"photographs remembered", fmt.Sprint(r.Probes.Count)})
	if r.DueAt != nil {
		lines = append(lines, []string{"due", shortTime(r.DueAt, "")})
	}
	if err := s.printTable(lines); err != nil {
		return err
	}
	requests := [][]string{{"TIME", "CLIENT", "ENDPOINT", "PURPOSE", "CONSENT", "RESULT", "REQUEST"}}
	for _, q := range r.Requests {
		requests = append(requests, []string{
			q.Time.In(sesuai.Jakarta).Format(time.RFC3339), cmp.Or(q.ClientName, q.Client), q.Endpoint, cmp.Or(q.Purpose, "-"),
			cmp.Or(q.ConsentID, "-"), string(q.Result), q.RequestID,
		})
	}
	if err := s.printPart(requests); err != nil {
		return err
	}
	changes := [][]string{{"TIME", "ACTION", "BY"}}
	for _, c := range r.Changes {
		changes = append(changes, []string{c.Time.In(sesuai.Jakarta).Format(time.RFC3339), string(c.Action), c.Actor})
	}
	if err := s.printPart(changes); err != nil {
		return err
	}
	return s.printPart(placesOf(r.Tables))
}

// printPart prints a table after an empty line, unless it has only its heading.
func (s *session) printPart(lines [][]string) error {
	if len(lines) == 1 {
		return nil
	}
	if _, err := io.WriteString(s.stdout, "\n"); err != nil {
		return err
	}
	return s.printTable(lines)
}

// placesOf are the lines of a table of tables.
func placesOf(tables []subject.TableCount) [][]string {
	lines := [][]string{{"TABLE", "ROWS", "KEPT", "WHAT IS IN IT"}}
	for _, t := range tables {
		place, _ := subject.PlaceOf(t.Table)
		lines = append(lines, []string{t.Table, fmt.Sprint(t.Rows), place.Retention, place.Holds})
	}
	return lines
}

type subjectErase struct {
	subjectNIK
	Yes bool `help:"Do not ask whether to go on."`
}

// Help is what --help says of the command besides its flags.
func (subjectErase) Help() string {
	return "Removes the person's data key, without which the record opens in no copy, and everything else that has something of the person " +
		"(UU 27/2022, articles 8, 43 and 44). What stays, and why, is printed. The erasure is an event of the audit trail. The service may be " +
		"running, on any node. Backups: docs/operate/privacy.md."
}

func (c *subjectErase) Run(s *session) error {
	nik, err := parseNIKFlag(c.NIK)
	if err != nil {
		return err
	}
	if !c.Yes {
		err := askOnTerminal(s, "All that is stored about this person is erased, and cannot be restored. Go on? [y/N] ", "nothing was erased",
			"this erases all that is stored about a person: give --yes")
		if err != nil {
			return err
		}
	}
	return s.withStorage(func(storage *app.Storage) error {
		e, err := app.NewSubjects(s.config, storage).Erase(s, nik)
		if err != nil {
			return err
		}
		if s.json {
			return s.printJSON(e)
		}
		return s.printErasure(e)
	})
}

// printErasure prints what was erased, and what stays and why.
func (s *session) printErasure(e subject.Erasure) error {
	if len(e.Erased) == 0 {
		if _, err := io.WriteString(s.stdout, "nothing was stored that is erased\n"); err != nil {
			return err
		}
	} else {
		lines := [][]string{{"ERASED", "ROWS"}}
		for _, t := range e.Erased {
			lines = append(lines, []string{t.Table, fmt.Sprint(t.Rows)})
		}
		if err := s.printTable(lines); err != nil {
			return err
		}
	}
	lines := [][]string{{"STAYS", "ROWS", "WHY"}}
	for _, t := range e.Stays {
		place, _ := subject.PlaceOf(t.Table)
		lines = append(lines, []string{t.Table, fmt.Sprint(t.Rows), place.Why})
	}
	return s.printPart(lines)
}
