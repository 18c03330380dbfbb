package bench

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/sesuai/sesuai/internal/access/limit"
	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/sqldb/pgtest"
	"github.com/sesuai/sesuai/test/process"
)

// BenchmarkLimits reports what the default limits cost: the CPU time that they add to a
// data verification, as a ratio and as a share of a face verification, to which they add
// the same; and the ratio of how many data verifications of one person 64 senders get
// answered a second. Two services take turns, one of which has no limits. The CPU time of a
// PostgreSQL server is not part of it.
func BenchmarkLimits(b *testing.B) {
	for _, engine := range []struct {
		name string
		url  func() string
	}{
		{"SQLite", func() string { return "" }},
		{"PostgreSQL", func() string { return pgtest.Start(b, pgtest.Options{}).Database(b) }},
	} {
		b.Run(engine.name, func(b *testing.B) {
			without := limitedService(b, engine.url(), limit.Config{})
			with := limitedService(b, engine.url(), limit.DefaultConfig())
			b.Run("cpu", func(b *testing.B) { benchmarkLimitsCPU(b, without, with) })
			b.Run("64-of-one-NIK", func(b *testing.B) { benchmarkOneNIK(b, without, with) })
		})
	}
}

// limitedService starts a service with limits.
func limitedService(b *testing.B, registry string, c limit.Config) *service {
	b.Helper()
	const models = "../../models"
	process.Need(b, models)
	config := app.DefaultConfig()
	config.Data, config.Models = b.TempDir(), models
	config.Limits.NIK, config.Limits.Client = c.NIK, c.Client
	config.Limits.MaxInFlight = 2 * clients * requestsOfClient // an answer may arrive before its request no longer counts
	config.Limits.Client.NonMatchShare = limit.DefaultConfig().Client.NonMatchShare
	photo, err := photoOf(nil)
	if err != nil {
		b.Fatal(err)
	}
	t, err := newTrial(config, slog.New(slog.DiscardHandler), photo.file)
	if err != nil {
		b.Fatal(err)
	}
	t.config.Registry, t.config.Postgres.Migrate = registry, true
	if err := t.prepare(b.Context(), new(Report), 0); err != nil {
		b.Fatal(err)
	}
	s, err := t.serve(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := s.stop(); err != nil {
			b.Error(err)
		}
	})
	return s
}

func benchmarkLimitsCPU(b *testing.B, services ...*service) {
	const perTurn, turnsPerFace = 8, 8
	var used [2]time.Duration
	var face time.Duration
	turns, faces := 0, 0
	for b.Loop() {
		for i := range services {
			i = (i + turns) % len(services) // neither is always the first
			start := CPUTime()
			for range perTurn {
				if _, _, err := services[i].verify(b.Context(), withoutPhoto, 0); err != nil {
					b.Fatal(err)
				}
			}
			used[i] += CPUTime() - start
		}
		if turns++; turns%turnsPerFace == 1 {
			start := CPUTime()
			if _, _, err := services[0].verify(b.Context(), withPhoto, 0); err != nil {
				b.Fatal(err)
			}
			face += CPUTime() - start
			faces++
		}
	}
	added := float64(used[1]-used[0]) / float64(turns*perTurn)
	b.ReportMetric(float64(used[1])/float64(used[0]), "with/without")
	b.ReportMetric(added/float64(time.Microsecond), "µs-more")
	b.ReportMetric(100*added/(float64(face)/float64(faces)), "%-of-face")
	b.ReportMetric(0, "ns/op") // it is that of both
}

func benchmarkOneNIK(b *testing.B, services ...*service) {
	const perTurn = 4 * clients * requestsOfClient
	var took [2]time.Duration
	turns := 0
	for b.Loop() {
		for i := range services {
			i = (i + turns) % len(services)
			start := time.Now()
			err := Closed(clients*requestsOfClient, func(n int) bool { return n < perTurn }, func(goroutine, _ int) error {
				verdict, _, err := services[i].verify(b.Context(), ofFirst, goroutine/requestsOfClient)
				if err == nil && !verdict {
					err = errors.New("a verification is refused")
				}
				return err
			})
			if err != nil {
				b.Fatal(err)
			}
			took[i] += time.Since(start)
		}
		turns++
	}
	b.ReportMetric(float64(took[0])/float64(took[1]), "with/without")
	b.ReportMetric(float64(turns*perTurn)/took[1].Seconds(), "requests/s")
	b.ReportMetric(0, "ns/op") // it says the same
}

// ofFirst is withoutPhoto about one person.
func ofFirst(ctx context.Context, s *service, from Sender, _ Claim) (Answer, error) {
	return from.VerifyData(ctx, s.claims[0])
}
