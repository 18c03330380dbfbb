package balikan

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Backlog is the number of rows that are pending. Store implements it.
type Backlog interface {
	// Pending returns the number of people whose data have not been delivered,
	// and when the first of them was verified.
	Pending(ctx context.Context) (n int64, oldest time.Time, err error)
}

// collectTimeout bounds how long a metric waits for the Backlog.
const collectTimeout = 2 * time.Second

// NewCollector returns the metrics of a Backlog.
func NewCollector(b Backlog) prometheus.Collector { return collector{b} }

type collector struct{ backlog Backlog }

var (
	pendingCount = prometheus.NewDesc("sesuai_balikan_pending",
		"Verified people whose data have not been delivered.", nil, nil)
	oldestAge = prometheus.NewDesc("sesuai_balikan_oldest_seconds",
		"Seconds since the first of them was verified; 0 if none is pending.", nil, nil)
)

// Describe implements prometheus.Collector.
func (collector) Describe(d chan<- *prometheus.Desc) {
	d <- pendingCount
	d <- oldestAge
}

// Collect implements prometheus.Collector.
func (c collector) Collect(m chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), collectTimeout)
	defer cancel()
	n, oldest, err := c.backlog.Pending(ctx)
	if err != nil {
		m <- prometheus.NewInvalidMetric(pendingCount, errors.New("the outbox cannot be read"))
		return
	}
	age := 0.0
	if n > 0 {
		age = time.Since(oldest).Seconds()
	}
	m <- prometheus.MustNewConstMetric(pendingCount, prometheus.GaugeValue, float64(n))
	m <- prometheus.MustNewConstMetric(oldestAge, prometheus.GaugeValue, age)
}
