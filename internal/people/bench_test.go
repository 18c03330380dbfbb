package people_test

import (
	"syscall"
	"testing"
	"time"

	"github.com/sesuai/sesuai/internal/registry"
	"github.com/sesuai/sesuai/internal/registry/registrytest"
	"github.com/sesuai/sesuai/internal/sqldb/sqltest"
)

// cpu is the processor time of this process. That of a PostgreSQL server is not
// in it.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// perPerson reports the time of a person.
func perPerson(b *testing.B, people int, spent time.Duration) {
	b.Helper()
	b.ReportMetric(float64(people*b.N)/b.Elapsed().Seconds(), "people/s")
	b.ReportMetric(float64(spent.Microseconds())/float64(people*b.N), "cpu-µs/person")
}

// BenchmarkPeople measures, on both engines, to enrol batches of 1,000 people
// with portraits, and to check them by parts.
func BenchmarkPeople(b *testing.B) {
	for name, database := range map[string]func(testing.TB) sqltest.Database{
		"SQLite": recordedEngines.SQLite, "PostgreSQL": recordedEngines.PostgreSQL,
	} {
		b.Run(name, func(b *testing.B) {
			const people = 10_000
			var batches [][]registry.Enrolment
			for n := range people {
				if n%1000 == 0 {
					batches = append(batches, nil)
				}
				last := &batches[len(batches)-1]
				*last = append(*last, registry.Enrolment{Person: registrytest.Person(b, n+1), Portrait: registrytest.Portrait(b, n+1)})
			}
			var r recorded
			b.Run("enrol", func(b *testing.B) {
				var spent time.Duration
				for b.Loop() {
					b.StopTimer()
					r = openRecorded(b, database(b))
					b.StartTimer()
					start := cpu(b)
					for _, batch := range batches {
						if _, err := r.EnrolBatch(b.Context(), batch, true); err != nil {
							b.Fatal(err)
						}
					}
					spent += cpu(b) - start
				}
				perPerson(b, people, spent)
			})
			r = openRecorded(b, database(b))
			for _, batch := range batches {
				if _, err := r.EnrolBatch(b.Context(), batch, true); err != nil {
					b.Fatal(err)
				}
			}
			b.Run("check", func(b *testing.B) {
				start := cpu(b)
				for b.Loop() {
					for part := range r.Parts() {
						if err := r.CheckPart(b.Context(), part); err != nil {
							b.Fatal(err)
						}
					}
				}
				perPerson(b, people, cpu(b)-start)
			})
		})
	}
}
