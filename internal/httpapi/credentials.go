package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
)

// anyScope is the scope of what every client may do.
const anyScope access.Scope = ""

// attempt returns what a request is authenticated by. A missing credential is an empty
// text and is treated as a wrong one, so that neither the response nor its timing tells
// them apart.
func (s *Server) attempt(r *http.Request) access.Attempt {
	username, password, _ := r.BasicAuth()
	return access.Attempt{
		From: s.o.Proxies.caller(r), Username: username, Password: password, APIKey: r.Header.Get("X-Api-Key"),
		Certificate: certificateOf(r),
	}
}

// authorize returns the calling client. It is an error if the client does not
// have the scope or exceeds its rate.
func (s *Server) authorize(w *reply, r *http.Request, scope access.Scope) (access.Client, error) {
	ctx, cancel := context.WithTimeout(r.Context(), s.o.Timeout)
	defer cancel()
	client, err := s.o.Authenticator.Authenticate(ctx, s.attempt(r))
	if err != nil {
		if sesuai.KindOf(err) == sesuai.KindRateLimited {
			s.hold(r.Context())
		} else {
			w.release()
		}
		return access.Client{}, err
	}
	w.client = client.ID
	if scope != anyScope {
		if err := client.Authorize(scope); err != nil {
			return access.Client{}, err
		}
	}
	if s.o.Limiter != nil {
		if err := s.o.Limiter.Allow(ctx, client); err != nil {
			return access.Client{}, err
		}
	}
	return client, nil
}

const (
	// holdTime is how long the response to an attempt is held after too many
	// failed ones.
	holdTime = time.Second
	// maxHeld is how many responses are held at once. Each holds a connection,
	// perhaps one of a proxy that others need.
	maxHeld = 64
)

// hold slows a caller down whose attempts failed too often, unless maxHeld others
// are being held.
func (s *Server) hold(ctx context.Context) {
	select {
	case s.held <- struct{}{}:
	default:
		return
	}
	defer func() { <-s.held }()
	select {
	case <-time.After(holdTime):
	case <-ctx.Done():
	}
}
