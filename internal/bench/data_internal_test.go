package bench

import (
	"bytes"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/registry/registrytest"
	"github.com/sesuai/sesuai/internal/sqldb/pgtest"
	"github.com/sesuai/sesuai/test/process"
)

// BenchmarkDataVerification sends data verifications of 10,000 people over HTTP, one
// and eight at once, and reports how many were answered a second and how long they
// took. Each is committed with its audit event before it is answered.
func BenchmarkDataVerification(b *testing.B) {
	const models = "../../models"
	process.Need(b, models)
	for _, engine := range []struct {
		name string
		url  func() string
	}{
		{"SQLite", func() string { return "" }},
		{"PostgreSQL", func() string { return pgtest.Start(b, pgtest.Options{}).Database(b) }},
	} {
		b.Run(engine.name, func(b *testing.B) {
			config := app.DefaultConfig()
			config.Data, config.Models = b.TempDir(), models
			t, err := newTrial(config, slog.New(slog.DiscardHandler), nil)
			if err != nil {
				b.Fatal(err)
			}
			t.config.Registry, t.config.Postgres.Migrate = engine.url(), true
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
			for _, atOnce := range []int{1, requestsOfClient} {
				b.Run(fmt.Sprintf("%d-at-once", atOnce), func(b *testing.B) { s.benchmarkData(b, atOnce) })
			}
		})
	}
}

// benchmarkData sends b.N data verifications.
func (s *service) benchmarkData(b *testing.B, atOnce int) {
	times := make([]time.Duration, b.N)
	b.ResetTimer()
	err := Closed(atOnce, func(n int) bool { return n < b.N }, func(_, n int) error {
		start := time.Now()
		answer, err := s.senders[0].VerifyData(b.Context(), s.claims[n%len(s.claims)])
		times[n] = time.Since(start)
		if err == nil && !bytes.Contains(answer.Body, []byte(`"verification_status":true`)) {
			err = fmt.Errorf("the service answers %d: %s", answer.Status, answer.Body)
		}
		return err
	})
	b.StopTimer()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
	b.ReportMetric(ms(Quantile(times, 0.5)), "p50-ms")
	b.ReportMetric(ms(Quantile(times, 0.99)), "p99-ms")
	b.ReportMetric(0, "ns/op") // it says the same
}
