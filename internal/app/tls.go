package app

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"net/netip"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sesuai/sesuai/internal/config"
	"github.com/sesuai/sesuai/internal/httpapi"
	"github.com/sesuai/sesuai/internal/tlsfile"
)

// TLSConfig is about TLS on listen (docs/operate/tls.md).
type TLSConfig struct {
	// Cert is the path of the certificate, followed by those of the authorities between
	// it and the root, in PEM. It is read again when it changes, and on SIGHUP. Empty
	// means HTTP without TLS.
	Cert string `yaml:"cert"`
	// Key is the path of the key of the certificate, in PEM. Only the user that sesuai
	// runs as should be able to read it.
	Key string `yaml:"key"`
	// ClientCertificates is whether clients show certificates: off; optional, where those
	// that a client is bound to count ("sesuai client set --certificate"); or required,
	// where nobody is served without one, health included.
	ClientCertificates string `yaml:"client_certificates"`
	// ClientCA is the path of the authorities that client certificates must be signed by,
	// in PEM. Empty accepts any certificate: then only the keys count that clients are
	// bound to. It is needed where client_certificates is required.
	ClientCA string `yaml:"client_ca"`
}

// ProxiesConfig is about the proxies in front of the service.
type ProxiesConfig struct {
	// Networks are the networks of the proxies, separated by commas, such as
	// 10.20.0.0/16. They are trusted to name the caller, whose address then counts for
	// the networks of clients and for wrong credentials, and
	// limits.connections_per_address is no limit of theirs. Empty trusts none.
	Networks string `yaml:"networks"`
	// Header is the header in which they name the caller: X-Forwarded-For or Forwarded.
	// The other one is never read, since a proxy may pass on what a caller wrote there.
	Header string `yaml:"header"`
}

const (
	clientCertificatesOff      = "off"
	clientCertificatesOptional = "optional"
	clientCertificatesRequired = "required"
)

func (c *TLSConfig) on() bool { return c.Cert != "" }

func (c *TLSConfig) check() error {
	var errs []error
	mistake := func(key, why string) { errs = append(errs, config.Mistakef("tls."+key, "%s", why)) }
	if (c.Cert == "") != (c.Key == "") {
		mistake("cert", "tls.cert and tls.key are given together")
	}
	switch c.ClientCertificates {
	case clientCertificatesOff:
		if c.ClientCA != "" {
			mistake("client_ca", "it has no effect while tls.client_certificates is off")
		}
	case clientCertificatesOptional, clientCertificatesRequired:
		if !c.on() {
			mistake("client_certificates", "tls.cert and tls.key are needed")
		}
		if c.ClientCertificates == clientCertificatesRequired && c.ClientCA == "" {
			mistake("client_certificates", "tls.client_ca is needed where certificates are required")
		}
	default:
		mistake("client_certificates", config.Quote(c.ClientCertificates)+" is not off, optional or required")
	}
	return errors.Join(errs...)
}

// clientAuth is what a handshake asks of callers.
func (c *TLSConfig) clientAuth() tls.ClientAuthType {
	switch {
	case c.ClientCertificates == clientCertificatesRequired:
		return tls.RequireAndVerifyClientCert
	case c.ClientCertificates == clientCertificatesOptional && c.ClientCA != "":
		return tls.VerifyClientCertIfGiven
	case c.ClientCertificates == clientCertificatesOptional:
		return tls.RequestClientCert
	default:
		return tls.NoClientCert
	}
}

// open reads the files. It returns nil if TLS is off.
func (c *TLSConfig) open(loaded func(*x509.Certificate), failed func(error)) (*tlsfile.Files, error) {
	if !c.on() {
		return nil, nil
	}
	files, err := tlsfile.Open(tlsfile.Options{
		Cert: c.Cert, Key: c.Key, ClientCA: c.ClientCA, ClientAuth: c.clientAuth(), Loaded: loaded, Failed: failed,
	})
	return files, config.Refuse(config.About("tls.cert", err))
}

// openTLS is TLSConfig.open with metrics and the log.
func openTLS(c TLSConfig, log *slog.Logger, metrics prometheus.Registerer) (*tlsfile.Files, error) {
	if !c.on() {
		return nil, nil
	}
	expiry := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "sesuai_tls_certificate_not_after_seconds", Help: "When the certificate of the API ends, in seconds since 1970.",
	})
	failures := prometheus.NewCounter(prometheus.CounterOpts{
		Name: "sesuai_tls_reload_failures_total", Help: "Times that changed files of tls could not be used, and what was read before stayed in force.",
	})
	if err := errors.Join(metrics.Register(expiry), metrics.Register(failures)); err != nil {
		return nil, err
	}
	return c.open(func(leaf *x509.Certificate) {
		expiry.Set(float64(leaf.NotAfter.Unix()))
		log.Info("certificate", "not_after", leaf.NotAfter)
	}, func(err error) {
		failures.Inc()
		log.Error("the changed files of tls cannot be used; what was read before stays in force", "error", err)
	})
}

// hsts has browsers use TLS alone for a year (RFC 6797).
const hsts = "max-age=31536000"

// furtherHeader returns the further headers of every response.
func furtherHeader(c TLSConfig, asSandbox bool) http.Header {
	all := make(http.Header)
	maps.Copy(all, sandboxHeader(asSandbox))
	if c.on() {
		all.Set("Strict-Transport-Security", hsts)
	}
	return all
}

func (c *ProxiesConfig) check() error {
	_, err := c.proxies()
	return err
}

// proxies returns the proxies that are trusted. The error joins a config.Mistake for
// each network.
func (c *ProxiesConfig) proxies() (httpapi.Proxies, error) {
	p := httpapi.Proxies{Header: httpapi.ProxyHeader(c.Header)}
	var errs []error
	if p.Header != httpapi.XForwardedFor && p.Header != httpapi.Forwarded {
		errs = append(errs, config.Mistakef("proxies.header", "%s is not X-Forwarded-For or Forwarded", config.Quote(c.Header)))
	}
	for text := range strings.SplitSeq(c.Networks, ",") {
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		network, err := netip.ParsePrefix(text)
		if err != nil || network.Masked() != network || network.Addr().Is4In6() {
			errs = append(errs, config.Mistakef("proxies.networks", "%s is not a network such as 10.20.0.0/16", config.Quote(text)))
			continue
		}
		p.Networks = append(p.Networks, network)
	}
	return p, errors.Join(errs...)
}
