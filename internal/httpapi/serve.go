package httpapi

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// The limits of a connection. A handler may set shorter ones: Options.BodyTimeout
// precedes readTimeout, and replyTimeout precedes writeTimeout.
const (
	readHeaderTimeout = 10 * time.Second
	readTimeout       = 2 * time.Minute
	writeTimeout      = 3 * time.Minute
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 16 << 10
)

// DefaultShutdownTimeout is how long requests in flight may take to finish when
// the service stops.
const DefaultShutdownTimeout = 30 * time.Second

// The limits of a connection of HTTP/2, on which several requests are in progress. What
// has arrived of bodies that nobody reads yet takes memory: RFC 9113, 6.9.2, lets a
// connection have 64 KiB from its start.
const (
	maxStreams = 64
	maxUnread  = 64 << 10
)

// NewHTTPServer returns an http.Server for h that limits the time and the size
// of everything that a caller sends. net/http's own messages go to log. Its own
// responses are JSON only on a listener from JSONErrors.
func NewHTTPServer(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:                      h,
		ReadHeaderTimeout:            readHeaderTimeout,
		ReadTimeout:                  readTimeout,
		WriteTimeout:                 writeTimeout,
		IdleTimeout:                  idleTimeout,
		MaxHeaderBytes:               maxHeaderBytes,
		DisableGeneralOptionsHandler: true, // it would answer OPTIONS * without a body
		ConnContext:                  withCertificate,
		HTTP2:                        &http.HTTP2Config{MaxConcurrentStreams: maxStreams, MaxReceiveBufferPerConnection: maxUnread, MaxReceiveBufferPerStream: maxUnread},
		ErrorLog:                     slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
}

// Serve serves h on the listener until ctx ends. Requests in flight then have
// DefaultShutdownTimeout to finish. See ServeUntil. net/http's own responses have
// the further headers of h, if that is a Server.
func Serve(ctx context.Context, l net.Listener, h http.Handler, log *slog.Logger) error {
	return ServeUntil(ctx, NewHTTPServer(h, log), JSONErrors(l, furtherOf(h)), DefaultShutdownTimeout)
}

// ServeTLS is Serve by TLS: see HandshakeTLS.
func ServeTLS(ctx context.Context, l net.Listener, h http.Handler, config *tls.Config, log *slog.Logger) error {
	return ServeUntil(ctx, NewHTTPServer(h, log), HandshakeTLS(l, config, furtherOf(h)), DefaultShutdownTimeout)
}

func furtherOf(h http.Handler) http.Header {
	if s, ok := h.(*Server); ok {
		return s.o.Header
	}
	return nil
}

// ServeUntil runs the server on the listener until ctx ends. It then closes the
// listener, waits up to grace for the requests in flight, and closes their
// connections if they have not finished. It returns nil if all of them
// finished. ServeUntil does not cancel the contexts of requests, which are those
// of the server.
func ServeUntil(ctx context.Context, server *http.Server, l net.Listener, grace time.Duration) error {
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()

	select {
	case err := <-served:
		return err // the listener failed
	case <-ctx.Done():
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	err := server.Shutdown(stopping)
	if err != nil {
		err = errors.Join(err, server.Close())
	}
	<-served // always http.ErrServerClosed
	return err
}
