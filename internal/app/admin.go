package app

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/admin"
	"github.com/sesuai/sesuai/internal/config"
	"github.com/sesuai/sesuai/internal/httpapi"
)

// AdminConfig is about what only operators may reach: metrics in the format of
// Prometheus (/metrics), health (/healthz, /readyz), the level of the log (/loglevel)
// and profiles (/debug/pprof/).
type AdminConfig struct {
	// Listen is the address and port of the admin listener. It has no credentials and
	// speaks HTTP: choose an address that only operators reach. Empty means that there
	// is none.
	Listen string `yaml:"listen"`
	// Profiles serves the profiles of the running program under /debug/pprof/.
	Profiles bool `yaml:"profiles"`
}

func (c *AdminConfig) check() error {
	if c.Listen == "" {
		return nil
	}
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		return config.Mistakef("admin.listen", "%s is neither empty nor an address and port, such as 127.0.0.1:9090", config.Quote(c.Listen))
	}
	return nil
}

// serveAdmin serves the admin listener as c says until the function it returns is
// called, which waits for its end.
func serveAdmin(ctx context.Context, c AdminConfig, o ServeOptions, health http.Handler, metrics prometheus.Gatherer) (stop func() error, err error) {
	if c.Listen == "" {
		return func() error { return nil }, nil
	}
	listener, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return nil, &sesuai.Error{
			Kind: sesuai.KindConfiguration, Err: err,
			Detail: fmt.Sprintf("admin.listen: cannot listen on %s", c.Listen),
		}
	}
	level := o.Level
	if level == nil {
		level = new(slog.LevelVar)
	}
	h := admin.New(admin.Options{
		Metrics: promhttp.HandlerFor(metrics, promhttp.HandlerOpts{MaxRequestsInFlight: 4, EnableOpenMetrics: true}),
		Health:  health, Level: level, Profiles: c.Profiles, Log: o.Log,
	})
	// It goes on while the service finishes its requests, so ctx's end is not
	// its own.
	serving, cancel := context.WithCancel(context.WithoutCancel(ctx))
	served := make(chan error, 1)
	go func() { served <- httpapi.Serve(serving, listener, h, o.Log) }()
	o.Log.Info("admin", "address", listener.Addr().String())
	return func() error {
		cancel()
		return <-served
	}, nil
}
