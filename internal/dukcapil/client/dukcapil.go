// Package client is the real registry: Dukcapil's data check and face check,
// reached over HTTPS, as a registry.Registry. It turns what they say into
// records and comparisons, and whatever it does not know for certain into "could
// not answer". It must not know who asks or what a verdict is, and nothing of a
// credential, a person or an upstream's body may reach its errors, its log or
// its metrics.
package client

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/dukcapil/ledger"
	"github.com/sesuai/sesuai/internal/registry"
)

// Options are what a Registry is made of. Config and Ledger are required.
type Options struct {
	Config Config
	// Ledger keeps account of every try.
	Ledger ledger.Ledger
	// Price is what a call costs that is made at that moment, in rupiah; nil:
	// nothing.
	Price func(s ledger.Service, at time.Time) int64
	// Forecast says when a quota of which so much is left ends at the pace of
	// today, false if it lasts; nil: no such metric.
	Forecast func(s ledger.Service, left int64) (ends time.Time, ok bool)
	// Metrics gets the metrics; nil: nobody looks.
	Metrics prometheus.Registerer
	// Now is the clock for days, hours and certificates; time.Now if nil.
	Now func() time.Time
	// Log is slog.Default() if nil.
	Log *slog.Logger
}

// Registry is Dukcapil as a registry. It is safe for concurrent use.
//
// Every error that is not sesuai.KindInvalidImage has kind
// sesuai.KindUnavailable and says when another try makes sense. All tries for
// one question share the deadline of its context.
type Registry struct {
	log      *slog.Logger
	metrics  *metrics
	settings settings
	budget   int // of a JPEG, in bytes
	wires    *connector
	data     *service
	face     *service

	dataUser, dataPassword                 *file[string]
	faceCredential, faceUser, facePassword *file[string]
	faceKey                                *file[*rsa.PublicKey]
}

var _ registry.Preparer = (*Registry)(nil)

// New checks the configuration, its files included, and makes a Registry; no
// call is made. The error names the key, below dukcapil, and has kind
// sesuai.KindConfiguration. Close the result.
func New(o Options) (*Registry, error) {
	r, err := newRegistry(o)
	if err != nil {
		return nil, badConfig(err)
	}
	return r, nil
}

func newRegistry(o Options) (*Registry, error) {
	if o.Ledger == nil {
		return nil, errors.New("a ledger is needed")
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
	r := &Registry{log: o.Log, budget: o.Config.Face.ImageBytes}
	var err error
	if r.settings, err = o.Config.read(); err != nil {
		return nil, err
	}
	if r.metrics, err = newMetrics(o.Metrics); err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	if err := r.openFiles(o.Config); err != nil {
		return nil, err
	}
	c := o.Config
	r.wires, err = newConnector(c.TLS, connectorOptions{
		now: o.Now, failed: r.fileFailed,
		connections: c.InFlight, dialTimeout: min(c.Data.Timeout, c.Face.Timeout),
	})
	if err != nil {
		return nil, err
	}
	r.data = &service{
		name: ledger.DataCheck, timeout: c.Data.Timeout, billable: r.settings.dataBillable,
		retried: classSet(Refused, Broken, TimedOut, HTTPStatus, Busy),
	}
	// A face check that has timed out may still be worked on, and is dear:
	// that is not asked for twice.
	r.face = &service{
		name: ledger.FaceCheck, timeout: c.Face.Timeout, billable: r.settings.faceBillable,
		retried: classSet(Refused, Broken, Busy),
	}
	for _, s := range []*service{r.data, r.face} {
		s.wires, s.tries, s.calendar = r.wires, c.Retry, r.settings.calendar
		s.ledger, s.price, s.now, s.log, s.metrics = o.Ledger, o.Price, o.Now, o.Log, r.metrics
		s.start(c.InFlight, c.Breaker)
		if err := s.watch(o.Metrics, o.Forecast); err != nil {
			return nil, fmt.Errorf("metrics: %w", err)
		}
	}
	return r, nil
}

func (r *Registry) openFiles(c Config) (err error) {
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
		if *f.into, err = openFile(f.key, f.path, parseSecret, r.fileFailed); err != nil {
			return err
		}
	}
	r.faceKey, err = openFile("face.public_key_file", c.Face.PublicKeyFile, parsePublicKey, r.fileFailed)
	return err
}

func (r *Registry) fileFailed(key string) {
	r.metrics.files.WithLabelValues(key).Inc()
	r.log.Error("a file has changed and cannot be used; what it held before is", "key", "dukcapil."+key)
}

func classSet(classes ...Class) map[Class]bool {
	set := make(map[Class]bool)
	for _, c := range classes {
		set[c] = true
	}
	return set
}

// Close lets go of idle connections. Nothing may be asked after it.
func (r *Registry) Close() { r.wires.close() }

// Transport makes requests to others whom the same TLSConfig trusts.
func (r *Registry) Transport() http.RoundTripper { return r.wires }

// States says how each service is doing, for the detail of readiness.
func (r *Registry) States() map[ledger.Service]State {
	return map[ledger.Service]State{r.data.name: r.data.state(), r.face.name: r.face.state()}
}

// Check implements registry.Registry by the data check.
func (r *Registry) Check(ctx context.Context, claim sesuai.Claim) (registry.Record, error) {
	release, err := r.data.admit()
	if err != nil {
		return registry.Record{}, err
	}
	defer release()
	wire := &r.settings.data
	var record registry.Record
	disputed := false
	err = r.data.ask(ctx, nil, func() (request, error) {
		user, _ := r.dataUser.get()
		password, _ := r.dataPassword.get()
		body, err := wire.body(claim, user, password)
		return request{r.settings.dataURL, body, func(answer []byte) (got reading) {
			record, got, disputed = wire.read(answer, claim)
			return got
		}}, err
	})
	if err != nil {
		return registry.Record{}, err
	}
	if disputed {
		r.disagree(r.data, "name_threshold")
	}
	return record, nil
}

// disagree notes that the upstream concludes otherwise than this side, which
// goes by the number.
func (r *Registry) disagree(s *service, what string) {
	r.metrics.disagreements.WithLabelValues(string(s.name), what).Inc()
	r.log.Warn("the upstream concludes otherwise from its number", "service", string(s.name), "what", what)
}
