package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/client"
)

// openRun returns the run of a command, which must not be an error.
func openRun(t *testing.T, c *batchVerify, claims *os.File) *batchRun {
	t.Helper()
	r, err := c.openRun(claims)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestBatchRunIsLocked: while a run is in progress there is no other with the same file
// of results, so that no row is verified by both.
func TestBatchRunIsLocked(t *testing.T) {
	claims, err := os.Create(filepath.Join(t.TempDir(), "claims.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer claims.Close()
	c := &batchVerify{Out: filepath.Join(t.TempDir(), "results.csv")}
	open := func() *batchRun { return openRun(t, c, claims) }
	first := open()
	if err := first.keep("batch-a"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.openRun(claims); sesuai.KindOf(err) != sesuai.KindConflict {
		t.Errorf("a second one beside it: %v", err)
	}
	if err := first.end(false); err != nil {
		t.Fatal(err)
	}
	second := open()
	if second.ID != "batch-a" {
		t.Errorf("the run goes on as %q", second.ID)
	}
	if err := second.end(true); err != nil {
		t.Fatal(err)
	}
	third := open()
	if third.ID != "" {
		t.Errorf("a new run has the ID %q", third.ID)
	}
	if err := third.end(false); err != nil {
		t.Fatal(err)
	}
	if remaining, err := filepath.Glob(c.Out + "*"); err != nil || len(remaining) != 0 {
		t.Errorf("remaining: %v, %v", remaining, err)
	}
}

// TestUploadHasTheKeyOfItsRun: a run that is killed after its upload, before it has the
// batch's ID, uploads with the same key. One that is refused has no key.
func TestUploadHasTheKeyOfItsRun(t *testing.T) {
	status, key := http.StatusAccepted, ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		key = r.Header.Get("Idempotency-Key")
		w.Header().Set("Request-Id", "request-1")
		w.WriteHeader(status)
		fmt.Fprint(w, `{"batch_id":"batch-a","state":"running"}`)
	}))
	defer server.Close()
	for _, name := range []string{"BATCH_USERNAME", "BATCH_PASSWORD", "BATCH_API_KEY"} {
		t.Setenv(name, "x")
	}
	folder := t.TempDir()
	claims, err := os.Create(filepath.Join(folder, "claims.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer claims.Close()
	c := &batchVerify{Out: filepath.Join(folder, "results.csv"), Server: server.URL}
	api, err := c.api()
	if err != nil {
		t.Fatal(err)
	}
	open := func() *batchRun { return openRun(t, c, claims) }
	// upload has a run upload, and returns what it has sent as its key.
	upload := func(r *batchRun) string {
		t.Helper()
		key = ""
		if added, err := c.upload(t.Context(), api, claims, r); (err == nil) != (status == http.StatusAccepted) || err == nil && added.ID != "batch-a" {
			t.Errorf("%+v, %v", added, err)
		}
		return key
	}
	status = http.StatusBadRequest
	run := open()
	refused := upload(run)
	if err := run.end(false); err != nil {
		t.Fatal(err)
	}
	status = http.StatusAccepted
	run = open()
	first := upload(run)
	if first == "" || first == refused {
		t.Errorf("the key is %q, after %q was refused", first, refused)
	}
	if _, err := run.file.WriteString(`{"batch_id":"bat`); err != nil { // killed meanwhile
		t.Fatal(err)
	}
	if err := run.file.Close(); err != nil {
		t.Fatal(err)
	}
	status = http.StatusConflict // of a proxy's, say: the first upload is still there
	run = open()
	if again := upload(run); again != first {
		t.Errorf("sent again with the key %q, want %q", again, first)
	}
	if err := run.end(false); err != nil {
		t.Fatal(err)
	}
	status = http.StatusAccepted
	run = open()
	if again := upload(run); again != first || run.ID != "" {
		t.Errorf("sent again with the key %q, want %q", again, first)
	}
	old := time.Now().Add(-client.KeyMaxAge - time.Minute)
	if err := os.Chtimes(run.file.Name(), old, old); err != nil {
		t.Fatal(err)
	}
	if _, err := c.upload(t.Context(), api, claims, run); sesuai.KindOf(err) != sesuai.KindConflict {
		t.Errorf("after a day: %v", err)
	}
	if err := run.keep("batch-a"); err != nil {
		t.Fatal(err)
	}
	if err := run.end(false); err != nil {
		t.Fatal(err)
	}
	run = open()
	if run.ID != "batch-a" {
		t.Errorf("the run goes on as %q", run.ID)
	}
	if err := run.end(true); err != nil {
		t.Fatal(err)
	}
}
