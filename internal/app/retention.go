package app

import "github.com/sesuai/sesuai/internal/retention"

// retentionRules are what the service removes that no part of it removes by itself.
func (s *Storage) retentionRules(c Config) (rules []retention.Rule) {
	if keep := c.Dukcapil.KeepLog; keep > 0 {
		rules = append(rules,
			retention.Rule{Table: "upstream_calls", Keep: keep, Remove: s.calls.RemoveBefore},
			retention.Rule{Table: "outbox", Keep: keep, Remove: s.outbox.RemoveBefore},
		)
	}
	return rules
}
