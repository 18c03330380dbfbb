package app_test

import (
	"log/slog"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sesuai/sesuai/internal/app"
)

// quiet discards the alerts of a storage.
func quiet(t *testing.T, s *app.Storage) {
	t.Helper()
	if err := s.Observe(slog.New(slog.DiscardHandler), prometheus.NewRegistry()); err != nil {
		t.Fatal(err)
	}
}
