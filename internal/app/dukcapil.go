package app

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sesuai/sesuai/internal/dukcapil/balikan"
	"github.com/sesuai/sesuai/internal/dukcapil/client"
	"github.com/sesuai/sesuai/internal/dukcapil/ledger"
	"github.com/sesuai/sesuai/internal/registry"
)

// DukcapilConfig is about the real registry: Dukcapil's web services. What its
// keys mean is in docs/dukcapil.md.
type DukcapilConfig struct {
	// Enabled asks Dukcapil instead of the registry in the store. The store
	// keeps the audit trail and the clients as ever.
	Enabled bool `yaml:"enabled"`
	// Deadline is what both services may take for one verification, all tries
	// together.
	Deadline time.Duration `yaml:"deadline"`
	// Parallel makes the face check at the same time as the data check: it
	// saves time, and costs a face check for those who are not found or not
	// active.
	Parallel bool                 `yaml:"parallel"`
	Data     client.DataConfig    `yaml:"data"`
	Face     client.FaceConfig    `yaml:"face"`
	TLS      client.TLSConfig     `yaml:"tls"`
	Retry    client.RetryConfig   `yaml:"retry"`
	Breaker  client.BreakerConfig `yaml:"breaker"`
	// InFlight is how many questions may be put to each service at once.
	InFlight int `yaml:"in_flight"`
	// Hours and Maintenance say when neither service is to be called.
	Hours       string `yaml:"hours"`
	Maintenance string `yaml:"maintenance"`
	// Prices are what calls cost from which day on.
	Prices  string        `yaml:"prices"`
	Balikan BalikanConfig `yaml:"balikan"`
}

// BalikanConfig is about the data that are returned for each person who was
// verified (data balikan).
type BalikanConfig struct {
	// URL is where to return them to, https alone; empty: nothing is returned,
	// nor noted to be.
	URL string `yaml:"url"`
	// TokenFile is the path of the bearer token's file.
	TokenFile string `yaml:"token_file"`
	// InstitutionID and InstitutionName are the institution's, as Dukcapil
	// knows it.
	InstitutionID   string `yaml:"institution_id"`
	InstitutionName string `yaml:"institution_name"`
	// Batch is how many people are returned at once, at most.
	Batch int `yaml:"batch"`
	// Interval is how often is looked whether there is anything to return.
	Interval time.Duration `yaml:"interval"`
}

// defaultDukcapilDeadline is enough for three tries of the data check and one
// of the face check, and leaves a third of the default of timeouts.request to
// the photograph.
const defaultDukcapilDeadline = 20 * time.Second

func defaultDukcapil() DukcapilConfig {
	d := client.DefaultConfig()
	return DukcapilConfig{
		Deadline: defaultDukcapilDeadline,
		Data:     d.Data, Face: d.Face, TLS: d.TLS, Retry: d.Retry, Breaker: d.Breaker,
		InFlight: d.InFlight, Hours: d.Hours, Maintenance: d.Maintenance,
		Prices:  ledger.DefaultPrices,
		Balikan: BalikanConfig{Batch: balikan.DefaultBatch, Interval: balikan.DefaultInterval},
	}
}

// returns is whether there is anything to return for who is verified.
func (c DukcapilConfig) returns() bool { return c.Enabled && c.Balikan.URL != "" }

// client is the client's part.
func (c DukcapilConfig) client() client.Config {
	return client.Config{
		Data: c.Data, Face: c.Face, TLS: c.TLS, Retry: c.Retry, Breaker: c.Breaker,
		InFlight: c.InFlight, Hours: c.Hours, Maintenance: c.Maintenance,
	}
}

// checkDukcapil checks the section without opening a file. One that is not
// enabled need not be complete.
func (c *Config) checkDukcapil() error {
	if s := c.Dukcapil.Deadline.Seconds(); s < 0.1 || s > 3600 {
		return badConfig("dukcapil.deadline (seconds) must be from 0.1 to 3600")
	}
	if !c.Dukcapil.Enabled {
		return nil
	}
	if c.Dukcapil.Deadline > c.Times.Request {
		return badConfig("dukcapil.deadline must not be longer than timeouts.request")
	}
	if err := c.Dukcapil.checkCost(time.Now()); err != nil {
		return err
	}
	return c.Dukcapil.client().Validate()
}

// checkCost checks what is about prices and returns.
func (c DukcapilConfig) checkCost(now time.Time) error {
	prices, err := ledger.ParsePrices(c.Prices)
	if err == nil {
		err = prices.Cover(now)
	}
	if err != nil {
		return badConfig("dukcapil.prices: %v", err)
	}
	switch b := c.Balikan; {
	case b.URL == "":
		return nil
	case !strings.HasPrefix(b.URL, "https://"):
		return badConfig("dukcapil.balikan.url: a URL that begins with https:// is needed")
	case b.TokenFile == "" || b.InstitutionID == "" || b.InstitutionName == "":
		return badConfig("dukcapil.balikan: token_file, institution_id and institution_name are needed with url")
	case b.Batch < 1 || b.Batch > 10_000:
		return badConfig("dukcapil.balikan.batch must be from 1 to 10000")
	case b.Interval < 100*time.Millisecond || b.Interval > time.Hour:
		return badConfig("dukcapil.balikan.interval (seconds) must be from 0.1 to 3600")
	}
	return nil
}

// CheckFiles checks the files that the configuration names and that need
// nothing but reading: those of dukcapil, if it is enabled. The error is one of
// kind sesuai.KindConfiguration and names the key.
func CheckFiles(c Config) error {
	if !c.Dukcapil.Enabled {
		return nil
	}
	return c.Dukcapil.client().Check()
}

// Registry is the one that answers about claims. Close it.
type Registry struct {
	registry.Registry
	dukcapil *client.Registry // nil: the store's
}

// OpenRegistry is the registry that c chooses: Dukcapil, or s itself. metrics
// may be nil.
func OpenRegistry(c Config, s Store, log *slog.Logger, metrics prometheus.Registerer) (Registry, error) {
	if !c.Dukcapil.Enabled {
		return Registry{Registry: s}, nil
	}
	prices, err := ledger.ParsePrices(c.Dukcapil.Prices)
	if err != nil {
		return Registry{}, badConfig("dukcapil.prices: %v", err)
	}
	d, err := client.New(client.Options{
		Config: c.Dukcapil.client(), Ledger: s, Price: prices.At, Forecast: s.forecast, Metrics: metrics, Log: log,
	})
	if err != nil {
		return Registry{}, err
	}
	return Registry{Registry: d, dukcapil: d}, nil
}

// watchTimeout bounds what a metric that is counted in the store waits for it.
const watchTimeout = 2 * time.Second

// forecast is when a quota ends, by the account of today's calls.
func (s Store) forecast(service ledger.Service, left int64) (time.Time, bool) {
	ctx, cancel := context.WithTimeout(context.Background(), watchTimeout)
	defer cancel()
	today, err := s.Today(ctx)
	if err != nil {
		return time.Time{}, false
	}
	return ledger.Forecast(left, today[service], time.Now())
}

// openSender is what returns data for people who are verified, and metrics of
// what is yet to be returned; nil if there is nothing to.
func openSender(c Config, s Store, r Registry, log *slog.Logger, metrics prometheus.Registerer) (*balikan.Sender, error) {
	if !c.Dukcapil.returns() {
		return nil, nil
	}
	b := c.Dukcapil.Balikan
	sender, err := balikan.New(balikan.Options{
		Outbox: s, URL: b.URL, TokenFile: b.TokenFile, InstitutionID: b.InstitutionID, InstitutionName: b.InstitutionName,
		Batch: b.Batch, Interval: b.Interval, Client: &http.Client{Transport: r.dukcapil.Transport()}, Log: log,
	})
	if err != nil {
		return nil, err
	}
	return sender, metrics.Register(outstanding{s})
}

// outstanding are the metrics of what is yet to be returned.
type outstanding struct{ s Store }

var (
	outstandingCount = prometheus.NewDesc("sesuai_balikan_outstanding",
		"People who were verified and whose data are not returned yet.", nil, nil)
	outstandingAge = prometheus.NewDesc("sesuai_balikan_oldest_seconds",
		"How long ago the first of them was verified; 0 if there is none.", nil, nil)
)

// Describe implements prometheus.Collector.
func (outstanding) Describe(d chan<- *prometheus.Desc) {
	d <- outstandingCount
	d <- outstandingAge
}

// Collect implements prometheus.Collector.
func (o outstanding) Collect(m chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), watchTimeout)
	defer cancel()
	n, oldest, err := o.s.Outstanding(ctx)
	if err != nil {
		m <- prometheus.NewInvalidMetric(outstandingCount, errors.New("the store does not answer"))
		return
	}
	age := 0.0
	if n > 0 {
		age = time.Since(oldest).Seconds()
	}
	m <- prometheus.MustNewConstMetric(outstandingCount, prometheus.GaugeValue, float64(n))
	m <- prometheus.MustNewConstMetric(outstandingAge, prometheus.GaugeValue, age)
}

// Detail says how an upstream is doing, for readiness; nil if there is none.
func (r Registry) Detail() any {
	if r.dukcapil == nil {
		return nil
	}
	return map[string]any{"dukcapil": r.dukcapil.States()}
}

// Close lets go of what the registry holds beside the store.
func (r Registry) Close() {
	if r.dukcapil != nil {
		r.dukcapil.Close()
	}
}
