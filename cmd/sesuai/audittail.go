package main

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/audit"
)

type auditTail struct {
	selection
	Lines  int  `short:"n" help:"Start with so many of the last events." default:"10" placeholder:"N"`
	Follow bool `help:"Go on until interrupted." default:"true" negatable:""`
}

// Help is what --help says of the command besides its flags.
func (auditTail) Help() string {
	return "It looks for further events each second. With --json each is one object a line."
}

// tailInterval is how often audit tail looks for further events.
const tailInterval = time.Second

func (c *auditTail) Run(s *session) error {
	return s.withStorage(func(storage *app.Storage) error {
		filter, names, err := c.filter(s, storage)
		if err != nil {
			return err
		}
		// Read before the events, so that none is passed over.
		head, err := storage.Trail.Head(s)
		if err != nil {
			return err
		}
		filter.After = head.Seq
		if c.Lines > 0 {
			last := filter
			last.After, last.Limit = 0, c.Lines
			events, err := storage.Trail.Events(s, last)
			if err != nil {
				return err
			}
			for _, e := range slices.Backward(events) {
				if err := s.printLine(e, names); err != nil {
					return err
				}
				filter.After = max(filter.After, e.Seq)
			}
		}
		if !c.Follow {
			return nil
		}
		return s.follow(storage, filter, names)
	})
}

// follow prints the events after filter.After as they are recorded, until s ends.
func (s *session) follow(storage *app.Storage, filter audit.Filter, names map[string]string) error {
	ticker := time.NewTicker(tailInterval)
	defer ticker.Stop()
	for {
		select {
		case <-s.Done():
			return nil
		case <-ticker.C:
		}
		head, err := storage.Trail.Head(s)
		if err == nil {
			err = storage.Trail.Each(s, filter, func(e audit.Entry) error {
				filter.After = e.Seq
				return s.printLine(e, names)
			})
		}
		if s.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		filter.After = max(filter.After, head.Seq)
	}
}

// printLine prints an event as a line of text or of JSON.
func (s *session) printLine(e audit.Entry, names map[string]string) error {
	v := showEvent(e, names)
	if s.json {
		return s.printJSON(v)
	}
	_, err := fmt.Fprintf(s.stdout, "%s  %s  %s  %s  %s\n",
		v.Time.Format(time.RFC3339), cmp.Or(v.RequestID, "-"), cmp.Or(v.ClientName, v.Client, "-"), v.Result, v.Explanation)
	return err
}
