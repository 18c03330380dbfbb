package app_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/webhook"
)

// observeUses asks when clients called. A record that cannot be read is left out.
func (*cells) observeUses(t *testing.T, s *app.Storage, got seen) {
	t.Helper()
	uses, err := s.Clients.LastUses(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got["uses"] = fmt.Sprint(uses); len(uses) < 2 {
		got["uses"] = noticed + "one is left out"
	}
}

// observeWebhooks asks where the client is told of events, and what.
func (*cells) observeWebhooks(t *testing.T, s *app.Storage, got seen) {
	t.Helper()
	clients, err := s.Clients.ListClients(t.Context())
	if err != nil {
		return // noticed below
	}
	for _, c := range clients {
		hook, found, err := s.Webhooks.Find(t.Context(), c.ID)
		if err != nil {
			got["webhook of "+c.Name] = noticed + err.Error()
			continue
		}
		messages, err := s.Messages.Lease(t.Context(), c.ID, 1000, time.Minute)
		deliveries, failed := s.Deliveries.Deliveries(t.Context(), c.ID, webhook.Filter{Limit: 1000})
		if err = errors.Join(err, failed); err != nil {
			t.Fatal(err)
		}
		var told []string
		for _, m := range messages {
			told = append(told, fmt.Sprintf("%s %s", m.ID, m.Body))
		}
		slices.Sort(told)
		got["webhook of "+c.Name] = fmt.Sprint(found, hook.URL, told)
		for _, d := range deliveries {
			if d.State == webhook.GivenUp && d.Attempts[len(d.Attempts)-1].Failure == webhook.FailedRow {
				got["webhook of "+c.Name] = noticed + "a message was given up"
			}
		}
	}
}
