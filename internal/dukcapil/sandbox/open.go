package sandbox

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/sesuai/sesuai"
)

// Serving is what a client needs to call a sandbox.
type Serving struct {
	// URL is the base URL.
	URL string `json:"url"`
	// Pin is the SHA-256 of the server's public key (SubjectPublicKeyInfo) in
	// base64, PinHex in hexadecimal.
	Pin    string `json:"pin"`
	PinHex string `json:"pin_hex"`
	// Certificate and PublicKey are the paths of the server's certificate and
	// of the RSA key that encrypts the private fields of the face check.
	Certificate string `json:"certificate"`
	PublicKey   string `json:"public_key"`
	// Scheme is the encryption scheme of that key.
	Scheme string `json:"scheme"`
}

// Instance is a listening sandbox. The caller runs Server on Listener.
type Instance struct {
	Serving
	// Server serves the sandbox on Listener, which speaks TLS.
	Server   *http.Server
	Listener net.Listener
	record   *os.File // nil for no record
}

// Open opens the files of o.Config and listens. It creates in folder the keys and
// the certificate that o.Config does not name, and sets o.PrivateKey and
// o.Recorder. The end of ctx ends stalled calls. Errors have kind
// sesuai.KindConfiguration. The caller must close the Instance.
func Open(ctx context.Context, o Options, folder string) (i *Instance, err error) {
	c := o.Config
	i = &Instance{Serving: Serving{Scheme: c.Scheme}}
	defer func() {
		if err != nil {
			i.Close()
		}
	}()
	rsaKey := c.RSAKey
	if rsaKey == "" {
		rsaKey = filepath.Join(folder, "rsa.key")
	}
	o.Recorder = nowhere{}
	if c.Record != "" {
		if i.record, err = os.OpenFile(c.Record, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600); err != nil {
			return i, badConfig("record: %v", err)
		}
		o.Recorder = NewLines(i.record)
	}
	if o.PrivateKey, err = OpenPrivateKey(rsaKey); err != nil {
		return i, badConfig("rsa_key: %v", err)
	}
	i.PublicKey = PublicKeyPath(rsaKey)
	certificate, err := i.openCertificate(c, folder)
	if err != nil {
		return i, err
	}
	handler, err := New(o)
	if err != nil {
		return i, badConfig("%v", err)
	}
	listener, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return i, &sesuai.Error{Kind: sesuai.KindConfiguration, Err: err, Detail: fmt.Sprintf("cannot listen on %s", c.Listen)}
	}
	if a, ok := listener.Addr().(*net.TCPAddr); ok && !a.IP.IsLoopback() {
		o.Log.Warn("the sandbox can be reached from other machines; it is for synthetic people only")
	}
	i.URL = "https://" + listener.Addr().String()
	i.Listener = tls.NewListener(listener, &tls.Config{
		Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"},
	})

	protocols := new(http.Protocols)
	protocols.SetHTTP1(true) // a fault resets one connection, which HTTP/2 would share
	i.Server = &http.Server{
		Handler: handler, Protocols: protocols, BaseContext: func(net.Listener) context.Context { return ctx },
		ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10,
		ErrorLog: slog.NewLogLogger(o.Log.Handler(), slog.LevelDebug),
	}
	return i, nil
}

// Close closes the listener and the record.
func (i *Instance) Close() {
	if i.Listener != nil {
		_ = i.Listener.Close() // it fails if the server has closed it
	}
	if i.record != nil {
		_ = i.record.Close() // every line has been written
	}
}

// openCertificate opens or creates the certificate, and sets its path and pin.
func (i *Instance) openCertificate(c Config, folder string) (tls.Certificate, error) {
	cert, key := c.TLSCert, c.TLSKey
	if (cert == "") != (key == "") {
		return tls.Certificate{}, badConfig("tls_cert and tls_key are given together")
	}
	if cert == "" {
		cert, key = filepath.Join(folder, "tls.crt"), filepath.Join(folder, "tls.key")
	} else if _, err := os.Stat(cert); err != nil {
		return tls.Certificate{}, badConfig("tls_cert: %v", err)
	}
	hosts := []string{"localhost", "127.0.0.1", "::1"}
	if host, _, err := net.SplitHostPort(c.Listen); err == nil && host != "" {
		hosts = append(hosts, host)
	}
	certificate, err := OpenCertificate(cert, key, hosts, time.Now())
	if err != nil {
		return tls.Certificate{}, badConfig("tls_cert, tls_key: %v", err)
	}
	var pin [sha256.Size]byte
	if pin, err = Pin(certificate); err != nil {
		return tls.Certificate{}, badConfig("tls_cert: %v", err)
	}
	i.Certificate, i.Pin, i.PinHex = cert, base64.StdEncoding.EncodeToString(pin[:]), hex.EncodeToString(pin[:])
	return certificate, nil
}

func badConfig(format string, args ...any) error {
	return &sesuai.Error{Kind: sesuai.KindConfiguration, Detail: "configuration: " + fmt.Sprintf(format, args...)}
}

// nowhere is a Recorder that drops every call.
type nowhere struct{}

// Record implements Recorder.
func (nowhere) Record(Entry) error { return nil }
