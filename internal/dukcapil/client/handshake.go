package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"time"

	"github.com/sesuai/sesuai/internal/config"
)

// Handshake connects to the hosts of both services and trusts them as calls do, or says
// why it does not. It calls no service, so it costs nothing. The error joins one for
// each URL, below dukcapil.
func Handshake(ctx context.Context, c Config) error {
	k, err := newConnector(c.TLS, connectorOptions{now: time.Now, connections: 1, failed: func(string) {}})
	if err != nil {
		return badConfig(err)
	}
	defer k.close()
	dialer := &tls.Dialer{NetDialer: &net.Dialer{Timeout: min(c.Data.Timeout, c.Face.Timeout)}, Config: k.tls()}
	var errs []error
	for _, service := range []struct{ key, url string }{{"data.url", c.Data.URL}, {"face.url", c.Face.URL}} {
		errs = append(errs, config.About(service.key, shakeHands(ctx, dialer, service.url)))
	}
	return badConfig(errors.Join(errs...))
}

func shakeHands(ctx context.Context, dialer *tls.Dialer, base string) error {
	u, err := url.Parse(base)
	if err != nil {
		return errors.New("it is not a URL")
	}
	address := u.Host
	if u.Port() == "" {
		address = net.JoinHostPort(u.Hostname(), "443")
	}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("no TLS connection to %s: %w", address, err)
	}
	return conn.Close()
}
