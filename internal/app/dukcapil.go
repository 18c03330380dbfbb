package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sesuai/sesuai/internal/config"
	"github.com/sesuai/sesuai/internal/dukcapil/balikan"
	"github.com/sesuai/sesuai/internal/dukcapil/client"
	"github.com/sesuai/sesuai/internal/dukcapil/ledger"
	"github.com/sesuai/sesuai/internal/registry"
)

// DukcapilConfig is about the real registry: Dukcapil's web services.
type DukcapilConfig struct {
	// Enabled verifies against Dukcapil instead of the people on record here.
	// The audit trail and the clients stay in the database.
	Enabled bool `yaml:"enabled"`
	// Deadline is the time for both services within one verification, all tries
	// together. It takes the place of timeouts.registry and must not be longer
	// than timeouts.request. The default is enough for three tries of the data
	// check and one of the face check.
	Deadline      time.Duration `yaml:"deadline" range:"100ms,1h"`
	client.Config `yaml:",inline"`
	// Prices are the prices of a call in rupiah, by the day from which they
	// hold, Jakarta time. Entries are separated by commas and in the order of
	// their days; each names every service. Add new prices before their day:
	// docs/operate/dukcapil-cost.md.
	Prices string `yaml:"prices"`
	// KeepLog is how long the call log and delivered rows of the outbox are kept, in
	// whole days. They have ids of requests and nothing of a person, and bills and the
	// half-yearly reports are made of them. 0 keeps them for ever.
	KeepLog time.Duration  `yaml:"keep_log" range:"0s,876000h"`
	Balikan balikan.Config `yaml:"balikan"`
}

func defaultDukcapil() DukcapilConfig {
	return DukcapilConfig{
		Deadline: 20 * time.Second, // a third of timeouts.request is left for the photograph
		Config:   client.DefaultConfig(),
		Prices:   ledger.DefaultPrices,
		Balikan:  balikan.DefaultConfig(),
	}
}

// returns reports whether data of verified people are returned.
func (c DukcapilConfig) returns() bool { return c.Enabled && c.Balikan.URL != "" }

// checkDukcapil checks the section without opening a file. One that is not
// enabled may be incomplete.
func (c *Config) checkDukcapil() error {
	if !c.Dukcapil.Enabled {
		return nil
	}
	errs := []error{c.Dukcapil.Validate(), c.Dukcapil.Balikan.Validate()}
	if c.Dukcapil.Deadline > c.Times.Request {
		errs = append(errs, config.Mistakef("dukcapil.deadline", "%s is longer than timeouts.request (%s)", c.Dukcapil.Deadline, c.Times.Request))
	}
	prices, err := c.Dukcapil.prices()
	if err == nil {
		err = config.About("dukcapil.prices", prices.Cover(time.Now()))
	}
	return errors.Join(append(errs, err)...)
}

func (c DukcapilConfig) prices() (ledger.Prices, error) {
	prices, err := ledger.ParsePrices(c.Prices)
	return prices, config.Refuse(config.About("dukcapil.prices", err))
}

// Inquiry is what a verification asks.
type Inquiry struct {
	// Registry describes the registry.
	Registry string
	// Prices says what it may cost; "" if it costs nothing.
	Prices string
}

// InquiryOf says whom a verification asks by c, and what it costs today. A try that
// is repeated is priced again. The error has kind sesuai.KindConfiguration.
func InquiryOf(c Config, now time.Time) (Inquiry, error) {
	if !c.Dukcapil.Enabled {
		place := "in " + c.Data
		if c.Registry != "" {
			place = "in PostgreSQL"
		}
		return Inquiry{Registry: "the people on record " + place}, nil
	}
	prices, err := c.Dukcapil.prices()
	if err != nil {
		return Inquiry{}, err
	}
	data, face := prices.At(ledger.DataCheck, now), prices.At(ledger.FaceCheck, now)
	return Inquiry{
		Registry: "Dukcapil at " + c.Dukcapil.Data.URL,
		Prices:   fmt.Sprintf("up to Rp%d (data check Rp%d, face check Rp%d)", data+face, data, face),
	}, nil
}

// Registry is the registry that verifications ask. Close it.
type Registry struct {
	registry.Registry
	dukcapil *client.Registry // nil: the store's
}

// OpenRegistry opens the registry that c chooses: Dukcapil, or s itself.
// metrics may be nil.
func OpenRegistry(c Config, s *Storage, log *slog.Logger, metrics prometheus.Registerer) (Registry, error) {
	if !c.Dukcapil.Enabled {
		return Registry{Registry: s.People}, nil
	}
	prices, err := c.Dukcapil.prices()
	if err != nil {
		return Registry{}, err
	}
	d, err := client.New(client.Options{
		Config: c.Dukcapil.Config, CallLog: s.calls, Price: prices.At, Forecast: s.forecast, Metrics: metrics, Log: log,
	})
	if err != nil {
		return Registry{}, err
	}
	return Registry{Registry: d, dukcapil: d}, nil
}

// forecastTimeout is how long a metric waits for today's calls to be counted.
const forecastTimeout = 2 * time.Second

// forecast is when a quota ends, by the calls that were made today.
func (s *Storage) forecast(service ledger.Service, left int64) (time.Time, bool) {
	ctx, cancel := context.WithTimeout(context.Background(), forecastTimeout)
	defer cancel()
	now := time.Now()
	today, err := s.calls.Today(ctx, now)
	if err != nil {
		return time.Time{}, false
	}
	return ledger.Forecast(left, today[service], now)
}

// openSender opens the sender of returned data, and registers metrics of what
// is yet to be returned. It is nil if nothing is to be returned.
func openSender(c Config, s *Storage, r Registry, log *slog.Logger, metrics prometheus.Registerer) (*balikan.Sender, error) {
	if !c.Dukcapil.returns() {
		return nil, nil
	}
	sender, err := balikan.New(balikan.Options{
		Config: c.Dukcapil.Balikan, Outbox: s.outbox, Client: &http.Client{Transport: r.dukcapil.Transport()}, Log: log,
	})
	if err != nil {
		return nil, err
	}
	return sender, metrics.Register(balikan.NewCollector(s.outbox))
}

// Detail says how the upstream's services are doing, for readiness; nil if
// there is no upstream.
func (r Registry) Detail() any {
	if r.dukcapil == nil {
		return nil
	}
	return map[string]any{"dukcapil": r.dukcapil.States()}
}

// Close closes what the registry holds besides the store.
func (r Registry) Close() {
	if r.dukcapil != nil {
		r.dukcapil.Close()
	}
}
