package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/config"
	"github.com/sesuai/sesuai/internal/console"
	"github.com/sesuai/sesuai/internal/httpapi"
	"github.com/sesuai/sesuai/internal/operator"
	"github.com/sesuai/sesuai/internal/registry"
	"github.com/sesuai/sesuai/internal/subject"
	"github.com/sesuai/sesuai/internal/tlsfile"
)

// ConsoleConfig is about the operators' web pages (docs/operate/console.md).
type ConsoleConfig struct {
	// Listen is the address and port of the console, such as 127.0.0.1:8081. Without
	// tls.cert it must be an address of this computer itself (127.0.0.1 or [::1]), where
	// it speaks HTTP; with it the console shows the same certificate as the API, and asks
	// for no client certificates. Empty means that there is no console.
	Listen string `yaml:"listen"`
	// Origin is the address at which browsers open the console, such as
	// https://console.bank.example:8081. Passkeys work there alone. It is https, or
	// http://localhost with any port, and has a name instead of an IP address. Empty
	// means http://localhost with the port of console.listen, or none if tls.cert is set.
	Origin string `yaml:"origin"`
	// OIDC is about operators who sign in at an OpenID provider.
	OIDC operator.OIDCConfig `yaml:"oidc"`
}

// checkOrigin checks console.origin, which WebAuthn and browsers' rules about secure
// contexts limit.
func (c ConsoleConfig) checkOrigin() error {
	if c.Origin == "" {
		return nil
	}
	u, err := url.Parse(c.Origin)
	if err != nil || u.Host == "" || c.Origin != u.Scheme+"://"+u.Host {
		return config.Mistakef("console.origin", "%s is neither empty nor an origin, such as https://console.bank.example:8081", config.Quote(c.Origin))
	}
	if _, err := netip.ParseAddr(u.Hostname()); err == nil {
		return config.Mistakef("console.origin", "browsers have no passkeys for an IP address: use a name, or http://localhost")
	}
	if u.Scheme != "https" && (u.Scheme != "http" || u.Hostname() != "localhost") {
		return config.Mistakef("console.origin", "browsers have passkeys at https, or at http://localhost, alone")
	}
	return nil
}

// origin returns where passkeys work if the console listens at an address; "" if nowhere.
func (c *Config) origin(at net.Addr) string {
	if c.Console.Origin != "" || c.TLS.on() {
		return c.Console.Origin
	}
	_, port, _ := net.SplitHostPort(at.String())
	return "http://localhost:" + port
}

func (c *Config) checkConsole() error {
	if err := errors.Join(c.Console.checkOrigin(), c.Console.OIDC.Validate()); err != nil || c.Console.Listen == "" {
		return err
	}
	if c.Console.OIDC.Enabled() && c.Console.Origin == "" && c.TLS.on() {
		return config.Mistakef("console.origin", "the OpenID provider sends browsers back there: it is needed")
	}
	host, _, err := net.SplitHostPort(c.Console.Listen)
	if err != nil {
		return config.Mistakef("console.listen", "%s is neither empty nor an address and port, such as 127.0.0.1:8081", config.Quote(c.Console.Listen))
	}
	address, err := netip.ParseAddr(host)
	if own := host == "localhost" || err == nil && address.IsLoopback(); !own && !c.TLS.on() {
		return config.Mistakef("console.listen", "passwords would be sent in plain text: set tls.cert, or listen on 127.0.0.1")
	}
	return nil
}

// serveConsole serves the console as c says until the function it returns is called, which
// waits for its end. Without a console it does nothing.
func serveConsole(ctx context.Context, c Config, s *Storage, late *lateVerifier, files *tlsfile.Files, log *slog.Logger) (stop func() error, err error) {
	if c.Console.Listen == "" {
		return func() error { return nil }, nil
	}
	listener, err := net.Listen("tcp", c.Console.Listen)
	if err != nil {
		return nil, &sesuai.Error{
			Kind: sesuai.KindConfiguration, Err: err,
			Detail: fmt.Sprintf("console.listen: cannot listen on %s", c.Console.Listen),
		}
	}
	h, err := newConsole(c, s, late, log, c.origin(listener.Addr()))
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	// It goes on while the service finishes its requests, so ctx's end is not
	// its own.
	serving, cancel := context.WithCancel(context.WithoutCancel(ctx))
	served := make(chan error, 1)
	go func() {
		if files == nil {
			served <- httpapi.Serve(serving, listener, h, log)
			return
		}
		served <- httpapi.ServeTLS(serving, listener, h, files.ConfigWithoutClients(), log)
	}()
	swept := make(chan struct{})
	go func() {
		defer close(swept)
		s.Approvals.Run(serving, func(err error) { log.Error("what admins had proposed could not be removed", "error", err) })
	}()
	log.Info("console", "address", listener.Addr().String())
	return func() error {
		cancel()
		<-swept
		return <-served
	}, nil
}

func newConsole(c Config, s *Storage, late *lateVerifier, log *slog.Logger, origin string) (http.Handler, error) {
	var passkeys *operator.Passkeys
	if origin != "" {
		var err error
		if passkeys, err = s.Operators.PasskeysAt(origin); err != nil {
			return nil, &sesuai.Error{Kind: sesuai.KindConfiguration, Detail: "console.origin cannot have passkeys", Err: err}
		}
	}
	var provider *operator.Provider
	if c.Console.OIDC.Enabled() {
		var err error
		if provider, err = s.Operators.ProviderOf(c.Console.OIDC, origin+operator.Callback); err != nil {
			return nil, err
		}
	}
	var people console.People // nil, and not a nil pointer
	if !c.Dukcapil.Enabled {
		people = consolePeople{s, late}
	}
	_, calibration, err := faceFiles(c)
	if err != nil {
		return nil, err
	}
	return console.New(console.Options{
		People: people, Calibration: calibration,
		Operators: s.Operators, Passkeys: passkeys, Provider: provider, Events: s.Trail, Counts: s.trail, Record: s.trail.Record, Clients: s.Clients, Approvals: s.Approvals,
		Erase: func(ctx context.Context, nik sesuai.NIK) error {
			_, err := NewSubjects(c, s).Erase(ctx, nik)
			return err
		}, ReportSubject: func(ctx context.Context, nik sesuai.NIK, w io.Writer) error {
			report, err := NewSubjects(c, s).Report(ctx, nik, subject.ReportOptions{})
			if err != nil {
				return err
			}
			return report.WritePage(w)
		}, Hash: s.Hash, Usage: s.Limits,
		Trail: consoleTrail{c, s}, Log: log, Header: furtherHeader(c.TLS, false),
		Trials: late, MaxPhoto: c.Limits.MaxBody, TrialPrice: func(now time.Time) (string, error) {
			inquiry, err := InquiryOf(c, now)
			return inquiry.Prices, err
		},
	})
}

// consolePeople is console.People.
type consolePeople struct {
	s    *Storage
	late *lateVerifier
}

// Lookup implements console.People.
func (p consolePeople) Lookup(ctx context.Context, nik sesuai.NIK) (registry.Entry, bool, error) {
	return p.s.People.Lookup(ctx, nik)
}

// Add implements console.People.
func (p consolePeople) Add(ctx context.Context, one registry.Person, photo []byte) (registry.Change, error) {
	return p.late.add(ctx, one, photo)
}

// consoleTrail is console.Trail.
type consoleTrail struct {
	c Config
	s *Storage
}

// LatestCheckpoint implements console.Trail.
func (t consoleTrail) LatestCheckpoint() (audit.Checkpoint, error) {
	return t.s.trail.LatestCheckpoint(t.c.checkpointFiles()[0])
}

// Verify implements console.Trail.
func (t consoleTrail) Verify(ctx context.Context) (events int64, why string, err error) {
	r, err := t.s.VerifyTrail(ctx, t.c, TrailCheck{})
	return r.Events, r.Why, err
}
