package app

import (
	"context"
	"time"

	"github.com/sesuai/sesuai/internal/retention"
	"github.com/sesuai/sesuai/internal/sqldb"
)

// pruneLimit is the maximum number of events that one transaction removes. Each such
// transaction is an event.
const pruneLimit = 10_000

// retentionRules are what the service removes that no part of it removes by itself.
func (s *Storage) retentionRules(c Config) (rules []retention.Rule) {
	if keep := c.Dukcapil.KeepLog; keep > 0 {
		rules = append(rules,
			retention.Rule{Table: "upstream_calls", Keep: keep, Remove: s.calls.RemoveBefore},
			retention.Rule{Table: "outbox", Keep: keep, Remove: s.outbox.RemoveBefore},
		)
	}
	if keep := c.Audit.Keep; keep > 0 {
		rules = append(rules, retention.Rule{Table: "audit_events", Keep: keep, Limit: pruneLimit, Remove: s.pruneBefore})
	}
	return rules
}

// pruneBefore removes events of days that ended before a time. So events are removed once
// a day, and not every hour.
func (s *Storage) pruneBefore(ctx context.Context, t time.Time, limit int) (more bool, err error) {
	removed := func(ctx context.Context, tx *sqldb.Tx, events int64) error {
		return s.removed.RemovedTx(ctx, tx, "audit_events", events)
	}
	pruned, err := s.trail.PruneBefore(ctx, retention.DayOf(t).Start(), limit, removed)
	return pruned.More, err
}
