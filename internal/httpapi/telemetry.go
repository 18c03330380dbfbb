package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/telemetry"
)

// BatchRow is the route under which the rows of batches are measured.
const BatchRow = "batch row"

// Load is how much the Server has to do.
type Load struct {
	// InFlight is the number of verifications in progress, and Memory how many bytes
	// all bodies take.
	InFlight, Memory int64
}

// Load returns how much there is to do now.
func (s *Server) Load() Load { return Load{s.slots.Taken(), s.bodies.Taken()} }

// tracer returns the tracer of requests of a route; nil for health checks, which come
// every few seconds and tell nothing.
func (s *Server) tracer(route string) telemetry.Tracer {
	if route == http.MethodGet+" "+healthPath || route == http.MethodGet+" "+readinessPath {
		return nil
	}
	return s.o.Tracer
}

// traceparent returns the value of the header of W3C Trace Context; "" if there is none
// that may be recorded. One that holds more than maxDigits digits in a row may hold a NIK. Of
// random ids, about 4 in 100 do.
func traceparent(h http.Header) string {
	values := h["Traceparent"]
	if len(values) != 1 {
		return ""
	}
	digits := 0
	for _, c := range []byte(values[0]) {
		if c < '0' || c > '9' {
			digits = 0
		} else if digits++; digits > maxDigits {
			return ""
		}
	}
	return values[0]
}

// report ends the request's span and reports its measurements. Nothing in them is from
// the caller but its client's id.
func (s *Server) report(w *reply, r *http.Request) {
	m := w.measured
	m.Route, m.Client, m.Status, m.Outcome = r.Pattern, w.client, w.status, w.outcome
	m.Shed = string(shedBy(w.cause))
	if span := m.Span(); span != nil {
		span.Name(r.Pattern)
		span.Set("http.request.method", knownMethod(r.Method))
		span.Set("http.route", r.Pattern)
		span.Set("http.response.status_code", w.status)
		span.Set("sesuai.request_id", w.recordedID)
		for key, value := range map[string]string{"sesuai.client": w.client, "sesuai.outcome": w.outcome, "sesuai.reason": w.reason} {
			if value != "" {
				span.Set(key, value)
			}
		}
		if w.cause != nil {
			span.Set("error.type", string(sesuai.KindOf(w.cause)))
		}
		if w.status >= http.StatusInternalServerError {
			span.Fail(string(sesuai.KindOf(w.cause)))
		}
		span.End()
	}
	s.observe(m)
}

func (s *Server) observe(m *telemetry.Request) {
	if s.o.Observe != nil {
		s.o.Observe(m)
	}
}

// measureRow measures the row of a batch until report is called with its status. It has
// no span: it may be one of a million.
func (s *Server) measureRow(ctx context.Context, w *reply) (_ context.Context, report func(status int)) {
	start := time.Now()
	ctx, w.measured = telemetry.New(ctx, nil, "")
	return ctx, func(status int) {
		m := w.measured
		m.Route, m.Client, m.Status, m.Outcome, m.Took = BatchRow, w.client, status, w.outcome, time.Since(start)
		s.observe(m)
	}
}
