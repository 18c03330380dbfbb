// Package client is the real registry: Dukcapil's data check and face check,
// called over HTTPS, as a registry.Registry. It turns what they answer into a
// registry.Answer, and everything that it does not understand with certainty into
// "could not answer". It must not know what a verdict is. Nothing of a credential,
// a person or an upstream's body may reach its errors, its log or its metrics.
package client

import (
	"crypto/rsa"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sesuai/sesuai/internal/dukcapil/ledger"
	"github.com/sesuai/sesuai/internal/registry"
)

// Options are the settings and parts of a Registry. Config and CallLog are
// required.
type Options struct {
	Config Config
	// CallLog records every try.
	CallLog ledger.CallLog
	// Price is the price in rupiah of a call made at that time; nil: 0.
	Price func(s ledger.Service, at time.Time) int64
	// Forecast returns when a quota of which left remains is used up at today's
	// pace, false if it lasts; nil: there is no such metric.
	Forecast func(s ledger.Service, left int64) (ends time.Time, ok bool)
	// Metrics registers the metrics; nil: they are not registered anywhere.
	Metrics prometheus.Registerer
	// Now is the clock for days, hours and certificates; time.Now if nil.
	Now func() time.Time
	// Log is slog.Default() if nil.
	Log *slog.Logger
}

// Registry is Dukcapil as a registry. It is safe for concurrent use.
//
// Every error has kind sesuai.KindUnavailable and says when to try again, except
// that of a photograph that the upstream cannot use: it has kind
// sesuai.KindInvalidImage. All tries of one question share the deadline of its
// context.
type Registry struct {
	log      *slog.Logger
	metrics  *metrics
	settings settings
	parallel bool
	budget   int // of a JPEG, in bytes
	wires    *connector
	data     *service
	face     *service

	dataUser, dataPassword                 *file[string]
	faceCredential, faceUser, facePassword *file[string]
	faceKey                                *file[*rsa.PublicKey]
}

var _ registry.Registry = (*Registry)(nil)

// New checks the configuration and its files and makes a Registry, without
// calling the upstream. An error names the key, below dukcapil, and has kind
// sesuai.KindConfiguration. Close the result.
func New(o Options) (*Registry, error) {
	r, err := newRegistry(o)
	if err != nil {
		return nil, badConfig(err)
	}
	return r, nil
}

func newRegistry(o Options) (*Registry, error) {
	if o.CallLog == nil {
		return nil, errors.New("a call log is needed")
	}
	if o.Price == nil {
		o.Price = func(ledger.Service, time.Time) int64 { return 0 }
	}
	if o.Metrics == nil {
		o.Metrics = prometheus.NewRegistry()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	r := &Registry{log: o.Log, parallel: o.Config.Parallel, budget: o.Config.Face.ImageBytes}
	var err error
	if r.metrics, err = newMetrics(o.Metrics); err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	if err := r.configure(o); err != nil {
		return nil, err
	}
	c := o.Config
	r.data = &service{
		name: ledger.DataCheck, timeout: c.Data.Timeout, billable: r.settings.dataBillable,
		retried: classSet(Refused, Broken, TimedOut, HTTPStatus, Busy),
	}
	// A face check that timed out may still be in progress upstream, and it is
	// expensive: it is not tried again.
	r.face = &service{
		name: ledger.FaceCheck, timeout: c.Face.Timeout, billable: r.settings.faceBillable,
		retried: classSet(Refused, Broken, Busy),
	}
	for _, s := range []*service{r.data, r.face} {
		s.wires, s.tries, s.calendar = r.wires, c.Retry, r.settings.calendar
		s.calls, s.price, s.now, s.log, s.metrics = o.CallLog, o.Price, o.Now, o.Log, r.metrics
		s.open(c.InFlight, c.Breaker)
		if err := s.watch(o.Metrics, o.Forecast); err != nil {
			return nil, fmt.Errorf("metrics: %w", err)
		}
	}
	return r, nil
}

// configure reads the configuration and opens its files. It reports all that is
// wrong.
func (r *Registry) configure(o Options) (err error) {
	c := o.Config
	var errs [3]error
	r.settings, errs[0] = c.read()
	errs[1] = r.openFiles(c)
	r.wires, errs[2] = newConnector(c.TLS, connectorOptions{
		now: o.Now, failed: r.fileFailed,
		connections: c.InFlight, dialTimeout: min(c.Data.Timeout, c.Face.Timeout),
	})
	return errors.Join(errs[:]...)
}

func (r *Registry) openFiles(c Config) error {
	var errs []error
	var err error
	for _, f := range []struct {
		into      **file[string]
		key, path string
	}{
		{&r.dataUser, "data.user_file", c.Data.UserFile},
		{&r.dataPassword, "data.password_file", c.Data.PasswordFile},
		{&r.faceCredential, "face.credential_file", c.Face.CredentialFile},
		{&r.faceUser, "face.user_file", c.Face.UserFile},
		{&r.facePassword, "face.password_file", c.Face.PasswordFile},
	} {
		*f.into, err = openFile(f.key, f.path, parseSecret, r.fileFailed)
		errs = append(errs, err)
	}
	r.faceKey, err = openFile("face.public_key_file", c.Face.PublicKeyFile, parsePublicKey, r.fileFailed)
	return errors.Join(append(errs, err)...)
}

func (r *Registry) fileFailed(key string) {
	r.metrics.files.WithLabelValues(key).Inc()
	r.log.Error("a changed file cannot be used; its earlier content stays in use", "key", "dukcapil."+key)
}

func classSet(classes ...Class) map[Class]bool {
	set := make(map[Class]bool)
	for _, c := range classes {
		set[c] = true
	}
	return set
}

// Close closes idle connections. Do not call Ask after it.
func (r *Registry) Close() { r.wires.close() }

// Transport makes requests to other hosts under the same TLSConfig.
func (r *Registry) Transport() http.RoundTripper { return r.wires }

// States returns the state of each service, for the detail of readiness.
func (r *Registry) States() map[ledger.Service]State {
	return map[ledger.Service]State{r.data.name: r.data.state(), r.face.name: r.face.state()}
}
