package recorder_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sesuai/sesuai/internal/access/limit"
	"github.com/sesuai/sesuai/internal/answer"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/audit/audittest"
	"github.com/sesuai/sesuai/internal/dukcapil/balikan"
	"github.com/sesuai/sesuai/internal/dukcapil/balikan/outboxtest"
	"github.com/sesuai/sesuai/internal/dukcapil/ledger"
	"github.com/sesuai/sesuai/internal/dukcapil/ledger/ledgertest"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/people"
	"github.com/sesuai/sesuai/internal/recorder"
	"github.com/sesuai/sesuai/internal/replay/replaytest"
	"github.com/sesuai/sesuai/internal/sqldb"
	"github.com/sesuai/sesuai/internal/sqldb/sqltest"
	"github.com/sesuai/sesuai/internal/vault"
)

// upstreamEngines have the tables of a service in front of Dukcapil.
var upstreamEngines = sqltest.New(vault.Migrations, people.Migrations, audit.Migrations, ledger.Migrations, balikan.Migrations)

// service is what a process writes to when it verifies people at Dukcapil.
type service struct {
	events *recorder.Recorder
	trail  *audit.Trail
	calls  *ledger.Store
	outbox *balikan.Store
}

// job is what a child process is told, in the environment.
type job struct {
	Database sqltest.Database
	Dir, URL string
	First    int
}

const jobVariable = "SESUAI_TEST_RECORDER_JOB"

// openService opens a service on a database. The processes that use it share the
// keys in dir.
func openService(t testing.TB, d sqltest.Database, dir string) *service {
	t.Helper()
	return openServiceOn(t, d.Open(t), dir)
}

// openServiceOn opens a service on an open database.
func openServiceOn(t testing.TB, db *sqldb.DB, dir string) *service {
	t.Helper()
	keys, probes := openProbes(t, db, dir, true)
	s := new(service)
	var err error
	s.trail, err = audit.NewTrail(t.Context(), audit.Options{DB: db, NIK: keys.Secret(keyring.AuditNIK), Chain: keys.Secret(keyring.AuditChain)})
	if err != nil {
		t.Fatal(err)
	}
	audittest.Start(t, db, s.trail)
	if s.outbox, err = balikan.NewStore(t.Context(), balikan.StoreOptions{DB: db, Secret: keys.Secret(keyring.Outbox)}); err != nil {
		t.Fatal(err)
	}
	if s.calls, err = ledger.NewStore(t.Context(), ledger.StoreOptions{DB: db, Rows: keys.Secret(keyring.Rows)}); err != nil {
		t.Fatal(err)
	}
	s.events = recorder.New(recorder.Options{DB: db, Trail: s.trail, Outbox: s.outbox, Probes: probes, Vault: keys})
	t.Cleanup(func() {
		s.events.Close()
		s.calls.Close()
	})
	return s
}

// verify records that the n-th person was verified with the n-th photograph, or
// that the photograph was refused since it was sent before.
func (s *service) verify(ctx context.Context, t testing.TB, n int, request string) (seen bool, err error) {
	e := audit.Event{
		Time: outboxtest.Noon, RequestID: fmt.Sprintf("%s-%d", request, n), NIK: outboxtest.NIK(t, n), Result: audit.Verified,
	}
	seen, _, err = s.events.Remember(ctx, nil, e.NIK, replaytest.Probe(n, e.RequestID, 0), func(seen bool, _ limit.Prior, err error) (audit.Event, *answer.Answer) {
		e := e
		if seen {
			e.Result = audit.Refused
		}
		if err != nil {
			e.Result = audit.Unavailable
		}
		return e, nil
	})
	return seen, err
}

// sender returns a sender that delivers the outbox to url.
func (s *service) sender(t testing.TB, url, dir string) *balikan.Sender {
	t.Helper()
	token := filepath.Join(dir, "token")
	if err := os.WriteFile(token, []byte("token"), 0o600); err != nil {
		t.Fatal(err)
	}
	sender, err := balikan.New(balikan.Options{
		Config: balikan.Config{
			URL: url + "/store", TokenFile: token, InstitutionID: "L-1", InstitutionName: "Bank Contoh",
			Interval: time.Millisecond, Batch: 10,
		},
		Outbox: s.outbox, Timeout: 100 * time.Millisecond, Wait: time.Millisecond, MaxWait: 10 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	return sender
}

// TestChild is run by TestKill in another process. It calls the upstream, with
// each call in the log, records that people were verified, and returns their
// data, until it is killed.
func TestChild(t *testing.T) {
	text := os.Getenv(jobVariable)
	if text == "" {
		return // not started by TestKill
	}
	var j job
	if err := json.Unmarshal([]byte(text), &j); err != nil {
		t.Fatal(err)
	}
	j.Database.Options.Migrations = upstreamEngines.Migrations()
	s := openService(t, j.Database, j.Dir)
	go s.sender(t, j.URL, j.Dir).Run(t.Context())
	var group sync.WaitGroup
	const workers = 6
	for w := range workers {
		group.Go(func() {
			for n := j.First + w; ; n += workers {
				id, err := s.calls.Start(t.Context(), ledgertest.Call("cli_a", fmt.Sprint(n), ledger.DataCheck, 0))
				if err != nil {
					t.Error(err)
					return
				}
				resp, err := http.Get(fmt.Sprintf("%s/call?id=%d", j.URL, id))
				if err != nil {
					t.Error(err)
					return
				}
				_ = resp.Body.Close()
				_ = s.calls.Complete(t.Context(), id, ledgertest.Found)
				if seen, err := s.verify(t.Context(), t, n, "request"); seen || err != nil {
					t.Error(seen, err)
					return
				}
			}
		})
	}
	group.Wait()
}

// upstream counts the calls that it gets and the data that are returned to it.
type upstream struct {
	mu sync.Mutex
	// calls counts by the call's id, returned by the request's id.
	calls, returned map[string]int
	again           int // posts with data that had come before
}

var (
	customers = regexp.MustCompile(`"CUSTOMER_ID":"([^"]+)"`)
	niks      = regexp.MustCompile(`"NIK":"9999([0-9]{12})"`)
)

func (u *upstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if r.URL.Path == "/call" {
		u.calls[r.URL.Query().Get("id")]++
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
		if u.returned[string(c[1])] > 0 {
			u.again++
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"message":"Data sudah pernah dikirim"}`)
			return
		}
	}
	for _, c := range found {
		u.returned[string(c[1])]++
	}
	_, _ = io.WriteString(w, `{"message":"Success"}`)
}

// TestKill kills two processes on one database with SIGKILL, again and again: at
// any point between Start and Complete, while events and their rows are
// committed, and while data are delivered. Every call that was made is in the
// log, no call has a completion of another, and the data of every verified person
// arrive once. A photograph is remembered if, and only if, its event is recorded.
func TestKill(t *testing.T) {
	upstreamEngines.Each(t, func(t *testing.T, d sqltest.Database) {
		dir := t.TempDir()
		other := &upstream{calls: make(map[string]int), returned: make(map[string]int)}
		server := httptest.NewServer(other)
		defer server.Close()
		rounds := 6
		if testing.Short() {
			rounds = 2
		}
		s := openService(t, d, dir)
		// On a busy machine a process may be killed before it has done anything.
		started := func() bool {
			var rows int
			d.QueryRow(t, `SELECT count(*) FROM outbox`, &rows)
			return rows > 0
		}
		for round := 0; round < rounds || round < 10*rounds && !started(); round++ {
			killRound(t, job{Database: d, Dir: dir, URL: server.URL, First: round * 1_000_000}, round)
		}

		verified := s.assertSound(t, d)
		counts := s.counts(t)
		other.mu.Lock()
		made := len(other.calls)
		logged := loggedCalls(t, d)
		for id, times := range other.calls {
			if !logged[id] || times != 1 {
				t.Errorf("call %s was made %d times; it is in the log: %t", id, times, logged[id])
			}
		}
		other.mu.Unlock()
		if int(counts.Calls) < made || int(counts.Billed) > made || counts.Failed != 0 {
			t.Errorf("%d were made; the log has %+v", made, counts)
		}
		if made == 0 || verified == 0 {
			t.Error("the processes were killed before they did anything")
		}

		// The rest is delivered once the leases of the killed have expired: now,
		// since the conformance tests show when they do.
		d.Exec(t, `UPDATE outbox SET due_at = 0 WHERE delivered_at IS NULL`)
		s.deliver(t, server.URL, dir)
		other.mu.Lock()
		defer other.mu.Unlock()
		if len(other.returned) != verified {
			t.Errorf("the data of %d people arrived, of %d", len(other.returned), verified)
		}
		for customer, n := range other.returned {
			if n != 1 {
				t.Errorf("%s arrived %d times", customer, n)
			}
		}
		s.assertRemembered(t, d)
		t.Logf("%d rounds: %d calls made, in the log %+v; %d verified, %d posts had come before", rounds, made, counts, verified, other.again)
	})
}

// loggedCalls is the set of the ids in the call log.
func loggedCalls(t *testing.T, d sqltest.Database) map[string]bool {
	t.Helper()
	ids := make(map[string]bool)
	_, err := sqldb.Collect(t.Context(), d.Open(t).Read(), func(rows *sql.Rows) (id string, err error) {
		err = rows.Scan(&id)
		ids[id] = true
		return id, err
	}, `SELECT id FROM upstream_calls`)
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

// killRound runs two processes for a moment and kills them.
func killRound(t *testing.T, j job, round int) {
	t.Helper()
	var children []*exec.Cmd
	for child := range 2 {
		j.First += child * 100_000
		text, err := json.Marshal(j)
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(os.Args[0], "-test.run=^TestChild$")
		cmd.Env = append(os.Environ(), jobVariable+"="+string(text))
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

// assertSound verifies the trail and that each event of a verified person has its
// row. It returns the number of those.
func (s *service) assertSound(t *testing.T, d sqltest.Database) int {
	t.Helper()
	head, err := s.trail.Verify(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var events, verified, rows, both int
	d.QueryRow(t, `SELECT count(*) FROM audit_events`, &events)
	d.QueryRow(t, `SELECT count(*) FROM audit_events WHERE result = 'verified'`, &verified)
	d.QueryRow(t, `SELECT count(*) FROM outbox`, &rows)
	d.QueryRow(t, `SELECT count(*) FROM outbox JOIN audit_events ON audit_events.seq = outbox.seq`, &both)
	if int(head.Seq) != events || rows != verified || both != verified {
		t.Errorf("the head is %d; %d events, %d of the verified, %d rows, %d of both", head.Seq, events, verified, rows, both)
	}
	return verified
}

// assertRemembered reports if not exactly the photographs are remembered with which
// people were verified, by the trail. It sends those again.
func (s *service) assertRemembered(t *testing.T, d sqltest.Database) {
	t.Helper()
	events, err := s.trail.Events(t.Context(), audit.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	var rows int
	d.QueryRow(t, `SELECT count(*) FROM unenrolled_probes`, &rows)
	events = slices.DeleteFunc(events, func(e audit.Entry) bool { return e.Result != audit.Verified })
	if rows != len(events) {
		t.Errorf("%d photographs are remembered, and %d events recorded", rows, len(events))
	}
	var group errgroup.Group
	group.SetLimit(32)
	for _, e := range events {
		group.Go(func() error {
			_, number, _ := strings.Cut(e.RequestID, "-")
			n, err := strconv.Atoi(number)
			if err != nil {
				return err
			}
			seen, err := s.verify(t.Context(), t, n, "again")
			if err == nil && !seen {
				err = fmt.Errorf("%s is recorded, and its photograph is not remembered", e.RequestID)
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
}

func (s *service) counts(t *testing.T) ledger.Counts {
	t.Helper()
	return ledger.Total(ledgertest.Usage(t, s.calls, 1))
}

// deliver runs senders until nothing is pending.
func (s *service) deliver(t *testing.T, url, dir string) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	var sending sync.WaitGroup
	defer sending.Wait()
	defer stop()
	one := s.sender(t, url, dir)
	for range 3 {
		sending.Go(func() { one.Run(ctx) })
	}
	for start := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		n, _, err := s.outbox.Pending(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			return
		}
		if time.Since(start) > time.Minute {
			t.Fatalf("%d rows are pending after a minute", n)
		}
	}
}
