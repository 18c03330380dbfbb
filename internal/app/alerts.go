package app

import (
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"
)

// alerts tell the operator about rows that are not as the program wrote them.
type alerts struct {
	failures *prometheus.CounterVec
	log      *slog.Logger
}

// alertTables are the tables whose rows are checked when they are read.
var alertTables = [...]string{
	"answers", "client_uses", "clients", "idempotency_keys", "master_keys", "outbox", "people", "person_keys", "probes", "templates",
	"unenrolled_probes", "upstream_calls", "webhook_deliveries", "webhooks",
}

func newAlerts() *alerts {
	a := &alerts{
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sesuai_integrity_failures_total",
			Help: "Stored rows that were read and are not as the program wrote them.",
		}, []string{"table"}),
		log: slog.Default(),
	}
	for _, table := range alertTables {
		a.failures.WithLabelValues(table) // 0 from the start
	}
	return a
}

// altered reports a row of a table. It says nothing of what is in the row.
func (a *alerts) altered(table string) {
	a.failures.WithLabelValues(table).Inc()
	a.log.Error("a stored row is not as it was written", "table", table)
}

// answersUnswept reports that answers are stored for longer than they should be.
func (a *alerts) answersUnswept(err error) {
	a.log.Error("old answers could not be removed", "error", err)
}

// activityUnrecorded reports that the last use of clients, or the refusal of one, is
// not recorded yet.
func (a *alerts) activityUnrecorded(err error) {
	a.log.Error("what clients did could not be recorded", "error", err)
}

// unswept reports that photographs are remembered for longer than they should be.
func (a *alerts) unswept(err error) {
	a.log.Error("old photographs could not be removed", "error", err)
}
