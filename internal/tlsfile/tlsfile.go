// Package tlsfile keeps the certificate that a server shows, and the authority of its
// clients' certificates, as they are in files, which may change while the server runs. It
// leaves connections, and what a client's certificate allows, to others.
package tlsfile

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sesuai/sesuai/internal/fileperm"
)

// Interval is how often Files.Run looks whether files have changed.
const Interval = 10 * time.Second

// Options are what Files are made of. Cert and Key are required.
type Options struct {
	// Cert is the path of the certificate and those of the authorities between it and the
	// root, in PEM, and Key that of its key.
	Cert, Key string
	// ClientCA is the path of the authorities of client certificates, in PEM. If empty,
	// any certificate is accepted in a handshake, for what is known of its key.
	ClientCA string
	// ClientAuth is whether clients show certificates, and must.
	ClientAuth tls.ClientAuthType
	// Loaded is called with the certificate of each pair that is taken over, and Failed
	// with the reason when changed files cannot be used. Either may be nil.
	Loaded func(*x509.Certificate)
	Failed func(error)
}

// Files are the files of a server's TLS. They are safe for concurrent use.
type Files struct {
	o       Options
	current atomic.Pointer[tls.Config]

	mu   sync.Mutex
	seen [3]stamp
}

// stamp tells one state of a file from another.
type stamp struct {
	modified time.Time
	size     int64
}

// Open reads the files.
func Open(o Options) (*Files, error) {
	if o.Loaded == nil {
		o.Loaded = func(*x509.Certificate) {}
	}
	if o.Failed == nil {
		o.Failed = func(error) {}
	}
	f := &Files{o: o}
	f.seen = f.stamps()
	return f, f.load()
}

// Config returns the configuration of a server, which has the files as they were last
// read for each handshake.
func (f *Files) Config() *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return f.current.Load(), nil },
	}
}

// ConfigWithoutClients is Config for a server that asks for no client certificates.
func (f *Files) ConfigWithoutClients() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			c := f.current.Load().Clone()
			c.ClientAuth, c.ClientCAs = tls.NoClientCert, nil
			return c, nil
		},
	}
}

// Reload reads the files. If they cannot be used, what was read before stays in force,
// and Failed is called.
func (f *Files) Reload() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen = f.stamps()
	err := f.load()
	if err != nil {
		f.o.Failed(err)
	}
	return err
}

// Run reloads files that have changed until ctx ends. Those that cannot be used are
// tried again when they change again.
func (f *Files) Run(ctx context.Context) {
	ticker := time.NewTicker(Interval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			if f.changed() {
				_ = f.Reload() // Failed is told
			}
		case <-ctx.Done():
			return
		}
	}
}

func (f *Files) changed() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.seen != f.stamps()
}

// stamps returns the states of the files; zero for one that cannot be read.
func (f *Files) stamps() (all [3]stamp) {
	for i, path := range [...]string{f.o.Cert, f.o.Key, f.o.ClientCA} {
		if info, err := os.Stat(path); path != "" && err == nil {
			all[i] = stamp{info.ModTime(), info.Size()}
		}
	}
	return all
}

// load takes the files over.
func (f *Files) load() error {
	if info, err := os.Stat(f.o.Key); err == nil {
		if err := fileperm.Credential(info); err != nil {
			return fmt.Errorf("the key %w", err)
		}
	}
	pair, err := tls.LoadX509KeyPair(f.o.Cert, f.o.Key)
	if err != nil {
		return fmt.Errorf("the certificate and its key: %w", err)
	}
	if time.Now().After(pair.Leaf.NotAfter) {
		return errors.New("the certificate has expired")
	}
	c := &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"},
		Certificates: []tls.Certificate{pair}, ClientAuth: f.o.ClientAuth,
	}
	if f.o.ClientCA != "" {
		text, err := os.ReadFile(f.o.ClientCA)
		if err != nil {
			return err
		}
		if c.ClientCAs = x509.NewCertPool(); !c.ClientCAs.AppendCertsFromPEM(text) {
			return fmt.Errorf("%s has no certificate in PEM", f.o.ClientCA)
		}
	}
	f.current.Store(c)
	f.o.Loaded(pair.Leaf)
	return nil
}
