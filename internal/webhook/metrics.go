package webhook

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/sesuai/sesuai/internal/backlog"
)

// Metrics count deliveries. No label says to whom.
type Metrics struct {
	attempts *prometheus.CounterVec
	givenUp  prometheus.Counter
	backlog  prometheus.Collector
}

// NewMetrics returns metrics, all 0.
func NewMetrics(b backlog.Backlog) *Metrics {
	m := &Metrics{
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sesuai_webhook_attempts_total", Help: "Tries to deliver a message to a webhook, by how they ended.",
		}, []string{"outcome"}),
		givenUp: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "sesuai_webhook_given_up_total", Help: "Messages that were given up: not delivered to a webhook for a day, or pending for longer than the log is kept.",
		}),
		backlog: backlog.NewCollector(b, "sesuai_webhook",
			"Messages that are to be delivered to a webhook", "the event of the oldest of them happened"),
	}
	m.attempts.WithLabelValues(string(Delivered))
	for _, f := range Failures {
		m.attempts.WithLabelValues(string(f))
	}
	return m
}

// Observe counts a try: see SenderOptions.
func (m *Metrics) Observe(state State, a Attempt) {
	outcome := string(a.Failure)
	if outcome == "" {
		outcome = string(Delivered)
	}
	m.attempts.WithLabelValues(outcome).Inc()
	if state == GivenUp {
		m.givenUp.Inc()
	}
}

// Expired counts messages that were given up: see SenderOptions.
func (m *Metrics) Expired(n int) { m.givenUp.Add(float64(n)) }

// all are what a Metrics collects.
func (m *Metrics) all() []prometheus.Collector {
	return []prometheus.Collector{m.attempts, m.givenUp, m.backlog}
}

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(d chan<- *prometheus.Desc) {
	for _, c := range m.all() {
		c.Describe(d)
	}
}

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(out chan<- prometheus.Metric) {
	for _, c := range m.all() {
		c.Collect(out)
	}
}
