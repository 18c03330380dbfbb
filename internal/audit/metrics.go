package audit

import "github.com/prometheus/client_golang/prometheus"

var (
	brokenDesc = prometheus.NewDesc("sesuai_audit_broken",
		"1 if the last check found the audit trail, or what it describes, broken; else 0.", nil, nil)
	verifiedDesc = prometheus.NewDesc("sesuai_audit_verified_seq",
		"The number of the last event of the audit trail that was verified.", nil, nil)
	checkedDesc = prometheus.NewDesc("sesuai_audit_checked_timestamp_seconds",
		"When the audit trail was last checked, in Unix seconds.", nil, nil)
)

// Describe implements prometheus.Collector.
func (c *Checker) Describe(d chan<- *prometheus.Desc) {
	d <- brokenDesc
	d <- verifiedDesc
	d <- checkedDesc
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
	m <- prometheus.MustNewConstMetric(verifiedDesc, prometheus.GaugeValue, float64(c.status.seq))
	checked := 0.0
	if !c.status.checked.IsZero() {
		checked = float64(c.status.checked.UnixMicro()) / 1e6
	}
	m <- prometheus.MustNewConstMetric(checkedDesc, prometheus.GaugeValue, checked)
}
