package audit_test

import (
	"fmt"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/audit/audittest"
	"github.com/sesuai/sesuai/internal/sqldb"
)

// BenchmarkVerify verifies a trail of AUDIT_EVENTS events (default 20,000), and
// reports events per second.
func BenchmarkVerifyTrail(b *testing.B) {
	n := 20_000
	if s := os.Getenv("AUDIT_EVENTS"); s != "" {
		n, _ = strconv.Atoi(s)
	}
	for _, engine := range []sqldb.Engine{sqldb.SQLite, sqldb.PostgreSQL} {
		b.Run(engine.String(), func(b *testing.B) {
			d := engines.New(b, engine)
			l := newTrail(b, d)
			for from := 0; from < n; from += 1000 {
				var events []audit.Event
				for i := range min(1000, n-from) {
					events = append(events, audittest.Event(b, from+i, fmt.Sprintf("%08x", from+i)))
				}
				l.record(b, events...)
			}
			b.ResetTimer()
			cpu := cpuTime(b)
			for b.Loop() {
				if head, err := l.Verify(b.Context()); err != nil || head.Seq != int64(n) {
					b.Fatal(head.Seq, err)
				}
			}
			b.ReportMetric(float64((cpuTime(b)-cpu).Nanoseconds())/float64(n*b.N), "cpu-ns/event")
			b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// cpuTime returns the processor time that this process has used. PostgreSQL's is not in it.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
