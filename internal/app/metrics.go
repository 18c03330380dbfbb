package app

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/config"
	"github.com/sesuai/sesuai/internal/httpapi"
)

// MetricsConfig is about metrics in the format of Prometheus.
type MetricsConfig struct {
	// Listen is the address and port of GET /metrics. It is not that of the
	// API, so that the two can be reachable from different networks. Empty
	// means that no metrics are served.
	Listen string `yaml:"listen"`
}

func (c *MetricsConfig) check() error {
	if c.Listen == "" {
		return nil
	}
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		return config.Mistakef("metrics.listen", "%s is neither empty nor an address and port, such as 127.0.0.1:9090", config.Quote(c.Listen))
	}
	return nil
}

// newMetrics is a registry of metrics with those of the process.
func newMetrics() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// serveMetrics serves GET /metrics as c says until the function it returns is
// called, which waits for its end.
func serveMetrics(ctx context.Context, c MetricsConfig, g prometheus.Gatherer, log *slog.Logger) (stop func() error, err error) {
	if c.Listen == "" {
		return func() error { return nil }, nil
	}
	listener, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return nil, &sesuai.Error{
			Kind: sesuai.KindConfiguration, Err: err,
			Detail: fmt.Sprintf("metrics.listen: cannot listen on %s", c.Listen),
		}
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(g, promhttp.HandlerOpts{MaxRequestsInFlight: 4}))
	// It goes on while the service finishes its requests, so ctx's end is not
	// its own.
	serving, cancel := context.WithCancel(context.WithoutCancel(ctx))
	served := make(chan error, 1)
	go func() { served <- httpapi.Serve(serving, listener, mux, log) }()
	log.Info("metrics", "address", listener.Addr().String())
	return func() error {
		cancel()
		return <-served
	}, nil
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
