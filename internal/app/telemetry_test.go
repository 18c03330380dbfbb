package app_test

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/httpapi"
	"github.com/sesuai/sesuai/internal/telemetry/otlp/otlptest"
)

// scrape returns the metrics of a service in the format OpenMetrics, which has
// exemplars.
func scrape(t *testing.T, c app.Config) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+c.Admin.Listen+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "application/openmetrics-text; version=1.0.0")
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("GET /metrics: %d, %v:\n%s", resp.StatusCode, err, b)
	}
	return string(b)
}

// requestLine returns the line in the log about the last request to a route, decoded.
func requestLine(t *testing.T, log, route string) map[string]any {
	t.Helper()
	var found map[string]any
	for line := range strings.Lines(log) {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Fatal(err)
		}
		if fields["msg"] == "request" && fields["route"] == route {
			found = fields
		}
	}
	if found == nil {
		t.Fatalf("no line about %s in\n%s", route, log)
	}
	return found
}

// TestTelemetry: one verification is a line in the log, a trace and metrics, which name
// each other.
func TestTelemetry(t *testing.T) {
	const route = "POST " + httpapi.FaceVerificationPath
	collector := otlptest.New(t)
	c := config(t)
	c.Admin.Listen = freeAddress(t)
	c.Telemetry.OTLPEndpoint = collector.URL
	s := start(t, c, ayu)
	contentType, body := form(t, ayu.asks(), readPhoto(t, "ayu-selfie.jpg"))
	r := s.request(t, http.MethodPost, httpapi.FaceVerificationPath, contentType, body)
	// Callers are not trusted by default.
	r.Header.Set("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	if status, answer := s.do(t, r); status != http.StatusOK {
		t.Fatalf("%d %s", status, answer)
	}
	s.do(t, s.request(t, http.MethodGet, "/readyz", "", nil))
	metrics := scrape(t, c)
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}

	line := requestLine(t, s.log.String(), route)
	trace, _ := line["trace_id"].(string)
	for _, key := range []string{"request_id", "client", "method", "status", "duration_ms", "outcome"} {
		if line[key] == nil || line[key] == "" {
			t.Errorf("the line has no %s: %v", key, line)
		}
	}
	stages, _ := line["stages_ms"].(map[string]any)
	expected := []string{"receive", "queue", "parse", "face", "decode", "detect", "align", "template", "quality", "prepare", "registry", "policy", "audit"}
	names := make(map[string]string)
	spans := collector.Spans()
	for _, span := range spans {
		if span.Trace != trace {
			t.Errorf("a span of another trace than %s: %+v", trace, span)
		}
		names[span.Name] = span.ID
	}
	t.Logf("the trace:\n%s", otlptest.Tree(spans, trace))
	for _, stage := range expected {
		if _, ok := stages[stage]; !ok {
			t.Errorf("the line has no stage %s: %v", stage, stages)
		}
		if names[stage] == "" {
			t.Errorf("there is no span %s", stage)
		}
		if !strings.Contains(metrics, `sesuai_stage_seconds_count{stage="`+stage+`"}`) {
			t.Errorf("there is no metric of the stage %s", stage)
		}
	}
	root := spans[slices.IndexFunc(spans, func(s otlptest.Span) bool { return s.Parent == "" })]
	if root.Name != route || root.Attributes["sesuai.client"] != line["client"] || root.Attributes["sesuai.request_id"] != line["request_id"] ||
		root.Attributes["http.response.status_code"] != "200" || root.Attributes["sesuai.model"] == "" {
		t.Errorf("the request's span is %+v", root)
	}
	for _, want := range []string{
		`sesuai_requests_total{class="2xx",client="` + root.Attributes["sesuai.client"] + `",route="` + route + `"} 1.0`,
		`sesuai_verdicts_total{outcome="verified",route="` + route + `"} 1.0`,
		`sesuai_face_percentage_count{route="` + route + `"} 1`,
		`sesuai_face_quality_count{measure="sharpness"} 1`,
		`# {trace_id="` + trace + `"}`,
		"sesuai_queue_waiting 0", "sesuai_queue_running 0", "sesuai_verifications_in_flight 0", "sesuai_body_bytes 0",
		`sesuai_master_key_added_timestamp_seconds{key="1",state="current"}`, "sesuai_audit_recorded_seq", "sesuai_last_backup_timestamp_seconds 0",
		`sesuai_disk_free_bytes{folder="data"} `, `sesuai_disk_free_bytes{folder="temporary"} `, "sesuai_trace_export_failures_total 0",
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("the metrics have no %s", want)
		}
	}
}
