package admin_test

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sesuai/sesuai/internal/admin"
)

// says is a handler that answers with a text and the path that it was asked.
func says(text string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, text+r.URL.Path) })
}

func ask(h http.Handler, method, path, body string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
	return w
}

// TestPaths: each path has its answer, and what is not there is refused in JSON.
func TestPaths(t *testing.T) {
	o := admin.Options{Metrics: says("metrics "), Health: says("health "), Level: new(slog.LevelVar), Log: slog.New(slog.DiscardHandler)}
	h := admin.New(o)
	o.Profiles = true
	profiling := admin.New(o)
	for _, test := range []struct {
		h            http.Handler
		method, path string
		status       int
		body, allow  string
	}{
		{h, "GET", "/metrics", 200, "metrics /metrics", ""},
		{h, "GET", "/healthz", 200, "health /healthz", ""},
		{h, "GET", "/readyz", 200, "health /readyz", ""},
		{h, "GET", "/loglevel", 200, `{"level":"info"}`, ""},
		{h, "GET", "/debug/pprof/", 404, `{"error":"Not found"}`, ""},
		{h, "GET", "/debug/pprof/profile", 404, `{"error":"Not found"}`, ""},
		{h, "GET", "/", 404, `{"error":"Not found"}`, ""},
		{h, "GET", "/identity/v1/face-verification", 404, `{"error":"Not found"}`, ""},
		{h, "POST", "/metrics", 405, `{"error":"Method not allowed"}`, "GET, HEAD"},
		{h, "DELETE", "/loglevel", 405, `{"error":"Method not allowed"}`, "GET, HEAD, PUT"},
		{profiling, "GET", "/debug/pprof/goroutine", 200, "", ""},
		{profiling, "GET", "/debug/pprof/cmdline", 404, "", ""},
	} {
		w := ask(test.h, test.method, test.path, "")
		if w.Code != test.status || test.body != "" && w.Body.String() != test.body || w.Header().Get("Allow") != test.allow {
			t.Errorf("%s %s: %d %s %v", test.method, test.path, w.Code, w.Body, w.Header())
		}
		if strings.HasPrefix(test.body, "{") && w.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%s %s: %v", test.method, test.path, w.Header())
		}
	}
}

// TestLevel: a level that is set is in force at once and logged, and another text is
// refused and changes nothing.
func TestLevel(t *testing.T) {
	var out bytes.Buffer
	level := new(slog.LevelVar)
	log := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: level}))
	h := admin.New(admin.Options{Metrics: says(""), Health: says(""), Level: level, Log: log})
	if w := ask(h, "PUT", "/loglevel", "debug\n"); w.Code != 200 || w.Body.String() != `{"level":"debug"}` || level.Level() != slog.LevelDebug {
		t.Errorf("%d %s, %v", w.Code, w.Body, level)
	}
	if !strings.Contains(out.String(), "level=debug") {
		t.Errorf("the log has %s", &out)
	}
	for _, text := range []string{"", "loud", "info debug", "2", strings.Repeat(" ", 100) + "info"} {
		if w := ask(h, "PUT", "/loglevel", text); w.Code != 400 || !strings.HasPrefix(w.Body.String(), "{") || level.Level() != slog.LevelDebug {
			t.Errorf("%q: %d %s, %v", text, w.Code, w.Body, level)
		}
	}
}
