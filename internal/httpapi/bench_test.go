package httpapi_test

import (
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sesuai/sesuai/internal/httpapi"
)

// BenchmarkRequest measures decoding and encoding for a photograph of 100 kB,
// without the verification.
func BenchmarkRequest(b *testing.B) {
	s := newService()
	s.answers(verified, nil)
	s.options.Log = slog.New(slog.DiscardHandler)
	server := httpapi.New(s.options)
	body := multipartBody(with("face_image", testPhoto+strings.Repeat("x", 100_000))...)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		server.ServeHTTP(httptest.NewRecorder(), post("multipart/form-data; boundary="+boundary, body))
	}
}
