package balikan

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/sesuai/sesuai/internal/backlog"
)

// NewCollector returns the metrics of an outbox: how many people's data are pending.
func NewCollector(b backlog.Backlog) prometheus.Collector {
	return backlog.NewCollector(b, "sesuai_balikan",
		"Verified people whose data have not been delivered", "the first of them was verified")
}
