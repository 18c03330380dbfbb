package app

import (
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/ledger"
	"github.com/sesuai/sesuai/internal/registry"
	"github.com/sesuai/sesuai/internal/registry/dukcapil"
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
	Parallel bool                   `yaml:"parallel"`
	Data     dukcapil.DataConfig    `yaml:"data"`
	Face     dukcapil.FaceConfig    `yaml:"face"`
	TLS      dukcapil.TLSConfig     `yaml:"tls"`
	Retry    dukcapil.RetryConfig   `yaml:"retry"`
	Breaker  dukcapil.BreakerConfig `yaml:"breaker"`
	// InFlight is how many questions may be put to each service at once.
	InFlight int `yaml:"in_flight"`
	// Hours and Maintenance say when neither service is to be called.
	Hours       string `yaml:"hours"`
	Maintenance string `yaml:"maintenance"`
}

// defaultDukcapilDeadline is enough for three tries of the data check and one
// of the face check, and leaves a third of the default of timeouts.request to
// the photograph.
const defaultDukcapilDeadline = 20 * time.Second

func defaultDukcapil() DukcapilConfig {
	d := dukcapil.DefaultConfig()
	return DukcapilConfig{
		Deadline: defaultDukcapilDeadline,
		Data:     d.Data, Face: d.Face, TLS: d.TLS, Retry: d.Retry, Breaker: d.Breaker,
		InFlight: d.InFlight, Hours: d.Hours, Maintenance: d.Maintenance,
	}
}

// client is the client's part.
func (c DukcapilConfig) client() dukcapil.Config {
	return dukcapil.Config{
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
	return c.Dukcapil.client().Validate()
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
	dukcapil *dukcapil.Registry // nil: the store's
}

// OpenRegistry is the registry that c chooses: Dukcapil, or s itself. metrics
// may be nil.
func OpenRegistry(c Config, s Store, log *slog.Logger, metrics prometheus.Registerer) (Registry, error) {
	if !c.Dukcapil.Enabled {
		return Registry{Registry: s}, nil
	}
	account, ok := any(s.Store).(ledger.Ledger)
	if !ok {
		return Registry{}, &sesuai.Error{
			Kind: sesuai.KindConfiguration, Detail: "configuration: dukcapil.enabled: the store keeps no account of calls",
		}
	}
	d, err := dukcapil.New(dukcapil.Options{Config: c.Dukcapil.client(), Ledger: account, Metrics: metrics, Log: log})
	if err != nil {
		return Registry{}, err
	}
	return Registry{Registry: d, dukcapil: d}, nil
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
