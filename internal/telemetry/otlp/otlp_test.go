package otlp_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/telemetry"
	"github.com/sesuai/sesuai/internal/telemetry/otlp"
	"github.com/sesuai/sesuai/internal/telemetry/otlp/otlptest"
)

const (
	parentTrace = "0af7651916cd43dd8448eb211c80319c"
	parentSpan  = "b7ad6b7169203331"
	traceparent = "00-" + parentTrace + "-" + parentSpan + "-01"
	unsampled   = "00-" + parentTrace + "-" + parentSpan + "-00"
)

func exporter(t *testing.T, c otlp.Config, failed func(error)) *otlp.Exporter {
	t.Helper()
	e, err := otlp.New(t.Context(), c, otlp.Options{Version: "v1", Failed: failed})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func stop(t *testing.T, e *otlp.Exporter) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := e.Close(ctx); err != nil {
		t.Error(err)
	}
}

func never(t *testing.T) func(error) {
	return func(err error) { t.Errorf("an export failed: %v", err) }
}

// TestExport: spans arrive with their names, attributes, parents and the headers of the
// file. Of the environment only the attributes of the process do.
func TestExport(t *testing.T) {
	t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "host.name=a")
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "From=environment")
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
	t.Setenv("OTEL_TRACES_SAMPLER", "always_off")
	collector := otlptest.New(t)
	c := otlp.DefaultConfig()
	c.OTLPEndpoint = collector.URL
	c.HeadersFile = filepath.Join(t.TempDir(), "headers")
	if err := os.WriteFile(c.HeadersFile, []byte("authorization: Bearer x\n\nX-Scope: sesuai\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	e := exporter(t, c, never(t))
	ctx, r := telemetry.New(t.Context(), e, traceparent)
	_, timing := telemetry.Start(ctx, telemetry.Decode)
	timing.End()
	r.Span().Name("POST /somewhere")
	r.Span().Set("http.response.status_code", 503)
	r.Span().Fail("UNAVAILABLE")
	r.Span().End()
	stop(t, e)

	spans := collector.Spans()
	if len(spans) != 2 {
		t.Fatalf("%d spans: %+v", len(spans), spans)
	}
	child, root := spans[0], spans[1]
	if root.Name != "POST /somewhere" || root.Parent != "" || !root.Failed || root.Attributes["http.response.status_code"] != "503" || root.Trace == parentTrace {
		t.Errorf("the request is %+v", root)
	}
	if child.Name != "decode" || child.Parent != root.ID || child.Trace != root.Trace || r.TraceID() != root.Trace {
		t.Errorf("the stage is %+v", child)
	}
	if len(root.Resource) != 3 || root.Resource["host.name"] != "a" || root.Resource["service.name"] != "sesuai" || root.Resource["service.version"] != "v1" {
		t.Errorf("the resource is %v", root.Resource)
	}
	h := collector.Headers()
	if h.Get("Authorization") != "Bearer x" || h.Get("X-Scope") != "sesuai" || h.Get("From") != "" {
		t.Errorf("the headers are %v", h)
	}
}

// TestParent: the caller's trace is continued, and sampled as it says, only if callers
// are trusted.
func TestParent(t *testing.T) {
	for _, test := range []struct {
		name, traceparent         string
		trust, sampled, continues bool
	}{
		{"trusted", traceparent, true, true, true},
		{"trusted and not sampled", unsampled, true, false, false},
		{"trusted and not valid", "00-x-y-01", true, true, false},
		{"trusted and none", "", true, true, false},
		{"not trusted", traceparent, false, true, false},
		{"not trusted and not sampled", unsampled, false, true, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			collector := otlptest.New(t)
			c := otlp.DefaultConfig()
			c.OTLPEndpoint, c.TrustParent = collector.URL, test.trust
			e := exporter(t, c, never(t))
			s := e.StartRequest(test.traceparent)
			if (s != nil) != test.sampled {
				t.Fatalf("sampled: %v", s != nil)
			}
			if s != nil {
				s.End()
			}
			stop(t, e)
			for _, got := range collector.Spans() {
				if continues := got.Trace == parentTrace && got.Parent == parentSpan; continues != test.continues {
					t.Errorf("the span is %+v", got)
				}
			}
		})
	}
}

// TestSampling: with a ratio of 0 nothing is sampled.
func TestSampling(t *testing.T) {
	c := otlp.DefaultConfig()
	c.OTLPEndpoint, c.SampleRatio = otlptest.New(t).URL, 0
	e := exporter(t, c, never(t))
	defer stop(t, e)
	if s := e.StartRequest(""); s != nil {
		t.Error("it is sampled")
	}
}

// TestUnreachable: a collector that is not there fails no request, and is reported.
func TestUnreachable(t *testing.T) {
	c := otlp.DefaultConfig()
	c.OTLPEndpoint = "http://127.0.0.1:1/v1/traces"
	failed := make(chan error, 8)
	e := exporter(t, c, func(err error) { failed <- err })
	e.StartRequest("").End()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	_ = e.Close(ctx)
	select {
	case err := <-failed:
		if err == nil {
			t.Error("no error")
		}
	default:
		t.Error("it is not reported")
	}
}

// TestFiles: files that cannot be used are refused, without what is in them.
func TestFiles(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, test := range []struct{ headers, ca, want string }{
		{file("open", "A: secret", 0o644), "", "mode 0644"},
		{file("line", "A: b\nsecret", 0o600), "", "line 2"},
		{file("name", "A b: secret", 0o600), "", "line 1"},
		{file("twice", "A: secret\na: secret", 0o600), "", "line 2"},
		{file("value", "A: secret\x01", 0o600), "", "line 1"},
		{file("long", "A: "+strings.Repeat("secret", 3000), 0o600), "", "16384 bytes"},
		{dir, "", "is not a file"},
		{filepath.Join(dir, "none"), "", "no such file"},
		{"", file("ca", "secret", 0o600), "no certificate"},
		{"", filepath.Join(dir, "none"), "no such file"},
	} {
		c := otlp.DefaultConfig()
		c.OTLPEndpoint, c.HeadersFile, c.CAFile = "https://localhost/v1/traces", test.headers, test.ca
		_, err := otlp.New(t.Context(), c, otlp.Options{})
		e, ok := errors.AsType[*sesuai.Error](err)
		if !ok || e.Kind != sesuai.KindConfiguration || !strings.Contains(e.Error(), test.want) || strings.Contains(e.Error(), "secret") {
			t.Errorf("%q, %q: %v, want %q", test.headers, test.ca, err, test.want)
		}
	}
}

// TestValidate: a section that cannot be meant is refused.
func TestValidate(t *testing.T) {
	for _, test := range []struct {
		c    otlp.Config
		want string // "" is valid
	}{
		{otlp.Config{}, ""},
		{otlp.Config{OTLPEndpoint: "http://collector:4318/v1/traces"}, ""},
		{otlp.Config{OTLPEndpoint: "http://127.0.0.1:4318/v1/traces", HeadersFile: "f"}, ""},
		{otlp.Config{OTLPEndpoint: "https://collector/v1/traces", HeadersFile: "f", TrustParent: true}, ""},
		{otlp.Config{HeadersFile: "f"}, "without the URL"},
		{otlp.Config{TrustParent: true}, "without the URL"},
		{otlp.Config{OTLPEndpoint: "http://collector:4318/v1/traces", HeadersFile: "f"}, "in plain"},
		{otlp.Config{OTLPEndpoint: "http://collector:4318"}, "a path"},
		{otlp.Config{OTLPEndpoint: "https://a:b@collector/v1/traces"}, "no password"},
		{otlp.Config{OTLPEndpoint: "grpc://collector:4317/x"}, "must start with"},
		{otlp.Config{OTLPEndpoint: "http://a b/\x7f"}, "not a URL"},
	} {
		err := test.c.Validate()
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: %v, want %q", test.c, err, test.want)
		}
	}
}
