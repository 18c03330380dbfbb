// Package backlog shows as metrics what is pending in an outbox. It leaves it to its
// callers what that is.
package backlog

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Backlog is what is pending.
type Backlog interface {
	// Pending returns the number of rows that are pending, and the time that the
	// oldest is about.
	Pending(ctx context.Context) (n int64, oldest time.Time, err error)
}

// collectTimeout bounds how long a metric waits for the Backlog.
const collectTimeout = 2 * time.Second

// NewCollector returns the metrics name_pending and name_oldest_seconds of a
// Backlog. what describes the rows that are pending, and since what since when they
// are, such as "the first of them was verified".
func NewCollector(b Backlog, name, what, since string) prometheus.Collector {
	return collector{
		b,
		prometheus.NewDesc(name+"_pending", what+".", nil, nil),
		prometheus.NewDesc(name+"_oldest_seconds", "Seconds since "+since+"; 0 if none is pending.", nil, nil),
	}
}

type collector struct {
	backlog         Backlog
	pending, oldest *prometheus.Desc
}

// Describe implements prometheus.Collector.
func (c collector) Describe(d chan<- *prometheus.Desc) {
	d <- c.pending
	d <- c.oldest
}

// Collect implements prometheus.Collector.
func (c collector) Collect(m chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), collectTimeout)
	defer cancel()
	n, oldest, err := c.backlog.Pending(ctx)
	if err != nil {
		m <- prometheus.NewInvalidMetric(c.pending, errors.New("the outbox cannot be read"))
		return
	}
	age := 0.0
	if n > 0 {
		age = time.Since(oldest).Seconds()
	}
	m <- prometheus.MustNewConstMetric(c.pending, prometheus.GaugeValue, float64(n))
	m <- prometheus.MustNewConstMetric(c.oldest, prometheus.GaugeValue, age)
}
