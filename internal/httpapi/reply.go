package httpapi

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/sesuai/sesuai"
)

// replyTimeout is how long a caller may take to receive an answer.
const replyTimeout = 30 * time.Second

// requestIDHeader is on every response.
const requestIDHeader = "Request-Id"

// handlerFunc answers a request, or returns why not.
type handlerFunc func(w *reply, r *http.Request) error

// handler is the one adapter between handlerFunc and net/http. It gives every
// response its headers, writes every error, survives panics and logs one line.
type handler struct {
	server *Server
	serve  handlerFunc
}

// reply is an http.ResponseWriter that knows what the log is to say.
type reply struct {
	http.ResponseWriter
	// id is the request's id, client the id of who asks, "" if not known.
	id, client string
	// status is what was written, 0 if nothing yet.
	status int
	// cause is why the answer is an error, for the log alone.
	cause error
}

// ServeHTTP implements http.Handler.
func (h handler) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	start := time.Now()
	w := &reply{ResponseWriter: rw, id: requestID(r.Header.Get("X-Request-Id"))}
	header := w.Header()
	header.Set(requestIDHeader, w.id)
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	defer func() {
		p := recover()
		if p == http.ErrAbortHandler {
			panic(p) // net/http's own way to drop a connection
		}
		if p != nil {
			w.writeError(panicked(p))
		}
		h.server.log(w, r, time.Since(start))
	}()
	if err := h.serve(w, r); err != nil {
		w.writeError(err)
	}
}

// requestID is the caller's id if it is 1 to 128 visible ASCII characters, else
// a new one.
func requestID(given string) string {
	if given == "" || len(given) > 128 {
		return rand.Text()
	}
	for i := range len(given) {
		if given[i] < '!' || given[i] > '~' {
			return rand.Text()
		}
	}
	return given
}

// sixteenDigits is what a NIK looks like, and the digits around it.
var sixteenDigits = regexp.MustCompile(`[0-9]{16,}`)

// recorded is a request id as the log and the audit trail have it. The caller
// gets its own back, but one that was made of a NIK must not be kept: runs of
// exactly 16 digits are left out.
func recorded(id string) string {
	return sixteenDigits.ReplaceAllStringFunc(id, func(digits string) string {
		if len(digits) != 16 {
			return digits
		}
		return "[16-digits]"
	})
}

// cleanURL is the request's URL without doubled and trailing slashes, which
// ServeMux would answer with a redirect that clients do not follow: their base
// URLs end in a slash.
func cleanURL(r *http.Request) *url.URL {
	u := *r.URL
	u.Path, u.RawPath = path.Clean("/"+u.Path), ""
	return &u
}

// writeError answers with err, or does nothing if the answer has begun.
func (w *reply) writeError(err error) {
	w.cause = err
	kind := sesuai.KindOf(err)
	header := w.Header()
	if kind == sesuai.KindUnauthenticated {
		header.Set("WWW-Authenticate", "Basic")
	}
	if after := retryAfter(err); after > 0 {
		header.Set("Retry-After", strconv.Itoa(after))
	}
	status, body := ErrorJSON(err)
	w.writeJSON(status, body)
}

// writeJSON answers with a body. Only the first answer counts.
func (w *reply) writeJSON(status int, body []byte) {
	if w.status != 0 {
		return
	}
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Content-Length", strconv.Itoa(len(body)))
	// From now on, however long the answer took: a caller who does not read
	// does not keep the connection. A test's ResponseWriter has none.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(replyTimeout))
	w.WriteHeader(status)
	// An error here means that the caller has gone; there is nobody to tell.
	_, _ = w.Write(body)
}

// WriteHeader implements http.ResponseWriter.
func (w *reply) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController find the connection.
func (w *reply) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// log writes the access line: the route's pattern and never the path, the
// kinds and causes of errors and never what was sent.
func (s *Server) log(w *reply, r *http.Request, took time.Duration) {
	level := slog.LevelInfo
	switch {
	case w.status == http.StatusInternalServerError:
		level = slog.LevelError
	case w.status > http.StatusInternalServerError:
		level = slog.LevelWarn
	case w.client == "" && w.status == http.StatusOK:
		level = slog.LevelDebug // somebody's probe of our health
	}
	attrs := []slog.Attr{
		slog.String("request_id", recorded(w.id)),
		slog.String("client", w.client),
		slog.String("method", knownMethod(r.Method)),
		slog.String("route", r.Pattern),
		slog.Int("status", w.status),
		slog.Float64("duration_ms", float64(took.Microseconds())/1000),
	}
	if w.cause != nil {
		attrs = append(attrs,
			slog.String("kind", string(sesuai.KindOf(w.cause))),
			slog.String("cause", w.cause.Error()))
	}
	if r.Context().Err() != nil {
		attrs = append(attrs, slog.Bool("caller_gone", true))
	}
	s.o.Log.LogAttrs(context.WithoutCancel(r.Context()), level, "request", attrs...)
}

// knownMethod keeps a caller's own words out of the log.
func knownMethod(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch,
		http.MethodDelete, http.MethodConnect, http.MethodOptions, http.MethodTrace:
		return m
	default:
		return "other"
	}
}

// panicked is a defect told by the panic's type and the functions on the
// stack: a panic's value, and the arguments in a printed stack, may hold what
// was sent. The runtime's own texts hold indices and types.
func panicked(p any) error {
	what := fmt.Sprintf("%T", p)
	if e, ok := p.(runtime.Error); ok {
		what = e.Error()
	}
	pcs := make([]uintptr, 32)
	// Without Callers, panicked and the deferred function itself.
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs)])
	var at []string
	for {
		f, more := frames.Next()
		at = append(at, f.Function+":"+strconv.Itoa(f.Line))
		if !more {
			break
		}
	}
	return errors.New("panic: " + what + " at " + strings.Join(at, " < "))
}
