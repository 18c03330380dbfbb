package store_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/dukcapil/balikan"
	"github.com/sesuai/sesuai/internal/dukcapil/ledger"
	"github.com/sesuai/sesuai/internal/sqldb/pgtest"
	"github.com/sesuai/sesuai/internal/store"
)

// upstreamURL is, in the environment of a child process, where the other side
// is: see TestUpstreamChild.
const upstreamURL = "SESUAI_TEST_UPSTREAM"

// TestUpstreamChild is no test: it is what TestKillWhileCalling runs as another
// process. It calls the other side, on account, records that people were
// verified, and returns their data.
func TestUpstreamChild(t *testing.T) {
	dir, upstream := os.Getenv(childDir), os.Getenv(upstreamURL)
	if upstream == "" {
		t.Skip("run by another test")
	}
	first, _ := strconv.Atoi(os.Getenv(childFirst))
	if url := os.Getenv(childURL); url != "" {
		databases[dir], postgres = url, new(pgtest.Server)
	}
	s := openWith(t, dir, func(o *store.Options) { o.Returns = true })
	go sender(t, s, upstream, dir).Run(t.Context())
	var group sync.WaitGroup
	const workers = 6
	for w := range workers {
		group.Go(func() {
			for n := first + w; ; n += workers {
				id := begin(t, s, call("cli_a", fmt.Sprint(n), ledger.DataCheck, 0))
				resp, err := http.Get(fmt.Sprintf("%s/call?id=%d", upstream, id))
				if err != nil {
					t.Error(err)
					return
				}
				_ = resp.Body.Close()
				end(t, s, id, found200)
				verify(t, s, n)
			}
		})
	}
	group.Wait()
}

// sender delivers what is owed by a store to the other side.
func sender(t testing.TB, s *store.Store, upstream, dir string) *balikan.Sender {
	t.Helper()
	token := filepath.Join(dir, "token")
	if err := os.WriteFile(token, []byte("token"), 0o600); err != nil {
		t.Fatal(err)
	}
	sender, err := balikan.New(balikan.Options{
		Outbox: s, URL: upstream + "/store", TokenFile: token, InstitutionID: "L-1", InstitutionName: "Bank Contoh",
		Interval: time.Millisecond, Timeout: 100 * time.Millisecond, Wait: time.Millisecond, MaxWait: 10 * time.Millisecond, Batch: 10,
	})
	if err != nil {
		t.Fatal(err)
	}
	return sender
}

// otherSide is what is called, and what data are returned to.
type otherSide struct {
	mu sync.Mutex
	// calls are how often each was made, by its number in the account; had is
	// how often each person's data came.
	calls, had map[string]int
	again      int // posts with data that it had
}

var (
	customers = regexp.MustCompile(`"CUSTOMER_ID":"([^"]+)"`)
	niks      = regexp.MustCompile(`"NIK":"9999([0-9]{12})"`)
)

func (o *otherSide) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if r.URL.Path == "/call" {
		q, _ := url.ParseQuery(r.URL.RawQuery)
		o.calls[q.Get("id")]++
		return
	}
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return // the child was killed while it sent
	}
	found := customers.FindAllSubmatch(b, -1)
	for i, nik := range niks.FindAllSubmatch(b, -1) {
		if n, _ := strconv.Atoi(string(nik[1])); string(found[i][1]) != fmt.Sprintf("request-%d", n) {
			w.WriteHeader(http.StatusTeapot)
			return
		}
	}
	for _, c := range found {
		if o.had[string(c[1])] > 0 {
			o.again++
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"message":"Data sudah pernah dikirim"}`)
			return
		}
	}
	for _, c := range found {
		o.had[string(c[1])]++
	}
	_, _ = io.WriteString(w, `{"message":"Success"}`)
}

// TestKillWhileCalling kills two processes on one database with SIGKILL at any point between Begin
// and End, in the midst of events with their returns, and of deliveries. No call
// was made that is not on record, none has an ending that was not made, and
// every verified person's data arrive, once.
func TestKillWhileCalling(t *testing.T) {
	dir := t.TempDir()
	other := &otherSide{calls: make(map[string]int), had: make(map[string]int)}
	server := httptest.NewServer(other)
	defer server.Close()
	if postgres != nil {
		databaseOf(t, dir)
	}
	rounds := 6
	if testing.Short() {
		rounds = 2
	}
	const together = 2
	for round := range rounds {
		var children []*exec.Cmd
		for child := range together {
			cmd := exec.Command(os.Args[0], "-test.run=^TestUpstreamChild$")
			cmd.Env = append(os.Environ(), childDir+"="+dir, upstreamURL+"="+server.URL,
				fmt.Sprintf("%s=%d", childFirst, (together*round+child)*100_000))
			if postgres != nil {
				cmd.Env = append(cmd.Env, childURL+"="+databaseOf(t, dir))
			}
			cmd.Stderr = os.Stderr
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			children = append(children, cmd)
		}
		time.Sleep(time.Duration(500+110*round) * time.Millisecond)
		for _, cmd := range children {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
		for _, cmd := range children {
			_ = cmd.Wait() // killed
		}
	}
	s := openWith(t, dir, func(o *store.Options) { o.Returns = true })
	assertSound(t, s)
	other.mu.Lock()
	made := len(other.calls)
	for id, times := range other.calls {
		var there int
		s.QueryForTest(t, `SELECT count(*) FROM upstream_calls WHERE id = `+id, &there)
		if there != 1 || times != 1 {
			t.Errorf("call %s was made %d times, and is on record %d times", id, times, there)
		}
	}
	other.mu.Unlock()
	counts := ledger.Total(usage(t, s, 1))
	if int(counts.Calls) < made || int(counts.Billed) > made || counts.Failed != 0 {
		t.Errorf("%d were made; on record: %+v", made, counts)
	}

	// What is left is delivered, once the claims of the dead have ended: now,
	// since TestReturns says when.
	s.ExecForTest(t, `UPDATE returns SET due_at = 0 WHERE delivered_at IS NULL`)
	ctx, stop := context.WithCancel(t.Context())
	var sending sync.WaitGroup
	defer sending.Wait()
	defer stop()
	one := sender(t, s, server.URL, dir)
	for range 3 {
		sending.Go(func() { one.Run(ctx) })
	}
	var verified int
	s.QueryForTest(t, fmt.Sprintf(`SELECT count(*) FROM audit_events WHERE result = '%s'`, audit.Verified), &verified)
	if n := rowsOf(t, s, "returns"); n != verified {
		t.Errorf("%d returns for %d verified people", n, verified)
	}
	eventually(t, "all is delivered", func() bool {
		n, _, err := s.Outstanding(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return n == 0
	})
	other.mu.Lock()
	defer other.mu.Unlock()
	if len(other.had) != verified {
		t.Errorf("the data of %d arrived, of %d", len(other.had), verified)
	}
	for customer, n := range other.had {
		if n != 1 {
			t.Errorf("%s arrived %d times", customer, n)
		}
	}
	t.Logf("%d rounds: %d calls made, on record %+v; %d verified, %d posts had come before", rounds, made, counts, verified, other.again)
	if made == 0 || verified == 0 {
		t.Error("the processes were killed before they did anything")
	}
}

// fillUpstream calls and verifies until both fail, and says how many were
// acknowledged.
func fillUpstream(t *testing.T, s *store.Store) (calls, verified int) {
	t.Helper()
	ids := []int64{}
	for n := range 100_000 {
		id, err := s.Begin(t.Context(), call("cli_a", fmt.Sprint(n), ledger.DataCheck, 0))
		if err != nil {
			assertUnanswered(t, "Begin", err)
			break
		}
		ids = append(ids, id)
	}
	for n := range 100_000 {
		e := event(t, n, fmt.Sprintf("request-%d", n))
		e.Result = audit.Verified
		if err := s.Append(t.Context(), e); err != nil {
			assertUnanswered(t, "Append", err)
			break
		}
		verified++
	}
	for _, id := range ids {
		end(t, s, id, found200)
	}
	if len(ids) < 10 {
		t.Fatalf("full after %d calls", len(ids))
	}
	return len(ids), verified
}

// assertAccount reports whether not exactly what was acknowledged is there.
func assertAccount(t *testing.T, s *store.Store, calls, verified int) {
	t.Helper()
	assertSound(t, s)
	if n, m := rowsOf(t, s, "upstream_calls"), rowsOf(t, s, "returns"); n != calls || m != verified {
		t.Errorf("%d calls and %d returns, %d and %d were acknowledged", n, m, calls, verified)
	}
}

// TestFullOfCalls: SQLite's own limit stands for the full disk; the endings wait
// until there is room.
func TestFullOfCalls(t *testing.T) {
	s := openWith(t, t.TempDir(), func(o *store.Options) { o.Returns = true })
	s.ExecForTest(t, `PRAGMA max_page_count = 80`)
	calls, verified := fillUpstream(t, s)
	assertAccount(t, s, calls, verified)
	s.ExecForTest(t, `PRAGMA max_page_count = 1000000`)
	eventually(t, "the endings are written", func() bool {
		counts := ledger.Total(usage(t, s, 1))
		return int(counts.Billed) == calls && counts.Unknown == 0
	})
	verify(t, s, 1)
	assertAccount(t, s, calls, verified+1)
}

// TestDiskFullOfCalls fills a real, small file system.
func TestDiskFullOfCalls(t *testing.T) {
	dir := filepath.Join(tmpfs(t, "2m"), "data")
	returning := func(o *store.Options) { o.Returns = true }
	o := options(t, dir)
	returning(&o)
	s, err := store.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	calls, verified := fillUpstream(t, s)
	assertAccount(t, s, calls, verified)
	if err := s.Close(); err != nil {
		t.Logf("Close: %v", err)
	}
	assertAccount(t, openWith(t, dir, returning), calls, verified)
}
