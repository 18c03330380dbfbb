// Package otlptest is a collector of traces for tests: it receives OTLP over HTTP and
// decodes it. What the spans should be it leaves to the tests.
package otlptest

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	"google.golang.org/protobuf/proto"
)

// Collector receives traces. It is safe for concurrent use.
type Collector struct {
	// URL is the endpoint.
	URL string

	mu      sync.Mutex
	spans   []Span
	raw     bytes.Buffer
	headers http.Header
}

// Span is a span as it was received.
type Span struct {
	Trace, ID, Parent string
	Name              string
	Failed            bool
	Start, End        time.Time
	// Attributes are those of the span, and Resource those of the program, as text.
	Attributes, Resource map[string]string
}

// New starts a Collector on this machine until the test ends.
func New(t testing.TB) *Collector {
	t.Helper()
	c := new(Collector)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := c.receive(r); err != nil {
			t.Errorf("otlptest: %v", err)
			http.Error(w, "it cannot be read", http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/x-protobuf") // an empty response is one without an error
	}))
	t.Cleanup(server.Close)
	c.URL = server.URL + "/v1/traces"
	return c
}

func (c *Collector) receive(r *http.Request) error {
	if r.URL.Path != "/v1/traces" || r.Header.Get("Content-Type") != "application/x-protobuf" {
		return fmt.Errorf("%s of %s", r.URL.Path, r.Header.Get("Content-Type"))
	}
	var body io.Reader = r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		unzipped, err := gzip.NewReader(r.Body)
		if err != nil {
			return err
		}
		body = unzipped
	}
	b, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	var export collector.ExportTraceServiceRequest
	if err := proto.Unmarshal(b, &export); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.raw.Write(b)
	c.headers = r.Header.Clone()
	for _, of := range export.ResourceSpans {
		resource := texts(of.GetResource().GetAttributes())
		for _, scope := range of.ScopeSpans {
			for _, s := range scope.Spans {
				c.spans = append(c.spans, Span{
					Trace: hex.EncodeToString(s.TraceId), ID: hex.EncodeToString(s.SpanId), Parent: hex.EncodeToString(s.ParentSpanId),
					Name: s.Name, Failed: s.GetStatus().GetCode() == 2,
					// #nosec G115 -- times of this century
					Start: time.Unix(0, int64(s.StartTimeUnixNano)), End: time.Unix(0, int64(s.EndTimeUnixNano)),
					Attributes: texts(s.Attributes), Resource: resource,
				})
			}
		}
	}
	return nil
}

func texts(attributes []*common.KeyValue) map[string]string {
	all := make(map[string]string, len(attributes))
	for _, a := range attributes {
		switch v := a.Value.GetValue().(type) {
		case *common.AnyValue_StringValue:
			all[a.Key] = v.StringValue
		case *common.AnyValue_IntValue:
			all[a.Key] = fmt.Sprint(v.IntValue)
		default:
			all[a.Key] = fmt.Sprintf("%T", v)
		}
	}
	return all
}

// Spans returns what was received.
func (c *Collector) Spans() []Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.spans)
}

// Raw returns the bodies of all exports.
func (c *Collector) Raw() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return bytes.Clone(c.raw.Bytes())
}

// Headers returns the headers of the last export.
func (c *Collector) Headers() http.Header {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.headers.Clone()
}

// Tree returns the spans of a trace as a tree of names with their times, the earliest
// first.
func Tree(spans []Span, trace string) string {
	var b strings.Builder
	of := slices.DeleteFunc(slices.Clone(spans), func(s Span) bool { return s.Trace != trace })
	slices.SortStableFunc(of, func(a, b Span) int { return cmp.Compare(a.Start.UnixNano(), b.Start.UnixNano()) })
	ids := make(map[string]bool)
	for _, s := range of {
		ids[s.ID] = true
	}
	var write func(s Span, depth int)
	write = func(s Span, depth int) {
		fmt.Fprintf(&b, "%-58s %9.3f ms", strings.Repeat("  ", depth)+s.Name, float64(s.End.Sub(s.Start).Microseconds())/1000)
		for _, key := range slices.Sorted(maps.Keys(s.Attributes)) {
			fmt.Fprintf(&b, " %s=%s", key, s.Attributes[key])
		}
		b.WriteByte('\n')
		for _, child := range of {
			if child.Parent == s.ID {
				write(child, depth+1)
			}
		}
	}
	for _, s := range of {
		if !ids[s.Parent] {
			write(s, 0)
		}
	}
	return b.String()
}
