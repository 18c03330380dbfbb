package app_test

import (
	"context"
	"net/http"
	"sync"
	"testing"

	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/httpapi"
	"github.com/sesuai/sesuai/test/process"
)

// TestNotReadyWhileLocked: while somebody else keeps the lock that every
// verification needs, the service says that it is not ready, and gives no
// verdict.
func TestNotReadyWhileLocked(t *testing.T) {
	process.Slow(t)
	s := start(t, config(t), ayu)
	s.awaitReadiness(t, http.StatusOK)
	release := lockDatabase(t, s.config)
	s.awaitReadiness(t, http.StatusServiceUnavailable)

	contentType, body := form(t, ayu.asks(), readPhoto(t, "ayu-selfie.jpg"))
	resp, _ := s.send(t, s.request(t, http.MethodPost, httpapi.FaceVerificationPath, contentType, body))
	if resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a verification: %d", resp.StatusCode)
	}
	// The database says that it is busy, or the verification's own time has passed
	// before that: then there is no Retry-After.
	if after := resp.Header.Get("Retry-After"); after != "" && (onPostgres || after != "1") {
		t.Errorf("Retry-After is %q", after)
	}

	release()
	s.awaitReadiness(t, http.StatusOK)
	if status, body := s.verify(t, ayu.asks()); status != http.StatusOK {
		t.Errorf("once the lock is gone: %d %s", status, body)
	}
}

// lockDatabase starts a transaction of another process that keeps verifications
// from being recorded, until release is called.
func lockDatabase(t *testing.T, c app.Config) (release func()) {
	t.Helper()
	// The test's context ends before its cleanup.
	tx, err := database(t, c).BeginTx(context.Background(), nil)
	if err == nil {
		_, err = tx.ExecContext(t.Context(), `UPDATE audit_head SET seq = seq`)
	}
	if err != nil {
		t.Fatal(err)
	}
	release = sync.OnceFunc(func() {
		if err := tx.Rollback(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(release)
	return release
}
