package audit

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

var (
	brokenDesc = prometheus.NewDesc("sesuai_audit_broken",
		"1 if the last check found the audit trail, or what it describes, broken; else 0.", nil, nil)
	recordedDesc = prometheus.NewDesc("sesuai_audit_recorded_seq",
		"The number of the last event of the audit trail that this process knows.", nil, nil)
	verifiedDesc = prometheus.NewDesc("sesuai_audit_verified_seq",
		"The number of the last event of the audit trail that was verified.", nil, nil)
	checkedDesc = prometheus.NewDesc("sesuai_audit_checked_timestamp_seconds",
		"When the audit trail was last checked, in Unix seconds.", nil, nil)
	checkpointDesc = prometheus.NewDesc("sesuai_audit_checkpoint_timestamp_seconds",
		"The time of the last checkpoint of the audit trail that was written, in Unix seconds.", []string{"sink"}, nil)
	failuresDesc = prometheus.NewDesc("sesuai_audit_checkpoint_failures_total",
		"How often a checkpoint of the audit trail could not be written.", []string{"sink"}, nil)
)

// Describe implements prometheus.Collector.
func (c *Checker) Describe(d chan<- *prometheus.Desc) {
	d <- brokenDesc
	d <- recordedDesc
	d <- verifiedDesc
	d <- checkedDesc
	d <- checkpointDesc
	d <- failuresDesc
}

// Collect implements prometheus.Collector.
func (c *Checker) Collect(m chan<- prometheus.Metric) {
	c.status.Lock()
	defer c.status.Unlock()
	broken := 0.0
	if c.status.broken != nil {
		broken = 1
	}
	m <- prometheus.MustNewConstMetric(brokenDesc, prometheus.GaugeValue, broken)
	m <- prometheus.MustNewConstMetric(recordedDesc, prometheus.GaugeValue, float64(max(c.o.Trail.lastSeen().Seq, c.status.seq)))
	m <- prometheus.MustNewConstMetric(verifiedDesc, prometheus.GaugeValue, float64(c.status.seq))
	m <- prometheus.MustNewConstMetric(checkedDesc, prometheus.GaugeValue, unixSeconds(c.status.checked))
	for _, o := range c.publisher.outlets {
		o.mu.Lock()
		m <- prometheus.MustNewConstMetric(checkpointDesc, prometheus.GaugeValue, unixSeconds(o.written), o.sink.Name())
		m <- prometheus.MustNewConstMetric(failuresDesc, prometheus.CounterValue, float64(o.failures), o.sink.Name())
		o.mu.Unlock()
	}
}

// unixSeconds returns a time in Unix seconds; 0 for the zero time.
func unixSeconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMicro()) / 1e6
}
