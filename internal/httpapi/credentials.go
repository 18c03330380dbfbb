package httpapi

import (
	"context"
	"net/http"

	"github.com/sesuai/sesuai/internal/access"
)

// authorize returns the calling client. It is an error if the client does not
// have the scope or exceeds its rate.
func (s *Server) authorize(w *reply, r *http.Request, scope access.Scope) (access.Client, error) {
	// A missing credential is an empty text and is treated as a wrong one, so
	// that neither the response nor its timing tells them apart.
	username, password, _ := r.BasicAuth()
	ctx, cancel := context.WithTimeout(r.Context(), s.o.Timeout)
	defer cancel()
	client, err := s.o.Authenticator.Authenticate(ctx, username, password, r.Header.Get("X-Api-Key"))
	if err != nil {
		return access.Client{}, err
	}
	w.client = client.ID
	if err := client.Authorize(scope); err != nil {
		return access.Client{}, err
	}
	if s.o.Limiter != nil {
		if err := s.o.Limiter.Allow(client); err != nil {
			return access.Client{}, err
		}
	}
	return client, nil
}
