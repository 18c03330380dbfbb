package client

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/sesuai/sesuai/internal/config"
)

// TLSConfig says whom to trust upstream, and how this side identifies itself.
// The upstream's hosts are bare addresses with certificates that no public CA
// has signed. Verification cannot be turned off.
type TLSConfig struct {
	// Pins are SHA-256 digests of public keys (SubjectPublicKeyInfo),
	// separated by spaces, in base64 (with or without sha256/) or hexadecimal.
	// The server must have one of these keys. With pins and without
	// dukcapil.tls.ca_file the chain and the name of its certificate are not
	// checked, but the dates are. With both, all of it is checked; with
	// neither, the system's CAs are trusted.
	Pins string `yaml:"pins"`
	// CAFile is the path of PEM certificates of a private CA. The server's
	// chain must end in one of them, and its name must be right.
	CAFile string `yaml:"ca_file"`
	// ServerName is the name that the server's certificate must have. It is
	// sent as SNI. Empty means the host of the URL.
	ServerName string `yaml:"server_name"`
	// ClientCertFile is the path of a client certificate, PEM. It is given
	// together with dukcapil.tls.client_key_file or not at all.
	ClientCertFile string `yaml:"client_cert_file"`
	// ClientKeyFile is the path of the key of the client certificate, PEM.
	ClientKeyFile string `yaml:"client_key_file"`
}

// errPin is of a server whose key is not one of the pinned.
var errPin = errors.New("the server's key is not pinned")

// errDates is of a server whose certificate is not valid at this time.
var errDates = errors.New("the server's certificate is not valid at this time")

// parsePins reads the digests.
func parsePins(text string) (map[[sha256.Size]byte]bool, error) {
	pins := make(map[[sha256.Size]byte]bool)
	for _, field := range strings.Fields(text) {
		digest := strings.TrimPrefix(field, "sha256/")
		b, err := hex.DecodeString(digest)
		if err != nil {
			b, err = base64.StdEncoding.DecodeString(digest)
		}
		if err != nil || len(b) != sha256.Size {
			return nil, fmt.Errorf("%q is not a SHA-256 digest in base64 or hexadecimal", field)
		}
		pins[[sha256.Size]byte(b)] = true
	}
	return pins, nil
}

// parseCA reads certificates in PEM.
func parseCA(b []byte) (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(b) {
		return nil, errors.New("the file holds no certificate in PEM")
	}
	return pool, nil
}

// connector makes HTTP clients that trust whom the configuration says, and a
// new one when a file of it has changed. It is safe for concurrent use.
type connector struct {
	c           TLSConfig
	now         func() time.Time
	connections int
	dialTimeout time.Duration
	pins        map[[sha256.Size]byte]bool
	ca          *file[*x509.CertPool] // nil: none
	cert, key   *file[[]byte]         // nil: none
	failed      func(key string)

	mu     sync.Mutex
	client *http.Client
	stale  bool // a file has changed since client was made
}

// newConnector checks the configuration and reads its files.
func newConnector(c TLSConfig, o connectorOptions) (*connector, error) {
	k := &connector{c: c, now: o.now, connections: o.connections, dialTimeout: o.dialTimeout, failed: o.failed}
	var err error
	if k.pins, err = parsePins(c.Pins); err != nil {
		return nil, config.About("tls.pins", err)
	}
	if c.CAFile != "" {
		if k.ca, err = openFile("tls.ca_file", c.CAFile, parseCA, o.failed); err != nil {
			return nil, err
		}
	}
	if (c.ClientCertFile == "") != (c.ClientKeyFile == "") {
		return nil, config.Mistakef("tls.client_cert_file", "it is given together with tls.client_key_file, or not at all")
	}
	if c.ClientCertFile != "" {
		if k.cert, err = openFile("tls.client_cert_file", c.ClientCertFile, asItIs, o.failed); err != nil {
			return nil, err
		}
		if k.key, err = openFile("tls.client_key_file", c.ClientKeyFile, asItIs, o.failed); err != nil {
			return nil, err
		}
		if _, err := tls.X509KeyPair(k.cert.value, k.key.value); err != nil {
			return nil, config.Mistakef("tls.client_key_file", "it is not the key of tls.client_cert_file, in PEM")
		}
	}
	k.client = k.make()
	return k, nil
}

type connectorOptions struct {
	now         func() time.Time
	connections int
	dialTimeout time.Duration
	failed      func(key string)
}

func asItIs(b []byte) ([]byte, error) { return b, nil }

// get is the client to use now. One that is in use goes on with what it was
// made with.
func (k *connector) get() *http.Client {
	k.mu.Lock()
	defer k.mu.Unlock()
	changed := false
	if k.ca != nil {
		_, c := k.ca.get()
		changed = changed || c
	}
	if k.cert != nil {
		_, c1 := k.cert.get()
		_, c2 := k.key.get()
		changed = changed || c1 || c2
	}
	k.stale = k.stale || changed
	if !k.stale {
		return k.client
	}
	if k.cert != nil {
		// Of two files that are replaced one by one, the first alone does not
		// fit: then what was goes on until the second has come.
		if _, err := tls.X509KeyPair(k.cert.value, k.key.value); err != nil {
			if changed {
				k.failed("tls.client_key_file")
			}
			return k.client
		}
	}
	old := k.client
	k.client, k.stale = k.make(), false
	old.CloseIdleConnections()
	return k.client
}

// RoundTrip implements http.RoundTripper by the client to use now.
func (k *connector) RoundTrip(r *http.Request) (*http.Response, error) {
	return k.get().Transport.RoundTrip(r)
}

// close lets go of idle connections.
func (k *connector) close() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.client.CloseIdleConnections()
}

// tls is whom to trust, and how this side identifies itself, by what the files hold.
func (k *connector) tls() *tls.Config {
	t := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: k.c.ServerName, Time: k.now}
	if k.ca != nil {
		t.RootCAs = k.ca.value
	}
	if k.cert != nil {
		if pair, err := tls.X509KeyPair(k.cert.value, k.key.value); err == nil {
			t.Certificates = []tls.Certificate{pair}
		}
	}
	if len(k.pins) > 0 {
		// Only the standard verification, which asks for a known chain and a
		// name, is off where there is no CA: VerifyConnection stands in for it,
		// and runs in every handshake, resumed ones too.
		t.InsecureSkipVerify = k.ca == nil
		t.VerifyConnection = k.verifyPin
	}
	return t
}

// make makes a client of what the files hold.
func (k *connector) make() *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			Proxy:                  nil, // an environment variable must not send people's data elsewhere
			DialContext:            (&net.Dialer{Timeout: k.dialTimeout, KeepAlive: 15 * time.Second}).DialContext,
			TLSClientConfig:        k.tls(),
			TLSHandshakeTimeout:    k.dialTimeout,
			ForceAttemptHTTP2:      true,
			DisableCompression:     true, // so that the bound on a body is one on what is read
			MaxIdleConns:           k.connections,
			MaxIdleConnsPerHost:    k.connections,
			MaxConnsPerHost:        k.connections,
			IdleConnTimeout:        90 * time.Second,
			MaxResponseHeaderBytes: 64 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// verifyPin holds the server to a pinned key and to its certificate's dates: an
// expired one is how an operator upstream says that a key is done with. That
// the server has the key the handshake itself has shown.
func (k *connector) verifyPin(s tls.ConnectionState) error {
	if len(s.PeerCertificates) == 0 {
		return errPin
	}
	leaf := s.PeerCertificates[0]
	if !k.pins[sha256.Sum256(leaf.RawSubjectPublicKeyInfo)] {
		return errPin
	}
	if now := k.now(); now.Before(leaf.NotBefore) || now.After(leaf.NotAfter) {
		return errDates
	}
	return nil
}
