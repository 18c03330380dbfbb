package kill_test

import (
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/sqldb/pgtest"
	"github.com/sesuai/sesuai/test/process"
)

// TestKillServe ends the service under load at random moments, by SIGKILL or by SIGTERM.
// The audit trail has every answered verification exactly once, and stays verifiable.
// After SIGTERM the service ends without an error, and no verification is recorded that was
// not answered. SERVE_KILLS is how often it is ended on each engine.
func TestKillServe(t *testing.T) {
	rounds := 2
	if v := os.Getenv("SERVE_KILLS"); v != "" {
		var err error
		if rounds, err = strconv.Atoi(v); err != nil {
			t.Fatalf("SERVE_KILLS: %v", err)
		}
	}
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		data := withDemoPeople(t)
		k := newEnded(t, data, "")
		k.run(t, rounds, func() { assertSound(t, data) })
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		k := newEnded(t, filepath.Join(t.TempDir(), "data"), pgtest.Database(t))
		k.sesuai.Run(t, nil, "person", "import", root+"/demo/people.csv", "--photos", photosDir)
		k.run(t, rounds, func() { k.sesuai.Run(t, nil, "audit", "verify") })
	})
}

// ended is a service that is ended again and again.
type ended struct {
	sesuai process.Runner
	server
	photo []byte

	mu sync.Mutex
	// answered are the ids of requests that had a verdict.
	answered map[string]bool
}

func newEnded(t *testing.T, data, registry string) *ended {
	t.Helper()
	k := &ended{sesuai: program(t), photo: readFile(t, photosDir+"/ayu-selfie.jpg"), answered: make(map[string]bool)}
	k.sesuai.Env = append(append(k.sesuai.Env, process.Exact()...), "SESUAI_DATA="+data, "SESUAI_REGISTRY="+registry, "SESUAI_POSTGRES_MIGRATE=true")
	k.sesuai.Run(t, &k.Credentials, "client", "add", "test")
	return k
}

// start starts the service.
func (k *ended) start(t *testing.T) {
	t.Helper()
	k.client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8}, Timeout: patience}
	var started struct{ Address string }
	k.Process = k.sesuai.Start(t, &started, "serve", "--listen", "127.0.0.1:0")
	k.address = started.Address
}

// callers are how many send requests at the same time.
const callers = 6

// run ends the service so many times. sound checks what it leaves behind.
func (k *ended) run(t *testing.T, rounds int, sound func()) {
	t.Helper()
	killed := make(map[string]bool) // the rounds that SIGKILL ended
	for round := range rounds {
		k.start(t)
		kill := (round+rand.IntN(2))%2 == 0
		if round < 2 {
			kill = round == 0 // both, however few there are
		}
		k.endUnderLoad(t, round, kill)
		if kill {
			killed[fmt.Sprint(round)] = true
		}
		sound()
		if t.Failed() {
			t.FailNow()
		}
	}
	recorded := k.recorded(t)
	for id := range k.answered {
		if recorded[id] != 1 {
			t.Errorf("request %s was answered, and is recorded %d times", id, recorded[id])
		}
	}
	unanswered := 0
	for id, times := range recorded {
		if times != 1 {
			t.Errorf("request %s is recorded %d times", id, times)
		}
		if round, _, _ := strings.Cut(id, "."); !k.answered[id] {
			if unanswered++; !killed[round] {
				t.Errorf("request %s is recorded and was not answered before SIGTERM ended the service", id)
			}
		}
	}
	t.Logf("%d answered, %d recorded, by %d processes, of which SIGKILL ended %d and SIGTERM the others",
		len(k.answered), len(recorded), rounds, len(killed))
	if unanswered > len(killed)*callers {
		t.Errorf("%d requests are recorded that were not answered", unanswered)
	}
	k.start(t)
	if status, body, err := k.verify("", k.photo); err != nil || status != 200 {
		t.Errorf("afterwards: %d %s, %v", status, body, err)
	}
	k.Stop(t)
	if len(k.Log.String()) > 0 {
		t.Errorf("the log says %s", k.Log)
	}
}

// endUnderLoad ends the service at a random moment, and returns when all callers have
// noticed.
func (k *ended) endUnderLoad(t *testing.T, round int, kill bool) {
	t.Helper()
	const maxAnswers = 25
	var group sync.WaitGroup
	reached := make(chan struct{})
	thisRound, enough := 0, 1+rand.IntN(maxAnswers)
	for caller := range callers {
		group.Go(func() {
			for n := 0; ; n++ {
				id := fmt.Sprintf("%d.%d.%d", round, caller, n)
				status, body, err := k.verify(id, k.photo)
				if _, bad := errors.AsType[notJSON](err); bad {
					t.Errorf("%s: %v", id, err)
				}
				if err != nil {
					return // it has ended
				}
				k.mu.Lock()
				if status != 200 {
					t.Errorf("%s: %d %s", id, status, body)
				}
				k.answered[id] = true
				if thisRound++; thisRound == enough {
					close(reached)
				}
				k.mu.Unlock()
			}
		})
	}
	<-reached
	// Not always just behind an answer, but at any moment of the next one.
	time.Sleep(rand.N(20 * time.Millisecond))
	if kill {
		k.Kill(t)
	} else {
		k.Stop(t)
	}
	group.Wait()
	k.client.CloseIdleConnections()
}

// recorded counts the events of each request.
func (k *ended) recorded(t *testing.T) map[string]int {
	t.Helper()
	found := make(map[string]int)
	for _, e := range eventsOf(t, k.sesuai.Env) {
		if e.Action == "" {
			found[e.RequestID]++
		}
	}
	return found
}

// eventsOf returns the audit trail of the service with that environment.
func eventsOf(t *testing.T, environment []string) []audit.Entry {
	t.Helper()
	config, err := app.LoadConfig("", environment)
	if err != nil {
		t.Fatal(err)
	}
	storage, err := app.OpenStorage(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	events, err := storage.Trail.Events(t.Context(), audit.Filter{})
	if err := errors.Join(err, storage.Close()); err != nil {
		t.Fatal(err)
	}
	return events
}

// requestIDs counts the events of each request.
func requestIDs(t *testing.T, data string) map[string]int {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(data, "sesuai.db")+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.QueryContext(t.Context(), "SELECT request_id FROM audit_events WHERE action = ''")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	found := make(map[string]int)
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			t.Fatal(err)
		}
		found[id]++
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return found
}
