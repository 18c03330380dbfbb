package httpapi

import (
	"context"
	"net/http"

	"github.com/sesuai/sesuai/internal/access"
)

// authorize says which client is calling, if it may do what scope is about and
// has not done so too often.
func (s *Server) authorize(w *reply, r *http.Request, scope access.Scope) (access.Client, error) {
	// A missing credential goes the same way as a wrong one, as an empty
	// text, so that neither the answer nor the time tells them apart.
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
