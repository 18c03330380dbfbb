package app

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/dukcapil/sandbox"
)

// SandboxConfig is the configuration of the sandbox of Dukcapil's services. It
// is a file of its own. Its passwords and token are no secrets: they open
// nothing but synthetic people.
type SandboxConfig struct {
	// Listen is the address and port to serve on, by TLS.
	Listen string `yaml:"listen"`
	// TLSCert and TLSKey are the paths of a certificate and its key; without
	// them one is made in the data folder.
	TLSCert string `yaml:"tls_cert"`
	TLSKey  string `yaml:"tls_key"`
	// RSAKey is the path of the key that the face check's private fields are
	// encrypted for; without one it is made in the data folder. Scheme is how.
	RSAKey string `yaml:"rsa_key"`
	Scheme string `yaml:"scheme"`
	// Record is the path of a file that each call is appended to as a line of
	// JSON, before it is answered.
	Record string `yaml:"record"`

	BasePath   string `yaml:"base_path"`
	DataMethod string `yaml:"data_method"`
	FaceMethod string `yaml:"face_method"`
	// BalikanPath and BalikanToken are of the receiver of returned data.
	BalikanPath  string            `yaml:"balikan_path"`
	BalikanToken string            `yaml:"balikan_token"`
	Accounts     []sandbox.Account `yaml:"accounts"`

	Data    sandbox.Service `yaml:"data"`
	Face    sandbox.Service `yaml:"face"`
	Balikan sandbox.Service `yaml:"balikan"`
	// Hours are when the data check may be called, such as 06:00-22:00, Jakarta
	// time; empty is always.
	Hours string `yaml:"hours"`
	// CheckConnection, PassScore, Curve, Decimals, MaxImage, Quirks, Stall and
	// Slow are as in sandbox.Options.
	CheckConnection bool           `yaml:"check_connection"`
	PassScore       float64        `yaml:"pass_score"`
	Curve           sandbox.Curve  `yaml:"curve"`
	Decimals        int            `yaml:"decimals"`
	MaxImage        int            `yaml:"max_image"`
	Quirks          sandbox.Quirks `yaml:"quirks"`
	Stall           time.Duration  `yaml:"stall"`
	Slow            time.Duration  `yaml:"slow"`
	// Magic is whether magic NIKs are answered as such.
	Magic bool `yaml:"magic"`
	// Seed decides what is left to chance.
	Seed int64 `yaml:"seed"`
}

// DefaultSandboxConfig has one account whose every part is "sandbox".
func DefaultSandboxConfig() SandboxConfig {
	const name = "sandbox"
	return SandboxConfig{
		Listen: "127.0.0.1:8643", Scheme: sandbox.SchemePKCS1v15,
		DataMethod: sandbox.DefaultDataMethod, FaceMethod: sandbox.DefaultFaceMethod,
		BalikanPath: sandbox.DefaultBalikanPath, BalikanToken: name,
		Accounts: []sandbox.Account{{UserID: name, Password: name, Customer: name, Credential: name}},
		Data:     sandbox.Service{Quota: sandbox.DefaultQuota}, Face: sandbox.Service{Quota: sandbox.DefaultQuota},
		PassScore: sandbox.DefaultPassScore, Curve: sandbox.DefaultCurve, Decimals: 3, MaxImage: sandbox.DefaultMaxImage,
		Stall: sandbox.DefaultStall, Slow: sandbox.DefaultSlow, Magic: true, Seed: 1,
	}
}

// LoadSandboxConfig is the defaults, and what the file at path says instead.
// Unknown keys are refused. Errors are of kind sesuai.KindConfiguration.
func LoadSandboxConfig(path string) (SandboxConfig, error) {
	c := DefaultSandboxConfig()
	if path == "" {
		return c, nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return c, badConfig("the file cannot be read: %v", err)
	}
	if err := decodeStrict(b, &c); err != nil {
		return c, badConfig("%s: %v", path, err)
	}
	return c, nil
}

// SandboxServing is what a caller of the sandbox is to be told.
type SandboxServing struct {
	// URL is where it serves.
	URL string `json:"url"`
	// Pin is the SHA-256 of its public key (SubjectPublicKeyInfo), as base64,
	// PinHex as hexadecimal.
	Pin    string `json:"pin"`
	PinHex string `json:"pin_hex"`
	// Certificate and PublicKey are the files of its certificate and of the
	// RSA key that the face check is to be encrypted for.
	Certificate string `json:"certificate"`
	PublicKey   string `json:"public_key"`
	// Scheme is how it is to be encrypted.
	Scheme string `json:"scheme"`
	// People is how many people are on record.
	People int `json:"people"`
}

// sandboxGrace is how long calls in flight have to finish at the end. What
// stalls is told to stop.
const sandboxGrace = 5 * time.Second

// ServeDukcapilSandbox serves the sandbox on the registry that c names until
// ctx ends. It calls started once it serves. An error before that means that
// it could not start.
func ServeDukcapilSandbox(ctx context.Context, c Config, sc SandboxConfig, log *slog.Logger, started func(SandboxServing)) (err error) {
	store, err := OpenStore(ctx, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	engine, err := OpenEngine(c, ManyPhotographs, runtime.GOMAXPROCS(0))
	if err != nil {
		return err
	}
	defer engine.Close()
	serving := SandboxServing{Scheme: sc.Scheme}
	if serving.People, err = store.Count(ctx); err != nil {
		return err
	}

	o := sandbox.Options{
		Registry: store, Extractor: engine, Accounts: sc.Accounts, Scheme: sc.Scheme,
		BasePath: sc.BasePath, DataMethod: sc.DataMethod, FaceMethod: sc.FaceMethod,
		BalikanPath: sc.BalikanPath, BalikanToken: sc.BalikanToken,
		Data: sc.Data, Face: sc.Face, Balikan: sc.Balikan,
		CheckConnection: sc.CheckConnection, PassScore: sc.PassScore, Curve: sc.Curve, Decimals: sc.Decimals,
		MaxImage: sc.MaxImage, Quirks: sc.Quirks, NoMagic: !sc.Magic, Seed: uint64(sc.Seed), Stall: sc.Stall, Slow: sc.Slow,
		Recorder: nowhere{}, Log: log,
	}
	if o.Hours, err = sandbox.ParseHours(sc.Hours); err != nil {
		return badConfig("hours: %v", err)
	}
	if sc.Record != "" {
		f, err := os.OpenFile(sc.Record, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return badConfig("record: %v", err)
		}
		defer f.Close()
		o.Recorder = sandbox.NewLines(f)
	}
	folder := filepath.Join(c.Data, "dukcapil-sandbox")
	rsaPath := sc.RSAKey
	if rsaPath == "" {
		rsaPath = filepath.Join(folder, "rsa.key")
	}
	if o.PrivateKey, err = sandbox.OpenPrivateKey(rsaPath); err != nil {
		return badConfig("rsa_key: %v", err)
	}
	serving.PublicKey = sandbox.PublicKeyPath(rsaPath)
	certificate, err := sandboxCertificate(sc, folder, &serving)
	if err != nil {
		return err
	}
	server, err := sandbox.New(o)
	if err != nil {
		return badConfig("%v", err)
	}
	listener, err := net.Listen("tcp", sc.Listen)
	if err != nil {
		return &sesuai.Error{Kind: sesuai.KindConfiguration, Err: err, Detail: fmt.Sprintf("cannot listen on %s", sc.Listen)}
	}
	if a, ok := listener.Addr().(*net.TCPAddr); ok && !a.IP.IsLoopback() {
		log.Warn("the sandbox can be reached from elsewhere: it is for synthetic people alone")
	}
	serving.URL = "https://" + listener.Addr().String()
	return serveSandbox(ctx, listener, server, certificate, log, func() { started(serving) })
}

// sandboxCertificate opens the certificate of the sandbox, or makes it, and
// says so in serving.
func sandboxCertificate(sc SandboxConfig, folder string, serving *SandboxServing) (tls.Certificate, error) {
	cert, key := sc.TLSCert, sc.TLSKey
	if (cert == "") != (key == "") {
		return tls.Certificate{}, badConfig("tls_cert and tls_key are given together")
	}
	if cert == "" {
		cert, key = filepath.Join(folder, "tls.crt"), filepath.Join(folder, "tls.key")
	} else if _, err := os.Stat(cert); err != nil {
		return tls.Certificate{}, badConfig("tls_cert: %v", err)
	}
	hosts := []string{"localhost", "127.0.0.1", "::1"}
	if host, _, err := net.SplitHostPort(sc.Listen); err == nil && host != "" {
		hosts = append(hosts, host)
	}
	certificate, err := sandbox.OpenCertificate(cert, key, hosts, time.Now())
	if err != nil {
		return tls.Certificate{}, badConfig("tls_cert, tls_key: %v", err)
	}
	var pin [sha256.Size]byte
	if pin, err = sandbox.Pin(certificate); err != nil {
		return tls.Certificate{}, badConfig("tls_cert: %v", err)
	}
	serving.Certificate, serving.Pin, serving.PinHex = cert, base64.StdEncoding.EncodeToString(pin[:]), hex.EncodeToString(pin[:])
	return certificate, nil
}

// serveSandbox serves until ctx ends, which also ends what stalls.
func serveSandbox(ctx context.Context, l net.Listener, h http.Handler, certificate tls.Certificate, log *slog.Logger, started func()) error {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true) // a reset is one of a connection, which HTTP/2 shares
	server := &http.Server{
		Handler: h, Protocols: protocols, BaseContext: func(net.Listener) context.Context { return ctx },
		TLSConfig:         &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12},
		ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	served := make(chan error, 1)
	go func() { served <- server.ServeTLS(l, "", "") }()
	started()
	select {
	case err := <-served:
		return err // it could not go on
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), sandboxGrace)
	defer cancel()
	err := server.Shutdown(grace)
	if err != nil {
		err = errors.Join(err, server.Close())
	}
	<-served // always http.ErrServerClosed
	return err
}

// nowhere is a sandbox.Recorder for those who do not want a record.
type nowhere struct{}

// Record implements sandbox.Recorder.
func (nowhere) Record(sandbox.Entry) error { return nil }
