package httpapi

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// The limits of a connection. They hold where a handler sets none of its own:
// Options.BodyTimeout goes before readTimeout, replyTimeout before writeTimeout.
const (
	readHeaderTimeout = 10 * time.Second
	readTimeout       = 2 * time.Minute
	writeTimeout      = 3 * time.Minute
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 16 << 10
)

// DefaultShutdownTimeout is how long requests in flight have to finish.
const DefaultShutdownTimeout = 30 * time.Second

// NewHTTPServer makes an http.Server for h with limits on everything that a
// caller can draw out. What net/http itself has to say goes to log; what it
// answers by itself becomes JSON only on a listener from JSONErrors.
func NewHTTPServer(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:                      h,
		ReadHeaderTimeout:            readHeaderTimeout,
		ReadTimeout:                  readTimeout,
		WriteTimeout:                 writeTimeout,
		IdleTimeout:                  idleTimeout,
		MaxHeaderBytes:               maxHeaderBytes,
		DisableGeneralOptionsHandler: true, // it would answer OPTIONS * without a body
		ErrorLog:                     slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
}

// Serve serves h on the listener until ctx ends, then lets the requests in
// flight finish for DefaultShutdownTimeout before it cuts them off. It closes
// the listener, and returns nil if all of them finished.
func Serve(ctx context.Context, l net.Listener, h http.Handler, log *slog.Logger) error {
	server := NewHTTPServer(h, log)
	served := make(chan error, 1)
	go func() { served <- server.Serve(JSONErrors(l)) }()

	select {
	case err := <-served:
		return err // it could not go on
	case <-ctx.Done():
	}
	// Requests have contexts of their own: they are not told to stop.
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), DefaultShutdownTimeout)
	defer cancel()
	err := server.Shutdown(grace)
	if err != nil {
		err = errors.Join(err, server.Close())
	}
	<-served // always http.ErrServerClosed
	return err
}
