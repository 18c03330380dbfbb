package main

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/httpapi"
)

type sinceFlag struct {
	Since string `help:"Only those since then: how long ago, such as 24h, or a day in Jakarta, such as 2026-11-28." placeholder:"24h|DAY"`
}

type auditList struct {
	sinceFlag
	Client    string `help:"Only those of this client: its name, or its id if it was removed." placeholder:"NAME|ID"`
	Reason    string `help:"Only those with this in the reason or the action, such as name, FACE_QUALITY or client.remove." placeholder:"TEXT"`
	Reference string `help:"Only those with this reference_id, as the client sent it or as it was recorded." placeholder:"ID"`
	nikFlag
	Limit int `help:"At most so many; 0 is no limit." default:"100" placeholder:"N"`
}

// Help is what --help says of the command besides its flags.
func (auditList) Help() string {
	return "The trail has a keyed hash of each NIK, so --nik hashes what it is given. A NIK in the arguments stays in the shell's " +
		"history, and other users of this computer see it while the command runs: --nik - avoids both. " +
		"Exit status: 0 if there are any, 1 if there are none. With --json each is one object a line."
}

func (c *auditList) Run(s *session) error {
	filter := audit.Filter{Reason: c.Reason, Limit: c.Limit}
	var err error
	if filter.Since, err = c.time(time.Now()); err != nil {
		return err
	}
	if filter.NIK, err = c.nik(); err != nil {
		return err
	}
	return s.withStorage(func(storage *app.Storage) error {
		if c.Reference != "" {
			filter.References = []string{c.Reference, httpapi.RecordedReference(storage.Hash, c.Reference)}
		}
		names, err := s.clientNames(storage)
		if err != nil && c.Client != "" && !strings.HasPrefix(c.Client, access.IDPrefix) {
			return err // whose name it is cannot be said
		}
		if err != nil { // the events are still readable, and may say why
			fmt.Fprintf(s.stderr, "sesuai: the names of clients are left out: %s\n", describe(err))
		}
		filter.Client = idOf(c.Client, names)
		events, err := storage.Trail.Events(s, filter)
		if err != nil {
			return err
		}
		if err := s.printEvents(events, names); err != nil {
			return err
		}
		switch len(events) {
		case 0:
			return negativeAnswer{}
		case c.Limit:
			fmt.Fprintf(s.stderr, "the last %d; --limit shows more\n", c.Limit)
		}
		return nil
	})
}

// time returns the time that --since means; zero if there is none.
func (c *sinceFlag) time(now time.Time) (time.Time, error) {
	if c.Since == "" {
		return time.Time{}, nil
	}
	if ago, err := time.ParseDuration(c.Since); err == nil && ago >= 0 {
		return now.Add(-ago), nil
	}
	day, err := time.ParseInLocation(time.DateOnly, c.Since, sesuai.Jakarta)
	if err != nil {
		return day, &sesuai.Error{Kind: sesuai.KindMalformed, Detail: "--since is how long ago, such as 24h, or a day, such as 2026-11-28"}
	}
	return day, nil
}

// nikFlag is a flag for a NIK, which need not be in the arguments.
type nikFlag struct {
	NIK string `name:"nik" help:"Only those about this NIK; - reads it from standard input." placeholder:"NIK|-"`
}

// nik returns the NIK of --nik; zero if there is none.
func (c *nikFlag) nik() (sesuai.NIK, error) { return parseNIKFlag(c.NIK) }

// idOf returns the ID of the client of that name, or text itself if there is none.
func idOf(text string, names map[string]string) string {
	for id, name := range names {
		if name == text {
			return id
		}
	}
	return text
}

// printEvents prints events as a table, or as lines of JSON.
func (s *session) printEvents(events []audit.Entry, names map[string]string) error {
	if s.json {
		for _, e := range events {
			if err := s.printJSON(showEvent(e, names)); err != nil {
				return err
			}
		}
		return nil
	}
	if len(events) == 0 {
		_, err := fmt.Fprintln(s.stdout, "there are no such events")
		return err
	}
	lines := [][]string{{"TIME", "REQUEST", "CLIENT", "RESULT", "EXPLANATION"}}
	for _, e := range events {
		v := showEvent(e, names)
		lines = append(lines, []string{
			v.Time.Format(time.RFC3339), cmp.Or(v.RequestID, "-"), cmp.Or(v.ClientName, v.Client, "-"), string(v.Result), v.Explanation,
		})
	}
	return s.printTable(lines)
}

type auditShow struct {
	sinceFlag
	RequestID string `arg:"" name:"request-id" help:"The request's id, as in the response, in the log or in audit list."`
}

// Help is what --help says of the command besides its flags.
func (auditShow) Help() string {
	return "Requests to which the caller gave the same id are all shown, the last one first. Exit " +
		"status: 0 if there is any, 1 if there is none."
}

func (c *auditShow) Run(s *session) error {
	since, err := c.time(time.Now())
	if err != nil {
		return err
	}
	return s.withStorage(func(storage *app.Storage) error {
		// The id may be given as it was sent or as it was recorded.
		ids := []string{c.RequestID, httpapi.RecordedID(storage.Hash, c.RequestID)}
		events, err := storage.Trail.Events(s, audit.Filter{Since: since, RequestIDs: ids})
		if err != nil {
			return err
		}
		names, err := s.clientNames(storage)
		if err != nil {
			fmt.Fprintf(s.stderr, "sesuai: the name of the client is left out: %s\n", describe(err))
		}
		if len(events) == 0 || s.json {
			if err := s.printEvents(events, names); err != nil || len(events) > 0 {
				return err
			}
			return negativeAnswer{}
		}
		for i, e := range events {
			if i > 0 {
				fmt.Fprintln(s.stdout)
			}
			if err := s.printTable(showEvent(e, names).lines()); err != nil {
				return err
			}
		}
		return nil
	})
}
