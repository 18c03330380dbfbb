package webhook

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"
)

// What one try may cost.
const (
	// PostTimeout bounds a try as a whole.
	PostTimeout    = 15 * time.Second
	dialTimeout    = 5 * time.Second
	tlsTimeout     = 5 * time.Second
	answerTimeout  = 10 * time.Second
	maxHeaders     = 16 << 10
	maxAnswer      = 4 << 10
	idleTimeout    = 30 * time.Second
	maxIdlePerHost = 4
)

// PosterOptions are what a Poster is made of. The zero options are those of
// DefaultConfig.
type PosterOptions struct {
	Policy Policy
	// Roots are the CAs to trust; those of the system if nil.
	Roots *x509.CertPool
	// Resolver looks names up; net.DefaultResolver if nil.
	Resolver *net.Resolver
	// Timeout bounds a try; PostTimeout if 0.
	Timeout time.Duration
}

// Poster posts messages. It is safe for concurrent use. It follows no redirect,
// uses no proxy, and checks the address that it dials, after the name was looked
// up.
type Poster struct {
	o      PosterOptions
	client *http.Client
}

// NewPoster returns a Poster.
func NewPoster(o PosterOptions) *Poster {
	if o.Timeout == 0 {
		o.Timeout = PostTimeout
	}
	dialer := &net.Dialer{Timeout: dialTimeout, Resolver: o.Resolver, Control: func(_, address string, _ syscall.RawConn) error {
		a, err := netip.ParseAddrPort(address)
		if err != nil || !o.Policy.Allows(a.Addr()) {
			return errAddress
		}
		return nil
	}}
	transport := &http.Transport{
		DialContext:     dialer.DialContext, // and no Proxy
		TLSClientConfig: &tls.Config{RootCAs: o.Roots, MinVersion: tls.VersionTLS12}, TLSHandshakeTimeout: tlsTimeout,
		ResponseHeaderTimeout: answerTimeout, MaxResponseHeaderBytes: maxHeaders, DisableCompression: true,
		IdleConnTimeout: idleTimeout, MaxIdleConnsPerHost: maxIdlePerHost,
	}
	return &Poster{o, &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// errAddress is the error about an address that may not be dialled.
var errAddress = errors.New("webhook: the address may not be dialled")

// Close closes the connections that are not in use.
func (p *Poster) Close() { p.client.CloseIdleConnections() }

// Post posts a signed message and says how that ended. Only the first bytes of the
// answer's body are read, so that the connection can be used again.
func (p *Poster) Post(ctx context.Context, w Webhook, id string, body []byte) Attempt {
	start := time.Now()
	status, failure := p.post(ctx, w, id, start, body)
	return Attempt{At: start.UTC(), Duration: time.Since(start), Status: status, Failure: failure}
}

func (p *Poster) post(ctx context.Context, w Webhook, id string, at time.Time, body []byte) (int, Failure) {
	if p.o.Policy.CheckURL(w.URL) != nil { // the configuration may have changed
		return 0, FailedURL
	}
	ctx, cancel := context.WithTimeout(ctx, p.o.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.URL, bytes.NewReader(body))
	if err != nil {
		return 0, FailedURL
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "Sesuai")
	w.Sign(req.Header, id, at, body)
	resp, err := p.client.Do(req)
	if err != nil {
		return 0, failureOf(err)
	}
	defer resp.Body.Close() //nolint:errcheck // it was read as far as it is wanted
	_, _ = io.CopyN(io.Discard, resp.Body, maxAnswer)
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return resp.StatusCode, FailedStatus
	}
	return resp.StatusCode, ""
}

// failureOf says what an error of http.Client.Do means. The error itself holds the
// URL, and of a certificate whatever is in it.
func failureOf(err error) Failure {
	timeout, isTimeout := errors.AsType[net.Error](err)
	_, isName := errors.AsType[*net.DNSError](err)
	_, isCertificate := errors.AsType[*tls.CertificateVerificationError](err)
	_, isRecord := errors.AsType[tls.RecordHeaderError](err)
	_, isAlert := errors.AsType[tls.AlertError](err)
	switch {
	case errors.Is(err, errAddress):
		return FailedAddress
	case isName:
		return FailedName
	case isCertificate, isRecord, isAlert, errors.Is(err, http.ErrSchemeMismatch):
		return FailedTLS
	case isTimeout && timeout.Timeout():
		return FailedTimeout
	default:
		return FailedConnection
	}
}
