package app

import (
	"context"
	"time"

	"github.com/sesuai/sesuai/internal/httpapi"
	"github.com/sesuai/sesuai/internal/sqldb"
	"github.com/sesuai/sesuai/internal/subject"
)

// NewSubjects returns what reports and erases all that a storage has of one person.
func NewSubjects(c Config, s *Storage) *subject.Service {
	return subject.New(subject.Options{
		People: s.people, Trail: s.trail, Answers: s.answers, Messages: s.hooks, Batches: NewBatches(c, s, nil),
		Outbox: s.outbox, Calls: s.calls, Misses: s.Limits,
		Record:     s.trail.Record,
		RecordedID: func(id string) string { return httpapi.RecordedID(s.Hash, id) },
		Clients:    s.clientNames,
		Retention: subject.Retention{
			Probes: c.Replay.MaxAge, Answers: c.Answers.MaxAge, Messages: c.Webhooks.KeepLog, Batches: c.Batches.MaxAge,
			Upstream: c.Dukcapil.KeepLog,
		},
	})
}

// clientNames returns the names of the clients by their ids.
func (s *Storage) clientNames(ctx context.Context) (map[string]string, error) {
	clients, err := s.Clients.ListClients(ctx)
	names := make(map[string]string, len(clients))
	for _, c := range clients {
		names[c.ID] = c.Name
	}
	return names, err
}

// Privacy says what is stored of people in general, and who asked what for from one time
// to another, which it excludes.
func (s *Storage) Privacy(ctx context.Context, c Config, from, to time.Time) (subject.Overview, error) {
	return subject.NewOverview(ctx, subject.OverviewOptions{
		PostgreSQL: s.db.Engine() == sqldb.PostgreSQL, Count: s.db.CountRows, Asked: s.trail.Asked, Actions: s.trail.Actions, Runs: s.removed.Runs, Clients: s.clientNames,
		Keep: map[string]time.Duration{
			"replay.max_age": c.Replay.MaxAge, "answers.max_age": c.Answers.MaxAge, "webhooks.keep_log": c.Webhooks.KeepLog,
			"batches.max_age": c.Batches.MaxAge, "dukcapil.keep_log": c.Dukcapil.KeepLog,
			"audit.keep": c.Audit.Keep,
		},
		Now: time.Now,
	}, from, to)
}
