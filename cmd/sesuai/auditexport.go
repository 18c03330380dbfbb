package main

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/httpapi"
)

// selection are the flags that select events.
type selection struct {
	From      string `help:"Only those since then: a day in Jakarta, such as 2026-11-28, or a time such as 2026-11-28T07:00:00+07:00." placeholder:"DAY|TIME"`
	To        string `help:"Only those before then." placeholder:"DAY|TIME"`
	Client    string `help:"Only those of this client: its name, or its id if it was removed." placeholder:"NAME|ID"`
	RequestID string `name:"request-id" help:"Only those of this request, by its id as it was sent or as it was recorded." placeholder:"ID"`
	nikFlag
}

// filter returns what the flags select, and the names of the clients.
func (c *selection) filter(s *session, storage *app.Storage) (f audit.Filter, names map[string]string, err error) {
	if f.Since, err = parseTime("--from", c.From); err != nil {
		return f, nil, err
	}
	if f.Until, err = parseTime("--to", c.To); err != nil {
		return f, nil, err
	}
	if f.NIK, err = c.nik(); err != nil {
		return f, nil, err
	}
	if c.RequestID != "" {
		f.RequestIDs = []string{c.RequestID, httpapi.RecordedID(storage.Hash, c.RequestID)}
	}
	names, err = s.clientNames(storage)
	if err != nil && c.Client != "" && !strings.HasPrefix(c.Client, access.IDPrefix) {
		return f, nil, err // whose name it is cannot be said
	}
	if err != nil {
		fmt.Fprintf(s.stderr, "sesuai: the names of clients are left out: %s\n", describe(err))
	}
	f.Client = idOf(c.Client, names)
	return f, names, nil
}

// parseTime parses a day in Jakarta or a time; zero if text is empty.
func parseTime(flag, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	day, err := time.ParseInLocation(time.DateOnly, text, sesuai.Jakarta)
	if err != nil {
		return day, &sesuai.Error{Kind: sesuai.KindMalformed, Detail: flag + " is a day, such as 2026-11-28, or a time, such as 2026-11-28T07:00:00+07:00"}
	}
	return day, nil
}

type auditExport struct {
	selection
	Format string `help:"The form of the output: lines of JSON, as audit list --json prints them, or CSV with a header." enum:"jsonl,csv" default:"jsonl"`
}

// Help is what --help says of the command besides its flags.
func (auditExport) Help() string {
	return "It needs little memory, however many events there are. The export is an event itself, which is recorded before the first line is written. " +
		"In CSV a cell that a spreadsheet would take for a formula starts with an apostrophe. " +
		"Exit status: 0 if there are any, 1 if there are none."
}

func (c *auditExport) Run(s *session) error {
	return s.withStorage(func(storage *app.Storage) error {
		filter, names, err := c.filter(s, storage)
		if err != nil {
			return err
		}
		if err := storage.RecordExport(s, filter.NIK, fmt.Sprintf("%q", [...]string{c.From, c.To, c.Client, c.RequestID, filter.NIK.Reveal(), c.Format})); err != nil {
			return err
		}
		out := bufio.NewWriterSize(s.stdout, 64<<10)
		lines := json.NewEncoder(out)
		lines.SetEscapeHTML(false)
		write := func(v shownEvent) error { return lines.Encode(v) }
		flush := out.Flush
		if c.Format == "csv" {
			table := csv.NewWriter(out)
			if err := table.Write(csvHeader); err != nil {
				return err
			}
			write = func(v shownEvent) error { return table.Write(v.cells()) }
			flush = func() error { table.Flush(); return errors.Join(table.Error(), out.Flush()) }
		}
		n := 0
		err = storage.Trail.Each(s, filter, func(e audit.Entry) error {
			n++
			return write(showEvent(e, names))
		})
		if err := errors.Join(err, flush()); err != nil {
			return err
		}
		if n == 0 {
			return negativeAnswer{}
		}
		return nil
	})
}

// csvHeader are the columns of an export as CSV. What an event has not is empty.
var csvHeader = []string{
	"seq", "time", "request_id", "reference_id", "client", "client_name", "endpoint", "result", "reason", "explanation",
	"nik", "name", "date_of_birth", "name_score", "name_threshold", "face_image_percentage", "threshold", "flags", "duration_ms",
	"consent_id", "consent_given_at", "purpose", "action", "actor", "count",
}

// cells are the event's cells under csvHeader.
func (v shownEvent) cells() []string {
	cells := []string{
		strconv.FormatInt(v.Seq, 10), v.Time.Format(time.RFC3339Nano), v.RequestID, v.Reference, v.Client, v.ClientName, "",
		string(v.Result), v.Reason, v.Explanation, "", "", "", "", "", "", "", "", "", v.ConsentID, "", v.Purpose, "", "", "",
	}
	if v.ConsentAt != nil {
		cells[20] = v.ConsentAt.Format(time.RFC3339)
	}
	if c := v.shownChange; c != nil {
		cells[22], cells[23], cells[24] = string(c.Action), c.Actor, strconv.FormatInt(c.Count, 10)
	}
	if r := v.shownVerification; r != nil {
		cells[6] = r.Endpoint
		cells[10], cells[11], cells[12] = r.NIK, r.Name, r.DateOfBirth
		if r.NameScore != nil {
			cells[13], cells[14] = strconv.Itoa(*r.NameScore), strconv.Itoa(r.NameThreshold)
		}
		cells[15], cells[16] = percentText(r.Percentage), percentText(r.Threshold)
		cells[17], cells[18] = strings.Join(r.Flags, " "), strconv.FormatFloat(r.DurationMS, 'f', -1, 64)
	}
	for i := range cells {
		cells[i] = neutral(cells[i])
	}
	return cells
}

func percentText(p sesuai.Percentage) string {
	if !p.Known() {
		return ""
	}
	return strconv.FormatFloat(p.Value(), 'f', 2, 64)
}

// neutral returns a cell that no spreadsheet takes for a formula: some texts are as a
// client sent them.
func neutral(cell string) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r\n", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}
