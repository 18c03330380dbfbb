package main

import (
	"fmt"
	"time"

	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/webhook"
)

type webhookDeliveries struct {
	clientArgument
	Failed bool `help:"Only those that have failed: given up, or waiting for the next try."`
	Limit  int  `help:"At most so many: up to 10000." default:"100" placeholder:"N"`
}

// Help is what --help says of the command besides its flags.
func (webhookDeliveries) Help() string {
	return "They are listed for as long as webhooks.keep_log says. Nothing of messages or answers is. Exit status: 0 if there are any, 1 if " +
		"there are none. With --json each is one object a line."
}

// maxDeliveries is the maximum of webhookDeliveries.Limit.
const maxDeliveries = 10_000

func (c *webhookDeliveries) Run(s *session) error {
	if c.Limit < 1 || c.Limit > maxDeliveries {
		return fmt.Errorf("--limit is a number from 1 to %d", maxDeliveries)
	}
	return c.withClient(s, func(storage *app.Storage, id string) error {
		all, err := storage.Deliveries.Deliveries(s, id, webhook.Filter{Failed: c.Failed, Limit: c.Limit})
		if err != nil {
			return err
		}
		if err := s.printDeliveries(all); err != nil {
			return err
		}
		switch len(all) {
		case 0:
			return negativeAnswer{}
		case c.Limit:
			fmt.Fprintf(s.stderr, "the last %d; --limit shows more\n", c.Limit)
		}
		return nil
	})
}

// shownDelivery is a delivery as it is printed.
type shownDelivery struct {
	ID        string         `json:"id"`
	Event     webhook.Event  `json:"event"`
	CreatedAt time.Time      `json:"created_at"`
	State     webhook.State  `json:"state"`
	DueAt     time.Time      `json:"due_at,omitzero"`
	Attempts  []shownAttempt `json:"attempts"`
}

func (s *session) printDeliveries(all []webhook.Delivery) error {
	lines := [][]string{{"ID", "EVENT", "AT", "STATE", "TRIES", "LAST TRY", "NEXT TRY"}}
	for _, d := range all {
		shown := shownDelivery{ID: d.ID, Event: d.Event, CreatedAt: d.CreatedAt, State: d.State, Attempts: []shownAttempt{}}
		last, next := "-", "-"
		for _, a := range d.Attempts {
			shown.Attempts = append(shown.Attempts, showAttempt(a))
			last = showAttempt(a).String()
		}
		if d.State == webhook.Pending {
			shown.DueAt = d.DueAt
			next = d.DueAt.Format(time.RFC3339)
		}
		if !s.json {
			lines = append(lines, []string{
				d.ID, string(d.Event), d.CreatedAt.Format(time.RFC3339), string(d.State), fmt.Sprint(len(d.Attempts)), last, next,
			})
		} else if err := s.printJSON(shown); err != nil {
			return err
		}
	}
	if s.json || len(all) == 0 {
		return nil
	}
	return s.printTable(lines)
}

type webhookRetry struct {
	ID string `arg:"" help:"The ID of a delivery."`
}

// Help is what --help says of the command besides its flags.
func (webhookRetry) Help() string {
	return "The service tries it at once, and for a day if it fails again, under the same ID."
}

func (c *webhookRetry) Run(s *session) error {
	return s.withStorage(func(storage *app.Storage) error {
		found, err := storage.Deliveries.Retry(s, c.ID)
		if err != nil {
			return err
		}
		if !found {
			if err := s.print(map[string]bool{"retried": false}, "there is no delivery of this ID that is not delivered\n"); err != nil {
				return err
			}
			return negativeAnswer{}
		}
		return s.print(map[string]bool{"retried": true}, "it is due now\n")
	})
}
