package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/dukcapil/ledger"
)

// failure is why there is no answer. Its words are fixed ones of this package:
// errors of net/http hold URLs, of which one has a credential in it, and those
// of crypto/x509 hold names.
type failure struct {
	service ledger.Service
	class   Class
	// what was unexpected, or another detail; a fixed word.
	what string
	// cause is ctx's error if ctx has ended, or the ledger's.
	cause error
}

// Error implements error.
func (f *failure) Error() string {
	s := "dukcapil: " + string(f.service) + ": " + string(f.class)
	if f.what != "" {
		s += ": " + f.what
	}
	if f.cause != nil {
		s += ": " + f.cause.Error()
	}
	return s
}

// Unwrap returns the cause.
func (f *failure) Unwrap() error { return f.cause }

// unavailable is the error that a caller gets.
func (f *failure) unavailable(retryAfter time.Duration) error {
	return &sesuai.Error{Kind: sesuai.KindUnavailable, Err: f, RetryAfter: retryAfter}
}

// transportClass is the class of an error of http.Client.Do or of reading a
// body. connected is whether there was a connection to send the request on.
func transportClass(err error, connected bool) Class {
	var (
		record       tls.RecordHeaderError
		verification *tls.CertificateVerificationError
		authority    x509.UnknownAuthorityError
		host         x509.HostnameError
		invalid      x509.CertificateInvalidError
	)
	switch {
	case errors.Is(err, errPin), errors.Is(err, errDates), errors.Is(err, http.ErrSchemeMismatch), errors.As(err, &verification), errors.As(err, &authority),
		errors.As(err, &host), errors.As(err, &invalid), errors.As(err, &record):
		return Untrusted
	case errors.Is(err, context.DeadlineExceeded):
		return TimedOut
	}
	// crypto/tls gives an alert as one of these, in either direction.
	if o, ok := errors.AsType[*net.OpError](err); ok && (o.Op == "remote error" || o.Op == "local error") {
		return Untrusted
	}
	if n, ok := errors.AsType[net.Error](err); ok && n.Timeout() {
		return TimedOut
	}
	if errors.Is(err, syscall.ECONNREFUSED) || !connected {
		return Refused
	}
	return Broken
}

// traceConnection notes in connected whether a request got a connection.
func traceConnection(r *http.Request, connected *atomic.Bool) *http.Request {
	return r.WithContext(httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true) },
	}))
}
