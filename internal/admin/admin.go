// Package admin is the second listener, for operators: metrics, health, the level of
// the log and profiles. It has no credentials, and none of it is on the listener of the
// API. It leaves what is measured, and whether the service is ready, to those who say
// so.
package admin

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/pprof"
	"strings"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/httpapi"
)

// Options are what a handler is made of. All but Profiles are required.
type Options struct {
	// Metrics serves GET /metrics.
	Metrics http.Handler
	// Health serves GET /healthz and /readyz.
	Health http.Handler
	// Level is that of the log, which PUT /loglevel changes.
	Level *slog.LevelVar
	// Profiles is whether the profiles of package net/http/pprof are served, under
	// /debug/pprof/. They show what the program is doing, and no values.
	Profiles bool
	// Log gets a line for each change of the level.
	Log *slog.Logger
}

// New returns a handler of all paths. Its errors are JSON, as those of the API.
func New(o Options) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", o.Metrics)
	mux.Handle("GET /healthz", o.Health)
	mux.Handle("GET /readyz", o.Health)
	mux.HandleFunc("GET /loglevel", func(w http.ResponseWriter, _ *http.Request) { writeLevel(w, o.Level) })
	mux.HandleFunc("PUT /loglevel", func(w http.ResponseWriter, r *http.Request) {
		level, ok := readLevel(w, r)
		if !ok {
			writeError(w, sesuai.KindMalformed)
			return
		}
		o.Level.Set(level)
		o.Log.Warn("the level of the log was changed until the next reload", "level", LevelName(level))
		writeLevel(w, o.Level)
	})
	if o.Profiles {
		mux.HandleFunc("GET /debug/pprof/", pprof.Index)
		mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
		mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	}
	for path, allow := range map[string]string{"/metrics": "GET, HEAD", "/healthz": "GET, HEAD", "/readyz": "GET, HEAD", "/loglevel": "GET, HEAD, PUT"} {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Allow", allow)
			writeError(w, sesuai.KindMethodNotAllowed)
		})
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { writeError(w, sesuai.KindNotFound) })
	return mux
}

// levels are the levels of the log by name.
var levels = map[string]slog.Level{
	"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError,
}

// ParseLevel returns the level of a name, in whatever case: debug, info, warn or error.
func ParseLevel(name string) (level slog.Level, ok bool) {
	level, ok = levels[strings.ToLower(name)]
	return level, ok
}

// LevelName returns the name that ParseLevel reads.
func LevelName(l slog.Level) string { return strings.ToLower(l.String()) }

// maxLevel is how long the name of a level may be, in bytes.
const maxLevel = 64

// readLevel reads the level in the body of a request.
func readLevel(w http.ResponseWriter, r *http.Request) (slog.Level, bool) {
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxLevel))
	if err != nil {
		return 0, false
	}
	return ParseLevel(strings.TrimSpace(string(b)))
}

func writeLevel(w http.ResponseWriter, l *slog.LevelVar) {
	b, _ := json.Marshal(map[string]string{"level": LevelName(l.Level())}) // never fails: a map of texts
	write(w, http.StatusOK, b)
}

func writeError(w http.ResponseWriter, kind sesuai.Kind) {
	status, body := httpapi.ErrorJSON(&sesuai.Error{Kind: kind})
	write(w, status, body)
}

func write(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
