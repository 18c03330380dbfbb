package httpapi_test

import (
	"encoding/base64"
	"log/slog"
	"math/rand/v2"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sesuai/sesuai/internal/httpapi"
)

// BenchmarkBase64 measures decoding photographs of 7.5 MB in base64, as one line, in
// lines, and in lines whose ends have become spaces.
func BenchmarkBase64(b *testing.B) {
	s := newService()
	s.answers(verified, nil)
	s.options.Log = slog.New(slog.DiscardHandler)
	server := httpapi.New(s.options)
	random := make([]byte, 7_500_000)
	_, _ = rand.NewChaCha8([32]byte{}).Read(random) // it never fails
	line := base64.StdEncoding.EncodeToString(random)
	var folded strings.Builder
	for rest := line; rest != ""; rest = rest[min(76, len(rest)):] {
		folded.WriteString(rest[:min(76, len(rest))] + "\n")
	}
	for name, text := range map[string]string{
		"one line": line, "lines": folded.String()[:len(line)], "spaces": strings.ReplaceAll(folded.String()[:len(line)], "\n", " "),
	} {
		body := multipartBody(with("face_image", text[:len(text)/4*4])...)
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				server.ServeHTTP(httptest.NewRecorder(), post("multipart/form-data; boundary="+boundary, body))
			}
		})
	}
}

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

// BenchmarkLargeBody measures decoding the largest bodies, without the
// verification.
func BenchmarkLargeBody(b *testing.B) {
	photo := testPhoto + strings.Repeat("x", 10_400_000-len(testPhoto))
	text := base64.StdEncoding.EncodeToString([]byte(photo[:7_790_000]))
	for about, body := range map[string]struct{ contentType, content string }{
		"form":            {"multipart/form-data; boundary=" + boundary, multipartBody(with("face_image", photo)...)},
		"form of base64":  {"multipart/form-data; boundary=" + boundary, multipartBody(with("face_image", text)...)},
		"JSON":            {"application/json", jsonBody(text)},
		"JSON of escapes": {"application/json", jsonBody(`\/` + text[1:])},
	} {
		b.Run(about, func(b *testing.B) {
			s := newService()
			s.answers(verified, nil)
			s.options.Log = slog.New(slog.DiscardHandler)
			server := httpapi.New(s.options)
			b.SetBytes(int64(len(body.content)))
			b.ReportAllocs()
			for b.Loop() {
				server.ServeHTTP(httptest.NewRecorder(), post(body.contentType, body.content))
			}
		})
	}
}
