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
	failures := func(table string) float64 {
		t.Helper()
		families, err := metrics.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range families[0].GetMetric() {
			if m.GetLabel()[0].GetValue() == table {
				return m.GetCounter().GetValue()
			}
		}
		t.Fatalf("%s has no metric of the table %s", families[0].GetName(), table)
		return 0
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
