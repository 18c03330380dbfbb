package app

import (
	"errors"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sesuai/sesuai/internal/access/limit"
	"github.com/sesuai/sesuai/internal/retention"
)

// alerts tell the operator about rows that are not as the program wrote them.
type alerts struct {
	failures, refusals, flags *prometheus.CounterVec
	log                       *slog.Logger
}

// alertTables are the tables whose rows are checked when they are read.
var alertTables = [...]string{
	"answers", "approvals", "client_uses", "clients", "idempotency_keys", "master_keys", "operator_sessions", "operators", "outbox", "people", "person_keys", "probes", "templates",
	"unenrolled_probes", "upstream_calls", "webhook_deliveries", "webhooks",
}

func newAlerts() *alerts {
	a := &alerts{
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sesuai_integrity_failures_total",
			Help: "Stored rows that were read and are not as the program wrote them.",
		}, []string{"table"}),
		refusals: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sesuai_limit_refusals_total",
			Help: "Requests that were answered 429, by the limit and the client's id.",
		}, []string{"limit", "client"}),
		flags: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sesuai_client_flags_total",
			Help: "Times that a client was flagged, or stopped for the day, for its share of non-matches.",
		}, []string{"state"}),
		log: slog.Default(),
	}
	for _, state := range [...]string{stateFlagged, stateStopped} {
		a.flags.WithLabelValues(state)
	}
	for _, table := range alertTables {
		a.failures.WithLabelValues(table) // 0 from the start
	}
	return a
}

// register adds the counters to the metrics.
func (a *alerts) register(metrics prometheus.Registerer) error {
	return errors.Join(metrics.Register(a.failures), metrics.Register(a.refusals), metrics.Register(a.flags))
}

// limited counts a request of a client that a limit refused.
func (a *alerts) limited(client string, l limit.Name) {
	a.refusals.WithLabelValues(string(l), client).Inc()
}

// The states of a client with many non-matches.
const stateFlagged, stateStopped = "flagged", "stopped"

// flagged reports that a client has many non-matches. The metric has no label of the
// client: it would not be there before, and a rule about an increase would miss the first
// one, which is the only one of the day.
func (a *alerts) flagged(client string, stopped bool) {
	state := stateFlagged
	if stopped {
		state = stateStopped
	}
	a.flags.WithLabelValues(state).Inc()
	a.log.Warn("most answers to a client do not verify the person", "client", client, "state", state)
}

// altered reports a row of a table. It says nothing of what is in the row.
func (a *alerts) altered(table string) {
	a.failures.WithLabelValues(table).Inc()
	a.log.Error("a stored row is not as it was written", "table", table)
}

// activityUnrecorded reports that the last use of clients, or the refusal of one, is
// not recorded yet.
func (a *alerts) activityUnrecorded(err error) {
	a.log.Error("what clients did could not be recorded", "error", err)
}

// unremoved returns a function that reports that something is stored for longer than it
// should be. What held has reported is not repeated for each table.
func (a *alerts) unremoved(what string) func(error) {
	return func(err error) {
		if !errors.Is(err, retention.ErrClock) {
			a.log.Error(what+" could not be removed", "error", err)
		}
	}
}

// held reports that nothing is removed for its age, or with nil that it is again.
func (a *alerts) held(err error) {
	if err != nil {
		a.log.Error("what is old is not removed", "error", err)
		return
	}
	a.log.Info("what is old is removed again")
}
