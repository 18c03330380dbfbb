package httpapi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/answer"
	"github.com/sesuai/sesuai/internal/telemetry"
)

// replyTimeout is how long a caller may take to receive a response.
const replyTimeout = 30 * time.Second

// lingerTimeout is how long the rest of a refused request is read and dropped. A
// caller that sends all of a request before it reads could otherwise lose the
// response when the connection is closed.
const lingerTimeout = 500 * time.Millisecond

// requestIDHeader is set on every response.
const requestIDHeader = "Request-Id"

// handlerFunc answers a request, or returns an error for handler to write.
type handlerFunc func(w *reply, r *http.Request) error

// handler adapts a handlerFunc to net/http. It sets the common headers of every
// response, writes every error, recovers from panics and logs one line.
type handler struct {
	server *Server
	serve  handlerFunc
}

// reply is an http.ResponseWriter that collects what the log line needs.
type reply struct {
	http.ResponseWriter
	// id is the request's id, and recordedID is the id as it is recorded.
	id, recordedID string
	// client is the id of the calling client; "" if not known.
	client string
	// status is the written status, 0 if nothing was written yet.
	status int
	// unread is set until the whole body has been read.
	unread bool
	// arrived is when the request had been received, as far as it is read; zero for the
	// row of a batch.
	arrived time.Time
	// drop is set if the rest of the body is to be dropped rather than the connection
	// closed.
	drop bool
	// outcome and reason are those of the verdict that was answered; empty if
	// there is none.
	outcome, reason string
	// noAnswer is the result in an answer that says that there is none.
	noAnswer any
	// cause is the error that was answered. It is only logged.
	cause error
	// signing signs the answer; nil if the caller does not prefer that.
	signing *signing
	// measured is the request's telemetry.
	measured *telemetry.Request
	// basis is what the answer was given on; zero if there is no answer to sign.
	basis answer.Basis
}

// ServeHTTP implements http.Handler.
func (h handler) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	start := time.Now()
	id, given := requestID(r.Header["X-Request-Id"])
	w := &reply{ResponseWriter: rw, id: id, recordedID: id, unread: r.ContentLength != 0, arrived: start}
	if given {
		w.recordedID = RecordedID(h.server.o.Hash, id)
	}
	ctx, measured := telemetry.New(r.Context(), h.server.tracer(r.Pattern), traceparent(r.Header))
	r, w.measured = r.WithContext(ctx), measured
	header := w.Header()
	header.Set(requestIDHeader, w.id)
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	defer func() {
		p := recover()
		if p == http.ErrAbortHandler {
			panic(p) // net/http drops the connection
		}
		if p != nil {
			w.writeError(panicked(p))
		}
		measured.Took = time.Since(start)
		h.server.log(w, r)
		h.server.report(w, r)
	}()
	err := checkSingle(r.Header)
	if err == nil {
		err = h.serve(w, r)
	}
	if err != nil {
		w.writeError(err)
	}
}

// singleHeaders are the headers that decide how a request is answered.
var singleHeaders = [...]string{"Authorization", "X-Api-Key", "X-Request-Id", idempotencyKey, "Content-Type", "Content-Encoding"}

// checkSingle refuses a request that has one of the singleHeaders twice: two
// readers of one request must not be able to see two different ones in it.
func checkSingle(h http.Header) error {
	for _, name := range singleHeaders {
		if len(h[name]) > 1 {
			return malformed("header " + name + " is given twice")
		}
	}
	return nil
}

// cleanURL returns the request's URL without doubled and trailing slashes.
// Clients send them because their base URLs end in a slash. ServeMux would
// answer with a redirect, which the clients do not follow.
func cleanURL(r *http.Request) *url.URL {
	u := *r.URL
	u.Path, u.RawPath = path.Clean("/"+u.Path), ""
	return &u
}

// writeError writes the response for err, unless a response has been written.
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
	status, body := errorJSON(err, w.noAnswer)
	w.writeJSON(status, body)
}

// writeVerdict writes the response with a verdict about a person. The log has its
// outcome as the audit trail does. One that is not favourable waits: see release.
func (w *reply) writeVerdict(verified bool, reason sesuai.Reason, body []byte) {
	w.outcome, w.reason = "not_verified", string(reason)
	if verified {
		w.outcome = "verified"
	} else {
		w.release()
	}
	w.writeJSON(http.StatusOK, body)
}

// writeMatch writes the response with a verdict about two photographs.
func (w *reply) writeMatch(v sesuai.MatchVerdict, body []byte) {
	w.outcome, w.reason = "not_matched", string(v.Code)
	if v.Code == sesuai.CodeMatch {
		w.outcome = "matched"
	}
	w.writeJSON(http.StatusOK, body)
}

// writeJSON writes a response. Only the first call has an effect.
func (w *reply) writeJSON(status int, body []byte) {
	w.sign(status, body)
	w.write(status, "application/json", body)
}

// write is writeJSON for a body of any type. A nil body is none, as of a 304.
func (w *reply) write(status int, contentType string, body []byte) {
	if w.status != 0 {
		return
	}
	header := w.Header()
	if body != nil {
		header.Set("Content-Type", contentType)
		header.Set("Content-Length", strconv.Itoa(len(body)))
	}
	// The deadline starts now, however long the handler took. It keeps a
	// caller that does not read from holding the connection. A test's
	// ResponseWriter has no connection.
	connection := http.NewResponseController(w)
	_ = connection.SetWriteDeadline(time.Now().Add(replyTimeout))
	if w.unread || status == http.StatusUnauthorized {
		// net/http would wait for the rest of the body until its own
		// deadline, in order to keep the connection.
		if !w.drop {
			header.Set("Connection", "close")
		}
		_ = connection.SetReadDeadline(time.Now().Add(lingerTimeout))
	}
	w.WriteHeader(status)
	// An error means that the caller has closed the connection.
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

// log writes the request's line in the log. It has the route's pattern instead
// of the path, the outcome and its reason, the times of the stages, and kinds and causes
// of errors, but no input. The lines about unknown callers are sampled.
func (s *Server) log(w *reply, r *http.Request) {
	ctx, now := context.WithoutCancel(r.Context()), time.Now()
	for _, skipped := range s.sampler.past(now) {
		s.o.Log.LogAttrs(ctx, slog.LevelWarn, "requests not logged",
			slog.String("kind", string(skipped.kind)), slog.Int("count", skipped.count))
	}
	if w.client == "" && w.cause != nil && !s.sampler.allow(sesuai.KindOf(w.cause), now) {
		return
	}
	level := slog.LevelInfo
	switch {
	case w.status == http.StatusInternalServerError:
		level = slog.LevelError
	case w.status > http.StatusInternalServerError:
		level = slog.LevelWarn
	case w.client == "" && w.status < http.StatusBadRequest:
		level = slog.LevelDebug // a health check, or a reader of the description
	}
	attrs := []slog.Attr{
		slog.String("request_id", w.recordedID),
		slog.String("client", w.client),
		slog.String("method", knownMethod(r.Method)),
		slog.String("route", r.Pattern),
		slog.Int("status", w.status),
		slog.Float64("duration_ms", milliseconds(w.measured.Took)),
	}
	if id := w.measured.TraceID(); id != "" {
		attrs = append(attrs, slog.String("trace_id", id))
	}
	var stages []slog.Attr
	w.measured.EachStage(func(stage telemetry.Stage, took time.Duration) {
		stages = append(stages, slog.Float64(string(stage), milliseconds(took)))
	})
	if len(stages) > 0 {
		attrs = append(attrs, slog.Attr{Key: "stages_ms", Value: slog.GroupValue(stages...)})
	}
	if w.outcome != "" {
		attrs = append(attrs, slog.String("outcome", w.outcome), slog.String("reason", w.reason))
	}
	if w.cause != nil {
		attrs = append(attrs,
			slog.String("kind", string(sesuai.KindOf(w.cause))),
			slog.String("cause", w.cause.Error()))
	}
	if r.Context().Err() != nil {
		attrs = append(attrs, slog.Bool("caller_gone", true))
	}
	s.o.Log.LogAttrs(ctx, level, "request", attrs...)
}

// milliseconds returns a time with three decimals.
func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// knownMethod returns m, or "other" if m is not a standard method, since
// unknown input must not be logged.
func knownMethod(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch,
		http.MethodDelete, http.MethodConnect, http.MethodOptions, http.MethodTrace:
		return m
	default:
		return "other"
	}
}

// panicked returns an error that describes a panic by its type and by the
// functions on the stack. It leaves out the panic's value and the arguments of
// the functions, since they may contain input. The texts of runtime errors
// contain only indices and types, so they are kept.
func panicked(p any) error {
	what := fmt.Sprintf("%T", p)
	if e, ok := p.(runtime.Error); ok {
		what = e.Error()
	}
	pcs := make([]uintptr, 32)
	// Skip Callers, panicked and the deferred function.
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
