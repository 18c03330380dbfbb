package console_test

import (
	"fmt"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/audit/audittest"
	"github.com/sesuai/sesuai/internal/sqldb"
)

// BenchmarkSearchTrail appends SEARCH_EVENTS events (default 20,000) of 30 days and searches
// them on the page, on each engine. It reports the time of a page that half, and 95 %, of the searches of a kind do not exceed. A page has the counts of the last
// hour and day, and a search is recorded before it is answered. Then it records events one by
// one, with the indexes and without them.
func BenchmarkSearchTrail(b *testing.B) {
	n := 20_000
	if s := os.Getenv("SEARCH_EVENTS"); s != "" {
		n, _ = strconv.Atoi(s)
	}
	for _, engine := range []sqldb.Engine{sqldb.SQLite, sqldb.PostgreSQL} {
		b.Run(engine.String(), func(b *testing.B) {
			d := engines.New(b, engine)
			w := openOn(b, d)
			w.fill(b, n)
			if engine == sqldb.PostgreSQL {
				d.Exec(b, `ANALYZE audit_events`) // as autovacuum does within a minute
			}
			page := w.signIn(b, "admin")
			for _, kind := range searches(w.now, n) {
				b.Run(kind.name, func(b *testing.B) {
					var times []time.Duration
					i := 0
					for b.Loop() {
						fields := kind.fields(i * 7919 % n)
						i++
						start := time.Now()
						answer := page.post("/verifications", fields)
						times = append(times, time.Since(start))
						if rows := len(rowPattern.FindAllString(answer.text, -1)); answer.status != 200 || rows < kind.rows {
							b.Fatalf("%v: %d, %d rows", fields, answer.status, rows)
						}
					}
					slices.Sort(times)
					for _, share := range []int{50, 95} {
						b.ReportMetric(float64(times[(len(times)-1)*share/100].Microseconds())/1000, fmt.Sprintf("p%d-ms", share))
					}
					b.ReportMetric(0, "ns/op")
				})
			}
			b.Run("accuracy", func(b *testing.B) {
				for b.Loop() {
					if answer := page.get("/accuracy?threshold=80"); answer.status != 200 {
						b.Fatal(answer.status)
					}
				}
			})
			next := n
			record := func(b *testing.B) {
				for b.Loop() {
					w.append(b, w.db, searched(b, w.now, next*7919%n+n, n))
					next++
				}
			}
			b.Run("record", record)
			for _, index := range []string{"by_time", "by_request", "by_reference", "by_nik", "by_client", "by_reason", "by_flag", "changes"} {
				d.Exec(b, `DROP INDEX audit_`+index)
			}
			b.Run("record-without-indexes", record)
		})
	}
}

// fill appends n events, and says how long that takes.
func (w *world) fill(b *testing.B, n int) {
	b.Helper()
	var appending time.Duration
	for from := 0; from < n; from += 1000 {
		var events []audit.Event
		for i := range min(1000, n-from) {
			events = append(events, searched(b, w.now, from+i, n))
		}
		start := time.Now()
		w.append(b, w.db, events...)
		appending += time.Since(start)
	}
	b.Logf("%d events: appended in %v, %.0f µs each", n, appending.Round(time.Millisecond), float64(appending.Microseconds())/float64(n))
}

// searched is the ith of n events, the last of which is from now.
func searched(t testing.TB, now time.Time, i, n int) audit.Event {
	e := audittest.Event(t, i%200_000, fmt.Sprintf("%032x", i))
	e.Time = now.Add(-time.Duration(n-i) * (30 * 24 * time.Hour / time.Duration(n)))
	e.Reference = fmt.Sprintf("order %d", i)
	e.Client = fmt.Sprintf("cli_%d", i%8)
	if i%10_007 == 0 {
		e.Client = "cli_shop" // a rare one
	}
	switch {
	case i%5_003 == 0:
		e.Reason = string(sesuai.ReasonDateDiffers)
	case i%3 > 0:
		e.Result, e.Reason = audit.Verified, string(sesuai.ReasonVerified)
	}
	if i%4_001 == 0 {
		e.Flags = audit.SuspectedReplay
	}
	return e
}

var rowPattern = regexp.MustCompile(`href="/verifications/[0-9]+"`)

// kindOfSearch is what is searched for, by a number of an event, and how many rows are found
// at least.
type kindOfSearch struct {
	name   string
	rows   int
	fields func(i int) url.Values
}

func searches(now time.Time, n int) []kindOfSearch {
	one := func(name, field string, rows int, value func(i int) string) kindOfSearch {
		return kindOfSearch{name, rows, func(i int) url.Values { return url.Values{field: {value(i)}} }}
	}
	always := func(value string) func(int) string { return func(int) string { return value } }
	day := func(i int) string {
		return now.Add(-time.Duration(n-i) * (30 * 24 * time.Hour / time.Duration(n))).In(sesuai.Jakarta).Format(time.DateOnly)
	}
	return []kindOfSearch{
		one("none", "id", 50, always("")),
		one("request", "id", 1, func(i int) string { return fmt.Sprintf("%032x", i) }),
		one("reference", "id", 1, func(i int) string { return fmt.Sprintf("order %d", i) }),
		one("unknown-id", "id", 0, func(i int) string { return fmt.Sprintf("nothing %d", i) }),
		one("NIK", "nik", 1, func(i int) string { return fmt.Sprintf("9999%012d", i%200_000) }),
		one("client", "client", 50, func(i int) string { return fmt.Sprintf("cli_%d", i%8) }),
		one("rare-client", "client", 2, always("cli_shop")),
		one("reason", "reason", 50, always("success")),
		one("rare-reason", "reason", 4, always("birth")),
		one("flag", "flag", 5, always("SUSPECTED_REPLAY")),
		{"dates", 50, func(i int) url.Values { return url.Values{"from": {day(i)}, "to": {day(i)}} }},
		{"several", 0, func(i int) url.Values {
			return url.Values{"client": {fmt.Sprintf("cli_%d", i%8)}, "flag": {"SUSPECTED_REPLAY"}, "reason": {"name"}, "to": {day(i)}}
		}},
		{"older", 50, func(i int) url.Values { return url.Values{"before": {strconv.Itoa(max(i, 2000))}, "client": {"cli_1"}} }},
	}
}
