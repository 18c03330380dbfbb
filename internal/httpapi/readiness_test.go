package httpapi_test

import (
	"net/http/httptest"
	"testing"
)

// TestReadinessDetail: /readyz shows the detail if there is one, and the detail
// does not affect readiness.
func TestReadinessDetail(t *testing.T) {
	for want, detail := range map[string]any{
		`{"status":"ready"}`: nil,
		`{"status":"ready","detail":{"dukcapil":{"data":{"breaker":"open"}}}}`: map[string]any{
			"dukcapil": map[string]any{"data": map[string]string{"breaker": "open"}},
		},
	} {
		s := newService()
		s.options.Detail = func() any { return detail }
		resp := s.do(httptest.NewRequest("GET", "/readyz", nil))
		if body := checkEnvelope(t, resp); resp.StatusCode != 200 || body != want {
			t.Errorf("got %d %s, want %s", resp.StatusCode, body, want)
		}
	}
}
