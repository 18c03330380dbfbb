package httpapi_test

import (
	"net/http/httptest"
	"testing"
)

// TestReadinessDetail is shown where there is one, and does not make the
// service less ready.
func TestReadinessDetail(t *testing.T) {
	for want, detail := range map[string]any{
		`{"status":"ready"}`: nil,
		`{"status":"ready","detail":{"upstream":{"breaker":"open"}}}`: map[string]any{"upstream": map[string]string{"breaker": "open"}},
	} {
		s := newService()
		s.options.Detail = func() any { return detail }
		resp := s.do(httptest.NewRequest("GET", "/readyz", nil))
		if body := checkEnvelope(t, resp); resp.StatusCode != 200 || body != want {
			t.Errorf("got %d %s, want %s", resp.StatusCode, body, want)
		}
	}
}
