package batch_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/sqldb/pgtest"
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
	// A process that was killed may have written no checkpoint. The next one warns of that.
	for line := range strings.Lines(w.Log.String()) {
		if !strings.Contains(line, "there is no file of checkpoints") {
			t.Errorf("the log: %s", line)
		}
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
	count := w.events(t)
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

// events counts the events of each request. The audit trail must be whole.
func (w *world) events(t *testing.T) map[string]int {
	t.Helper()
	c := app.DefaultConfig()
	c.Data, c.Registry = w.data, w.registry
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
	return count
}

// measure compares a batch with single calls, and single calls beside a batch with those
// without one.
func (w *world) measure(t *testing.T, people int) {
	t.Helper()
	const rounds, n, concurrency, probes = 5, 500, 8, 60
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
	p99 := func(took []time.Duration) time.Duration {
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

	var alone, beside []time.Duration
	for range rounds {
		for range probes {
			alone = append(alone, send(all[0]))
		}
		b := w.add(t, all)
		w.wait(t, b.ID, time.Hour, func(s state) bool { return s.Done > 0 })
		for range probes {
			beside = append(beside, send(all[0]))
		}
		if s := w.wait(t, b.ID, time.Hour, func(state) bool { return true }); finished(s) {
			t.Error("the batch has ended before the requests beside it")
		}
		w.wait(t, b.ID, time.Hour, finished)
	}
	slower := p99(beside).Seconds() / p99(alone).Seconds()
	t.Logf("p99 of single requests alone: %v; beside a batch: %v, %.2f of it", p99(alone), p99(beside), slower)
	if slower > 1.5 {
		t.Errorf("beside a batch the p99 is %.2f of that without, want 1.5", slower)
	}
}

// TestKillNode kills one of two nodes with one PostgreSQL database. The other verifies
// what remains of its rows, once they cannot be those of a node that lives.
func TestKillNode(t *testing.T) {
	if _, whole := rowsOf(t); !whole {
		t.Skip("this test needs BATCH_ROWS, since it takes two minutes: make batch sets it")
	}
	const n, people = 400, 20
	registry := pgtest.Shared(t).Database(t)
	w := newWorld(t, people, "SESUAI_REGISTRY="+registry, "SESUAI_POSTGRES_MIGRATE=true")
	w.registry = registry
	other := *w
	other.start(t)
	all := claims(n, people)
	want := w.askSingly(t, all[:24])
	b := w.add(t, all)
	w.wait(t, b.ID, patience, func(s state) bool { return s.Done > n/4 })
	w.Kill(t)
	b = other.wait(t, b.ID, 5*time.Minute, finished)
	t.Logf("%+v, in %v", b, b.Finished.Sub(b.Started))
	results := other.results(t, b.ID)
	if len(results) != n {
		t.Fatalf("%d results, want %d", len(results), n)
	}
	for i, r := range results {
		if got := fmt.Sprint(r.Status, " ", string(r.Answer)); got != want[i%24] {
			t.Errorf("line %d: %s; a single call: %s", r.Line, got, want[i%24])
		}
	}
	other.Stop(t)
	other.checkEvents(t, results)
}

// verifyFiles are the files of a command that verifies a batch.
func verifyFiles(t *testing.T, n, people int) (claimed, photos, out string) {
	t.Helper()
	folder := t.TempDir()
	claimed, photos, out = filepath.Join(folder, "claims.csv"), filepath.Join(folder, "photos"), filepath.Join(folder, "results.jsonl")
	for name, b := range photographs(t) {
		path := filepath.Join(photos, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, b, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	var text strings.Builder
	writeClaims(&text, claims(n, people))
	if err := os.WriteFile(claimed, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return claimed, photos, out
}

// runVerify runs the command, of which some rows are rejected, and returns its results.
func (w *world) runVerify(t *testing.T, out string, args []string) []result {
	t.Helper()
	cmd := w.runner.Command(args...)
	if output, err := cmd.CombinedOutput(); cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != 1 {
		t.Fatalf("%v: %s", err, output)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return readResults(t, b)
}

// TestBatchVerifyByServer: the command uploads what a file names, and its results are
// the service's.
func TestBatchVerifyByServer(t *testing.T) {
	w := newWorld(t, 20)
	want := w.askSingly(t, claims(24, 20))
	file, photos, out := verifyFiles(t, 24, 20)
	credentials := filepath.Join(t.TempDir(), "client.json")
	b, err := json.Marshal(w.batch)
	if err == nil {
		err = os.WriteFile(credentials, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	results := w.runVerify(t, out, []string{"batch", "verify", file, "--photos", photos, "--out", out, "--server", w.address, "--credentials", credentials})
	if len(results) != 24 {
		t.Fatalf("%d results", len(results))
	}
	for i, r := range results {
		if got := fmt.Sprint(r.Status, " ", string(r.Answer)); got != want[i] {
			t.Errorf("line %d: %s; a single call: %s", r.Line, got, want[i])
		}
	}
}

// TestKillBatchVerify kills the command while it verifies a file, and runs it again: no
// row is verified twice.
func TestKillBatchVerify(t *testing.T) {
	w := newWorld(t, 20)
	w.Stop(t)
	file, photos, out := verifyFiles(t, 60, 20)
	args := []string{"batch", "verify", file, "--photos", photos, "--out", out, "--data", w.data}
	killed := w.runner.Command(args...)
	before := len(w.events(t))
	if err := killed.Start(); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(patience); len(w.events(t)) < before+5; {
		if time.Now().After(end) {
			t.Fatal("nothing is verified")
		}
	}
	if err := killed.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = killed.Wait() // killed
	if _, err := os.Stat(out); err == nil {
		t.Error("there are results of a run that was killed")
	}
	results := w.runVerify(t, out, args)
	if len(results) != 60 {
		t.Fatalf("%d results", len(results))
	}
	w.checkEvents(t, results)
}
