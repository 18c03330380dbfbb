package bench

import (
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/registry/registrytest"
	"github.com/sesuai/sesuai/test/process"
)

// signedTransport asks for signed answers.
type signedTransport struct {
	http.RoundTripper
	signed int
}

func (s *signedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Prefer", "return=signed")
	response, err := s.RoundTripper.RoundTrip(r)
	if err == nil && response.Header.Get("X-Jws-Signature") != "" {
		s.signed++
	}
	return response, err
}

// BenchmarkSignedAnswer reports the CPU time of a signed data verification over that of one
// that is not signed, and the difference. Both are sent in turns, from the same process. A
// data verification takes the least time of all, so of no other is the ratio higher.
func BenchmarkSignedAnswer(b *testing.B) {
	const models = "../../models"
	process.Need(b, models)
	config := app.DefaultConfig()
	config.Data, config.Models = b.TempDir(), models
	t, err := newTrial(config, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		b.Fatal(err)
	}
	if err := t.enrol(b.Context(), registrytest.Portrait(b, 1).Template); err != nil {
		b.Fatal(err)
	}
	s, err := t.serve(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := s.stop(); err != nil {
			b.Error(err)
		}
	}()
	plain := s.senders[0]
	transport := &signedTransport{RoundTripper: plain.HTTP.Transport}
	signed := plain
	signed.HTTP = &http.Client{Transport: transport}
	var used [2]time.Duration
	n := 0
	for b.Loop() {
		for i, sender := range []Sender{plain, signed} {
			start := CPUTime()
			if _, err := sender.VerifyData(b.Context(), s.claims[n%len(s.claims)]); err != nil {
				b.Fatal(err)
			}
			used[i] += CPUTime() - start
		}
		n++
	}
	if transport.signed != n {
		b.Fatalf("%d answers of %d are signed", transport.signed, n)
	}
	b.ReportMetric(float64(used[1])/float64(used[0]), "signed/unsigned")
	b.ReportMetric(float64((used[1]-used[0]).Microseconds())/float64(n), "µs-more")
	b.ReportMetric(0, "ns/op") // it is that of both
}
