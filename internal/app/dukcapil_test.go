package app_test

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/dukcapil/balikan"
	"github.com/sesuai/sesuai/internal/dukcapil/client"
	"github.com/sesuai/sesuai/internal/registry"
	"github.com/sesuai/sesuai/test/process"
)

// otherDukcapil is a value of every key of the section that differs from the
// default and is in range.
var otherDukcapil = map[string]string{
	"dukcapil.enabled": "true", "dukcapil.deadline": "18s", "dukcapil.parallel": "true",
	"dukcapil.data.url": "https://10.1.1.1:8443/a", "dukcapil.data.path": "/b/{method}/{customer}", "dukcapil.data.customer": "77",
	"dukcapil.data.method": "CALL_NIK", "dukcapil.data.user_file": "/run/a", "dukcapil.data.password_file": "/run/b",
	"dukcapil.data.ip": "10.2.2.2", "dukcapil.data.threshold": "90", "dukcapil.data.threshold_as_number": "true",
	"dukcapil.data.keys": "threshold=THRESHOLD", "dukcapil.data.codes": "00=found 13=not_found 5=quota",
	"dukcapil.data.texts": "tidak ada=13; habis=05", "dukcapil.data.duplicate": "active", "dukcapil.data.billable": "found",
	"dukcapil.data.timeout": "4s",
	"dukcapil.face.url":     "https://10.1.1.2", "dukcapil.face.path": "/c/{credential}", "dukcapil.face.method": "CALL_FACE",
	"dukcapil.face.credential_file": "/run/c", "dukcapil.face.user_file": "/run/d", "dukcapil.face.password_file": "/run/e",
	"dukcapil.face.public_key_file": "/run/f.pem", "dukcapil.face.scheme": "oaep-sha256-1", "dukcapil.face.customer": "78",
	"dukcapil.face.source": "bank", "dukcapil.face.ip": "10.2.2.3", "dukcapil.face.threshold": "5.5",
	"dukcapil.face.curve": "0:0 6:75 12:100", "dukcapil.face.suspect": "9.75", "dukcapil.face.image_bytes": "150000",
	"dukcapil.face.keys": "score=SCORE", "dukcapil.face.codes": "6018=match 6019=no_match", "dukcapil.face.billable": "match no_match no_portrait",
	"dukcapil.face.timeout":         "11s",
	"dukcapil.tls.pins":             strings.Repeat("0f", 32),
	"dukcapil.tls.ca_file":          "/run/ca.pem",
	"dukcapil.tls.server_name":      "dukcapil.invalid",
	"dukcapil.tls.client_cert_file": "/run/client.pem",
	"dukcapil.tls.client_key_file":  "/run/client.key",
	"dukcapil.retry.tries":          "2", "dukcapil.retry.delay": "100ms", "dukcapil.retry.max_delay": "1s",
	"dukcapil.breaker.rate": "0.25", "dukcapil.breaker.window": "1m", "dukcapil.breaker.minimum": "20",
	"dukcapil.breaker.delay": "30s", "dukcapil.breaker.trials": "5",
	"dukcapil.in_flight": "8", "dukcapil.hours": "06:00-22:00", "dukcapil.maintenance": "2026-12-01T22:00/2026-12-02T04:00",
	"dukcapil.keep_log":    "8760h",
	"dukcapil.prices":      "2023-01-01 data_check=1100 face_check=3300",
	"dukcapil.balikan.url": "https://10.1.1.3/store", "dukcapil.balikan.token_file": "/run/g",
	"dukcapil.balikan.institution_id": "123", "dukcapil.balikan.institution_name": "BANK CONTOH",
	"dukcapil.balikan.batch": "50", "dukcapil.balikan.interval": "7s",
}

func otherDukcapilConfig() app.DukcapilConfig {
	return app.DukcapilConfig{
		Enabled: true, Deadline: 18 * time.Second,
		Config:  otherClientConfig(),
		KeepLog: 8760 * time.Hour,
		Prices:  "2023-01-01 data_check=1100 face_check=3300",
		Balikan: balikan.Config{
			URL: "https://10.1.1.3/store", TokenFile: "/run/g", InstitutionID: "123", InstitutionName: "BANK CONTOH",
			Batch: 50, Interval: 7 * time.Second,
		},
	}
}

func otherClientConfig() client.Config {
	return client.Config{
		Parallel: true,
		Data: client.DataConfig{
			URL: "https://10.1.1.1:8443/a", Path: "/b/{method}/{customer}", Customer: "77", Method: "CALL_NIK",
			UserFile: "/run/a", PasswordFile: "/run/b", IP: "10.2.2.2", Threshold: 90, ThresholdAsNumber: true,
			Keys: "threshold=THRESHOLD", Codes: "00=found 13=not_found 5=quota", Texts: "tidak ada=13; habis=05",
			Duplicate: "active", Billable: "found", Timeout: 4 * time.Second,
		},
		Face: client.FaceConfig{
			URL: "https://10.1.1.2", Path: "/c/{credential}", Method: "CALL_FACE",
			CredentialFile: "/run/c", UserFile: "/run/d", PasswordFile: "/run/e", PublicKeyFile: "/run/f.pem",
			Scheme: client.SchemeOAEP, Customer: "78", Source: "bank", IP: "10.2.2.3", Threshold: 5.5,
			Curve: "0:0 6:75 12:100", Suspect: 9.75, ImageBytes: 150_000, Keys: "score=SCORE",
			Codes: "6018=match 6019=no_match", Billable: "match no_match no_portrait", Timeout: 11 * time.Second,
		},
		TLS: client.TLSConfig{
			Pins: strings.Repeat("0f", 32), CAFile: "/run/ca.pem", ServerName: "dukcapil.invalid",
			ClientCertFile: "/run/client.pem", ClientKeyFile: "/run/client.key",
		},
		Retry:    client.RetryConfig{Tries: 2, Delay: 100 * time.Millisecond, MaxDelay: time.Second},
		Breaker:  client.BreakerConfig{Rate: 0.25, Window: time.Minute, Minimum: 20, Delay: 30 * time.Second, Trials: 5},
		InFlight: 8, Hours: "06:00-22:00", Maintenance: "2026-12-01T22:00/2026-12-02T04:00",
	}
}

// TestDukcapilSection: one that is not enabled may be incomplete; one that is
// is checked, and its files where the service is checked or started.
func TestDukcapilSection(t *testing.T) {
	c := app.DefaultConfig()
	if err := c.Check(); err != nil {
		t.Error(err)
	}
	c.Dukcapil.Enabled = true
	assertConfiguration(t, c.Check(), "dukcapil.data.url")
	c.Dukcapil = otherDukcapilConfig()
	if err := c.Check(); err != nil {
		t.Error(err)
	}
	assertConfiguration(t, app.CheckFiles(t.Context(), c), "dukcapil.data.user_file")
	c.Dukcapil.Face.Curve = "0:0"
	assertConfiguration(t, c.Check(), "dukcapil.face.curve")
	c.Dukcapil = otherDukcapilConfig()
	c.Dukcapil.Deadline = 31 * time.Second
	assertConfiguration(t, c.Check(), "dukcapil.deadline: 31s is longer than timeouts.request (30s)")
}

// TestAdminListener: what operators ask is there and not on the API's address, and an
// address that is taken is an error that names the key.
func TestAdminListener(t *testing.T) {
	process.Need(t, realModels)
	c := config(t)
	c.Admin.Listen = freeAddress(t)
	s := start(t, c)
	if status, body := s.adminPage(t, "/metrics"); status != 200 || !contains(body, "\ngo_goroutines ") {
		t.Errorf("%d %s", status, body)
	}
	if status, body := s.adminPage(t, "/readyz"); status != 200 || body != `{"status":"ready"}` {
		t.Errorf("/readyz there: %d %s", status, body)
	}
	if status, _ := s.adminPage(t, "/debug/pprof/"); status != 404 {
		t.Errorf("profiles, which are off: %d", status)
	}
	for _, path := range []string{"/metrics", "/loglevel", "/debug/pprof/"} {
		if status, _ := s.get(t, path); status != 404 {
			t.Errorf("%s on the API's address: %d", path, status)
		}
	}
	taken := config(t)
	taken.Admin.Listen = c.Admin.Listen
	err := app.Serve(t.Context(), taken, app.ServeOptions{Log: slog.New(slog.DiscardHandler)})
	assertConfiguration(t, err, "admin.listen")
}

// TestRegistryOfChoice: the store's own unless Dukcapil is enabled.
func TestRegistryOfChoice(t *testing.T) {
	c := config(t)
	s, err := app.OpenStorage(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	r, err := app.OpenRegistry(c, s, slog.New(slog.DiscardHandler), nil)
	if err != nil || r.Registry != registry.Registry(s.People) || r.Detail() != nil {
		t.Errorf("%v, %v", r.Detail(), err)
	}
	r.Close()
	c.Dukcapil = otherDukcapilConfig()
	if _, err = app.OpenRegistry(c, s, slog.New(slog.DiscardHandler), nil); sesuai.KindOf(err) != sesuai.KindConfiguration {
		t.Error(err)
	}
}
