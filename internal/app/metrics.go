package app

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/doctor"
	"github.com/sesuai/sesuai/internal/httpapi"
)

// newMetrics is a registry of metrics with those of the process.
func newMetrics() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// watchClock adds what shows a clock that is wrong.
func watchClock(r prometheus.Registerer, held func() bool) {
	r.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "sesuai_time_seconds", Help: "The clock of this machine, in Unix seconds.",
		}, func() float64 { return float64(time.Now().UnixMicro()) / 1e6 }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "sesuai_retention_held", Help: "1 while nothing is removed for its age, since the clock may be wrong; else 0.",
		}, func() float64 {
			if held() {
				return 1
			}
			return 0
		}),
	)
}

// watchDisks adds how much is free where folders are, by what they are for. One that
// cannot be looked at has 0 free.
func watchDisks(r prometheus.Registerer, folders map[string]string) {
	for name, folder := range folders {
		r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "sesuai_disk_free_bytes", Help: "What may still be written to the file system of a folder.", ConstLabels: prometheus.Labels{"folder": name},
		}, func() float64 {
			free, err := doctor.Free(folder)
			if err != nil {
				return 0
			}
			return float64(free)
		}))
	}
}

// countFailures returns a function that counts the failed attempts to
// authenticate in r.
func countFailures(r prometheus.Registerer) func(access.Failure) {
	return countBy(r, "sesuai_authentication_failures_total", "Requests whose caller was not accepted as a client.", "reason", access.Failures[:])
}

// countRefused returns a function that counts the refused connections in r.
func countRefused(r prometheus.Registerer) func(httpapi.ConnectionLimit) {
	return countBy(r, "sesuai_connections_refused_total", "Connections over a limit.", "limit", httpapi.ConnectionLimits)
}

// countBy registers a counter with one label and returns a function that counts. All
// values of the label are there from the start, with 0.
func countBy[T ~string](r prometheus.Registerer, name, help, label string, values []T) func(T) {
	counter := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{label})
	r.MustRegister(counter)
	for _, v := range values {
		counter.WithLabelValues(string(v))
	}
	return func(v T) { counter.WithLabelValues(string(v)).Inc() }
}
