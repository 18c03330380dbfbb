package otlp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace"
	api "go.opentelemetry.io/otel/trace"

	"github.com/sesuai/sesuai/internal/config"
	"github.com/sesuai/sesuai/internal/telemetry"
)

// exportTimeout is how long the export of a batch of spans may take, all tries
// together.
const exportTimeout = 10 * time.Second

// Options are the parts of an Exporter.
type Options struct {
	// Version is that of the program.
	Version string
	// Failed is told of each export that failed: its spans are lost. It must not
	// block.
	Failed func(error)
}

// Exporter is a telemetry.Tracer that exports its spans in the background. If the
// collector is slow, spans are dropped; no request waits.
type Exporter struct {
	provider    *trace.TracerProvider
	tracer      api.Tracer
	transport   *http.Transport
	trustParent bool
}

// New returns an Exporter for a section that is enabled. Errors have kind
// sesuai.KindConfiguration. That the collector is not there is no error. What the
// environment says of OpenTelemetry (OTEL_…) and of proxies does not decide where spans
// are sent, with which headers and how many. Only OTEL_RESOURCE_ATTRIBUTES counts, which
// describes the process. Close the result.
func New(ctx context.Context, c Config, o Options) (*Exporter, error) {
	headers, err1 := readHeaders(c.HeadersFile)
	roots, err2 := readCertificates(c.CAFile)
	if err := errors.Join(c.Validate(), err1, err2); err != nil {
		return nil, config.Refuse(err)
	}
	e := &Exporter{
		trustParent: c.TrustParent,
		transport: &http.Transport{
			DialContext:         (&net.Dialer{Timeout: exportTimeout}).DialContext,
			TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
			TLSHandshakeTimeout: exportTimeout,
			IdleConnTimeout:     time.Minute,
		},
	}
	client, err := otlptracehttp.New(ctx,
		otlptracehttp.WithEndpointURL(c.OTLPEndpoint),
		otlptracehttp.WithHeaders(headers),
		otlptracehttp.WithTimeout(exportTimeout),
		otlptracehttp.WithHTTPClient(&http.Client{
			Transport: e.transport,
			// A redirect would take the headers to another server.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}))
	if err != nil {
		return nil, fmt.Errorf("starting the export of traces: %w", err)
	}
	sampler := trace.TraceIDRatioBased(c.SampleRatio)
	if c.TrustParent {
		sampler = trace.ParentBased(sampler)
	}
	e.provider = trace.NewTracerProvider(
		trace.WithBatcher(reporter{client, o.Failed}),
		trace.WithSampler(sampler),
		trace.WithResource(resource.NewSchemaless(
			attribute.String("service.name", "sesuai"), attribute.String("service.version", o.Version))),
	)
	e.tracer = e.provider.Tracer("github.com/sesuai/sesuai")
	return e, nil
}

// Close exports the spans that have ended and stops, at the latest when ctx ends.
func (e *Exporter) Close(ctx context.Context) error {
	err := e.provider.Shutdown(ctx)
	e.transport.CloseIdleConnections()
	if err != nil {
		return fmt.Errorf("exporting the last traces: %w", err)
	}
	return nil
}

// reporter reports failed exports to the owner. Otherwise they would go to a global
// handler.
type reporter struct {
	trace.SpanExporter
	failed func(error)
}

// ExportSpans implements trace.SpanExporter.
func (r reporter) ExportSpans(ctx context.Context, spans []trace.ReadOnlySpan) error {
	if err := r.SpanExporter.ExportSpans(ctx, spans); err != nil && r.failed != nil {
		r.failed(err)
	}
	return nil
}

// StartRequest implements telemetry.Tracer. Of the caller it takes only the ids: a
// tracestate could hold anything.
func (e *Exporter) StartRequest(traceparent string) telemetry.Span {
	ctx := context.Background()
	if e.trustParent && traceparent != "" {
		ctx = propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{"traceparent": traceparent})
	}
	ctx, s := e.tracer.Start(ctx, "request", api.WithSpanKind(api.SpanKindServer))
	if !s.SpanContext().IsSampled() {
		return nil
	}
	return &span{e.tracer, ctx, s}
}

// span implements telemetry.Span.
type span struct {
	tracer api.Tracer
	ctx    context.Context // holds the span
	span   api.Span
}

// TraceID implements telemetry.Span.
func (s *span) TraceID() string { return s.span.SpanContext().TraceID().String() }

// Child implements telemetry.Span.
func (s *span) Child(name string) telemetry.Span {
	ctx, child := s.tracer.Start(s.ctx, name)
	return &span{s.tracer, ctx, child}
}

// Set implements telemetry.Span.
func (s *span) Set(key string, value any) {
	switch v := value.(type) {
	case string:
		s.span.SetAttributes(attribute.String(key, v))
	case int:
		s.span.SetAttributes(attribute.Int(key, v))
	}
}

// Name implements telemetry.Span.
func (s *span) Name(name string) { s.span.SetName(name) }

// Fail implements telemetry.Span.
func (s *span) Fail(kind string) { s.span.SetStatus(codes.Error, kind) }

// End implements telemetry.Span.
func (s *span) End() { s.span.End() }
