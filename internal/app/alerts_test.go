package app_test

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/app"
)

// TestAlerts: a row that somebody else has written is counted in the metrics, from
// 0 on, and an error in the log, which has none of its values.
func TestAlerts(t *testing.T) {
	c := config(t)
	storage, err := app.OpenStorage(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer closeStorage(t, storage)
	var log lockedBuffer
	metrics := prometheus.NewRegistry()
	if err := storage.Observe(slog.New(slog.NewJSONHandler(&log, nil)), metrics); err != nil {
		t.Fatal(err)
	}
	counter := func(name, label string) float64 {
		t.Helper()
		families, err := metrics.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			for _, m := range f.GetMetric() {
				if labels := m.GetLabel(); f.GetName() == name && len(labels) == 1 && labels[0].GetValue() == label {
					return m.GetCounter().GetValue()
				}
			}
		}
		t.Fatalf("there is no metric %s of %s", name, label)
		return 0
	}
	failures := func(table string) float64 { return counter("sesuai_integrity_failures_total", table) }
	// An alert on an increase sees the first one only if there is a 0 before.
	for _, state := range []string{"flagged", "stopped"} {
		if n := counter("sesuai_client_flags_total", state); n != 0 {
			t.Errorf("%v clients are %s before", n, state)
		}
	}
	who := addClient(t, storage, "Bank Karangan", access.Client{})
	execSQL(t, database(t, c), `UPDATE clients SET threshold = 7501`)
	if n := failures("clients"); n != 0 {
		t.Errorf("%v failures before", n)
	}
	auth := access.NewAuthenticator(access.AuthenticatorOptions{Clients: storage.Clients, Hash: storage.Hash})
	_, err = auth.Authenticate(t.Context(), access.Attempt{Username: who.Username, Password: who.Password, APIKey: who.APIKey})
	if sesuai.KindOf(err) != sesuai.KindUnauthenticated {
		t.Errorf("Authenticate = %v", err)
	}
	if n := failures("clients"); n != 1 {
		t.Errorf("%v failures, want 1", n)
	}
	text := log.String()
	if !strings.Contains(text, `"level":"ERROR"`) || !strings.Contains(text, `"table":"clients"`) {
		t.Errorf("the log is %s", text)
	}
	for _, value := range []string{"Bank", "7501", "75.01", "cli_"} {
		if strings.Contains(text, value) {
			t.Errorf("the log has %s: %s", value, text)
		}
	}
}
