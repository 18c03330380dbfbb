// Package otlp exports spans to a collector by the OpenTelemetry protocol over HTTP. It
// is the only package that knows OpenTelemetry: what a span is about it leaves to its
// callers.
package otlp

import (
	"fmt"
	"net/netip"
	"net/url"

	"github.com/sesuai/sesuai/internal/config"
)

// Config is the section telemetry of the configuration.
type Config struct {
	// OTLPEndpoint is the URL to which traces are sent by OTLP over HTTP (protobuf),
	// such as http://127.0.0.1:4318/v1/traces. http with a headers_file is accepted for
	// this machine only. Empty means that there are no traces
	// (docs/operate/telemetry.md).
	OTLPEndpoint string `yaml:"otlp_endpoint"`
	// HeadersFile is the path of a file with the headers of each export, a line
	// "Name: value" for each, readable only by its owner. It is read at the start.
	// Empty means that there are none.
	HeadersFile string `yaml:"headers_file"`
	// CAFile is the path of the certificates (PEM) of the authorities that may
	// have signed the collector's. Empty means those of the system.
	CAFile string `yaml:"ca_file"`
	// SampleRatio is the share of requests that are traced.
	SampleRatio float64 `yaml:"sample_ratio" range:"0,1"`
	// TrustParent continues the trace of a caller's traceparent header, and samples as
	// that says. Set it only if all callers are trusted: with false the header is
	// ignored.
	TrustParent bool `yaml:"trust_parent"`
}

// DefaultConfig is the section where nothing is set.
func DefaultConfig() Config { return Config{SampleRatio: 1} }

// Enabled reports whether there are traces.
func (c Config) Enabled() bool { return c.OTLPEndpoint != "" }

// Validate returns what is not valid, as mistakes of package config. It opens no
// file.
func (c Config) Validate() error {
	if !c.Enabled() {
		if c.HeadersFile != "" || c.CAFile != "" || c.TrustParent {
			return config.Mistakef("telemetry.otlp_endpoint", "the section telemetry is set without the URL of a collector")
		}
		return nil
	}
	if err := checkEndpoint(c.OTLPEndpoint, c.HeadersFile != ""); err != nil {
		return config.Mistakef("telemetry.otlp_endpoint", "%v", err)
	}
	return nil
}

func checkEndpoint(endpoint string, secret bool) error {
	u, err := url.Parse(endpoint)
	if err != nil {
		return fmt.Errorf("it is not a URL, such as http://127.0.0.1:4318/v1/traces") // err repeats it, which may hold a password
	}
	switch {
	case u.User != nil:
		return fmt.Errorf("it must hold no password: name a headers_file")
	case u.Scheme != "https" && u.Scheme != "http":
		return fmt.Errorf("it must start with https:// or http://")
	case u.Host == "" || u.RawQuery != "" || u.Fragment != "" || len(u.Path) < 2:
		return fmt.Errorf("a scheme, a host, a port and a path are needed, such as http://127.0.0.1:4318/v1/traces, and nothing else")
	case u.Scheme == "http" && secret && !isThisMachine(u.Hostname()):
		return fmt.Errorf("http would send the headers of headers_file in plain: use https, or a collector on this machine")
	default:
		return nil
	}
}

func isThisMachine(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}
