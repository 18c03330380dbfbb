package batch_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/audit"
)

// rowsOf returns how many rows the batch has that is killed, and whether everything is
// measured: BATCH_ROWS says so (make batch).
func rowsOf(t *testing.T) (n int, whole bool) {
	t.Helper()
	text := os.Getenv("BATCH_ROWS")
	if text == "" {
		return 60, false
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1000 {
		t.Fatalf("BATCH_ROWS is %q: a number of at least 1000 is needed", text)
	}
	return n, true
}

// TestKillBatch kills the service while it verifies a batch. Afterwards each row was
// verified once, and is answered as a single call is.
func TestKillBatch(t *testing.T) {
	n, whole := rowsOf(t)
	kills, people := 1, 20
	if whole {
		kills, people = 3, 1000
	}
	w := newWorld(t, people)
	all := claims(n, people)
	want := w.askSingly(t, all[:24])
	if whole {
		w.measure(t, people)
	}

	b := w.add(t, all)
	if b.Total != n {
		t.Fatalf("%+v, want %d rows", b, n)
	}
	var memory []int
	for k := range kills {
		reached := n * (k + 1) / (kills + 1)
		w.wait(t, b.ID, time.Hour, func(s state) bool {
			memory = append(memory, w.StatusKiB(t, "VmRSS")>>10)
			return s.Done >= reached
		})
		w.Kill(t)
		w.start(t)
	}
	b = w.wait(t, b.ID, time.Hour, func(s state) bool {
		memory = append(memory, w.StatusKiB(t, "VmRSS")>>10)
		return finished(s)
	})
	if b.Done != n || b.Verified+b.NotVerified+b.Rejected != n {
		t.Errorf("%+v", b)
	}
	t.Logf("%+v; RSS %d to %d MiB", b, slices.Min(memory), slices.Max(memory))
	results := w.results(t, b.ID)
	if len(results) != n {
		t.Fatalf("%d results, want %d", len(results), n)
	}
	for i, r := range results {
		if r.Line != i+2 || r.Reference != fmt.Sprint("row-", i) {
			t.Fatalf("row %d has line %d and reference %s", i, r.Line, r.Reference)
		}
		if got := fmt.Sprint(r.Status, " ", string(r.Answer)); got != want[i%24] {
			t.Errorf("line %d: %s; a single call: %s", r.Line, got, want[i%24])
		}
	}
	w.must(t, http.StatusOK, http.MethodDelete, batches+"/"+b.ID, "", nil)
	w.must(t, http.StatusNotFound, http.MethodGet, batches+"/"+b.ID, "", nil)
	if s := strings.TrimSpace(w.Log.String()); s != "" {
		t.Errorf("the log: %s", s)
	}
	w.Stop(t)
	w.checkEvents(t, results)
}

// askSingly returns the answers of single calls about claims.
func (w *world) askSingly(t *testing.T, all []claim) []string {
	t.Helper()
	photos := photographs(t)
	answers := make([]string, len(all))
	for i, c := range all {
		contentType, body := single(t, c, photos)
		status, answer, err := w.do(w.batch, http.MethodPost, singles, contentType, body)
		if err != nil {
			t.Fatal(err)
		}
		answers[i] = fmt.Sprint(status, " ", string(answer))
	}
	return answers
}

// checkEvents: the audit trail is whole, and has one event of each row whose photograph
// was looked at, and none of the others.
func (w *world) checkEvents(t *testing.T, results []result) {
	t.Helper()
	c := app.DefaultConfig()
	c.Data = w.data
	storage, err := app.OpenStorage(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	events, err := storage.Trail.Events(t.Context(), audit.Filter{})
	_, broken := storage.Trail.Verify(t.Context())
	if err := errors.Join(err, broken, storage.Close()); err != nil {
		t.Fatal(err)
	}
	count := make(map[string]int)
	for _, e := range events {
		count[e.RequestID]++
	}
	for _, r := range results {
		want := 1
		if bytes.Contains(r.Answer, []byte("Invalid NIK")) || bytes.Contains(r.Answer, []byte("NO_FILE")) {
			want = 0
		}
		if got := count[r.Request]; got != want {
			t.Errorf("line %d has %d events, want %d: %s", r.Line, got, want, r.Answer)
		}
	}
}

// measure compares a batch with single calls, and single calls beside a batch with those
// without one.
func (w *world) measure(t *testing.T, people int) {
	t.Helper()
	const rounds, n, concurrency, probes = 5, 500, 8, 300
	all := claims(n, people)
	photos := photographs(t)
	send := func(c claim) time.Duration {
		contentType, body := single(t, c, photos)
		start := time.Now()
		if _, _, err := w.do(w.other, http.MethodPost, singles, contentType, body); err != nil {
			t.Error(err)
		}
		return time.Since(start)
	}
	p99 := func() time.Duration {
		var took []time.Duration
		for range probes {
			took = append(took, send(all[0]))
		}
		slices.Sort(took)
		return took[len(took)*99/100]
	}
	send(all[0])

	// In turns, so that whatever else the machine does slows both.
	var single, batch time.Duration
	for range rounds {
		start := time.Now()
		var group sync.WaitGroup
		next := make(chan claim)
		for range concurrency {
			group.Go(func() {
				for c := range next {
					send(c)
				}
			})
		}
		for _, c := range all {
			next <- c
		}
		close(next)
		group.Wait()
		single += time.Since(start)

		b := w.add(t, all)
		b = w.wait(t, b.ID, time.Hour, finished)
		batch += b.Finished.Sub(b.Started)
		t.Logf("API %v, batch %v", time.Since(start).Round(time.Millisecond)-b.Finished.Sub(b.Started), b.Finished.Sub(b.Started))
	}
	rows := float64(rounds * n)
	ratio := single.Seconds() / batch.Seconds()
	t.Logf("API at concurrency %d: %.1f/s; batch: %.1f/s, %.2f of it", concurrency, rows/single.Seconds(), rows/batch.Seconds(), ratio)
	if ratio < 0.9 {
		t.Errorf("the batch has %.2f of the API's throughput, want 0.9", ratio)
	}

	alone := p99()
	b := w.add(t, slices.Concat(all, all, all))
	w.wait(t, b.ID, time.Hour, func(s state) bool { return s.Done > 0 })
	beside := p99()
	if s := w.wait(t, b.ID, time.Hour, func(state) bool { return true }); finished(s) {
		t.Error("the batch has ended before the requests beside it")
	}
	t.Logf("p99 of single requests alone: %v; beside a batch: %v, %.2f of it", alone, beside, float64(beside)/float64(alone))
	if beside > alone*3/2 {
		t.Errorf("beside a batch the p99 is %.2f of that without, want 1.5", float64(beside)/float64(alone))
	}
	w.wait(t, b.ID, time.Hour, finished)
}
