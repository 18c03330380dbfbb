package kill_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/sqldb/pgtest"
	"github.com/sesuai/sesuai/test/process"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main{M: m}.Run()) }

const (
	// guessers send guesses about guessed people at the same time, of which each may
	// have allowedMisses misses.
	guessers      = 64
	guessed       = 3
	allowedMisses = 40
)

// guessing are the nodes of a database that people are guessed at, and what they answered.
type guessing struct {
	sesuai   process.Runner
	registry string // the URL; "" for SQLite
	server          // the credentials and the client
	nodes    []*guessedNode

	mu sync.Mutex
	// missed are the ids of requests that were answered and not verified.
	missed map[string]bool
	cutOff int
	sent   int
	// enough is closed when half of all misses that may be are answered.
	enough chan struct{}
}

// guessedNode is a node that is killed and started again.
type guessedNode struct {
	// mu is held from its end until it serves again.
	mu      sync.RWMutex
	process *process.Process
	address string
}

func newGuessing(t *testing.T, registry string, nodes int) *guessing {
	t.Helper()
	g := &guessing{
		sesuai: program(t), registry: registry, missed: make(map[string]bool), enough: make(chan struct{}),
	}
	folder := t.TempDir()
	g.sesuai.Env = append(
		g.sesuai.Env, "SESUAI_DATA="+filepath.Join(folder, "data"), "SESUAI_REGISTRY="+registry, "SESUAI_POSTGRES_MIGRATE=true",
		"SESUAI_ADMIN_LISTEN=", "SESUAI_LIMITS_MAX_IN_FLIGHT=200", "SESUAI_TIMEOUTS_REQUEST=2s",
		fmt.Sprint("SESUAI_LIMITS_NIK_MISSES_PER_HOUR=", allowedMisses), fmt.Sprint("SESUAI_LIMITS_NIK_MISSES_PER_DAY=", allowedMisses),
		"SESUAI_LIMITS_NIK_CLIENT_MISSES_PER_HOUR=0", "SESUAI_LIMITS_NIK_CLIENT_MISSES_PER_DAY=0",
	)
	var list strings.Builder
	list.WriteString("nik,name,date_of_birth\n")
	for person := range guessed {
		fmt.Fprintf(&list, "%s,AYU KENCANA PRATIWI,12-03-1990\n", alikeNIK(person))
	}
	people := filepath.Join(folder, "people.csv")
	if err := os.WriteFile(people, []byte(list.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	g.sesuai.Run(t, nil, "person", "import", people)
	g.sesuai.Run(t, &g.Credentials, "client", "add", "guesser", "--scope", "identity.verification")
	g.client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: guessers}, Timeout: patience}
	t.Cleanup(g.client.CloseIdleConnections)
	for range nodes {
		n := new(guessedNode)
		g.start(t, n)
		g.nodes = append(g.nodes, n)
	}
	return g
}

// start starts a node.
func (g *guessing) start(t *testing.T, n *guessedNode) {
	t.Helper()
	var started struct{ Address string }
	n.process = g.sesuai.Start(t, &started, "serve", "--listen", "127.0.0.1:0")
	n.address = started.Address
}

// restart kills a node and starts it again.
func (g *guessing) restart(t *testing.T, n *guessedNode) {
	t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	n.process.Kill(t)
	g.start(t, n)
}

// guessID is the id of a request about a person.
func guessID(person, n int) string { return fmt.Sprint(person, "-", n) }

// send has all guessers guess until each was refused once about each person. With atLimit a
// refusal does not count that only says that others are in progress.
func (g *guessing) send(t *testing.T, atLimit bool) *sync.WaitGroup {
	all := new(sync.WaitGroup)
	for i := range guessers {
		all.Go(func() {
			var open []int
			for person := range guessed {
				open = append(open, person)
			}
			for deadline := time.Now().Add(patience); len(open) > 0; {
				if time.Now().After(deadline) {
					t.Error("the guesses are not refused")
					return
				}
				person := open[i%len(open)]
				status, retryAfter, err := g.guess(g.nodes[i%len(g.nodes)], person)
				switch {
				case err != nil: // it was killed, and the next guess waits for its restart
					g.mu.Lock()
					g.cutOff++
					g.mu.Unlock()
				case status == http.StatusTooManyRequests && atLimit && retryAfter == time.Second:
				case status == http.StatusTooManyRequests:
					open = slices.DeleteFunc(open, func(o int) bool { return o == person })
				case status == http.StatusServiceUnavailable: // it has waited for too long
				case status != http.StatusOK:
					t.Errorf("a guess is answered %d", status)
				}
			}
		})
	}
	return all
}

// guess verifies a person under another name.
func (g *guessing) guess(n *guessedNode, person int) (status int, retryAfter time.Duration, err error) {
	g.mu.Lock()
	g.sent++
	id := guessID(person, g.sent)
	g.mu.Unlock()
	n.mu.RLock()
	address := n.address
	n.mu.RUnlock()
	r, err := http.NewRequest(http.MethodPost, address+"/identity/v1/verification",
		strings.NewReader(fmt.Sprintf(`{"nik":%q,"name":"WULAN CAHYANI"}`, alikeNIK(person))))
	if err != nil {
		return 0, 0, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Request-Id", id)
	g.Sign(r)
	resp, err := g.client.Do(r)
	if err != nil {
		return 0, 0, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, 0, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case resp.StatusCode == http.StatusTooManyRequests:
		seconds, err := strconv.Atoi(resp.Header.Get("Retry-After"))
		return resp.StatusCode, time.Duration(seconds) * time.Second, err
	case resp.StatusCode == http.StatusOK && strings.Contains(string(body), `"verification_status":false`):
		if g.missed[id] = true; len(g.missed) == guessed*allowedMisses/2 {
			close(g.enough)
		}
	}
	return resp.StatusCode, 0, nil
}

// recorded returns the number of misses of each person in the audit trail. Each that was
// answered must be there, and none twice.
func (g *guessing) recorded(t *testing.T) (misses [guessed]int) {
	t.Helper()
	found := make(map[string]bool)
	for _, e := range eventsOf(t, g.sesuai.Env) {
		if e.Result != audit.NotVerified {
			continue
		}
		if found[e.RequestID] {
			t.Errorf("%s is recorded twice", e.RequestID)
		}
		found[e.RequestID] = true
		text, _, _ := strings.Cut(e.RequestID, "-")
		person, err := strconv.Atoi(text)
		if err != nil || person >= guessed {
			t.Fatalf("an event is of request %s", e.RequestID)
		}
		misses[person]++
	}
	for id := range g.missed {
		if !found[id] {
			t.Errorf("%s was answered and is not recorded", id)
		}
	}
	return misses
}

// counted returns the number of misses of each person that the limit has counted.
func (g *guessing) counted(t *testing.T) (misses [guessed]int) {
	t.Helper()
	for person := range guessed {
		var out struct {
			Limits []struct {
				Limit string
				Used  int
			}
		}
		g.sesuai.Run(t, &out, "limits", "show", "--nik", alikeNIK(person))
		for _, l := range out.Limits {
			if l.Limit == "misses_per_hour" {
				misses[person] = l.Used
			}
		}
	}
	return misses
}

// TestKillLimits kills a node while 64 guess at few people, and starts it again. The misses
// that are counted are those in the audit trail, every one that was answered is among
// them, and in the end they are exactly those that the limit allows.
func TestKillLimits(t *testing.T) {
	for engine, nodes := range map[string]int{"SQLite": 1, "PostgreSQL": 2} {
		t.Run(engine, func(t *testing.T) {
			registry := ""
			if engine == "PostgreSQL" {
				registry = pgtest.Database(t)
			}
			g := newGuessing(t, registry, nodes)
			senders := g.send(t, false)
			select {
			case <-g.enough:
			case <-time.After(patience):
				t.Fatal("too few guesses are answered")
			}
			g.restart(t, g.nodes[0])
			senders.Wait()
			recorded := g.recorded(t)
			if counted := g.counted(t); recorded != counted || slices.Max(recorded[:]) > allowedMisses {
				t.Errorf("the misses are %d, and %d are counted", recorded, counted)
			}
			t.Logf("%d guesses, of which %d cut off; %d answered, %d recorded", g.sent, g.cutOff, len(g.missed), recorded)

			g.expire(t)
			g.send(t, true).Wait()
			var want [guessed]int
			for person := range want {
				want[person] = allowedMisses
			}
			if recorded, counted := g.recorded(t), g.counted(t); recorded != want || counted != want {
				t.Errorf("the misses are %d, and %d are counted, want %d", recorded, counted, want)
			}
			for _, n := range g.nodes {
				n.process.Stop(t)
			}
			g.sesuai.Run(t, nil, "audit", "verify")
		})
	}
}

// expire has the requests expire that a killed node had in progress, as they do by
// themselves after a minute. No others are in progress. In SQLite there are none.
func (g *guessing) expire(t *testing.T) {
	t.Helper()
	if g.registry == "" {
		return
	}
	conn, err := pgx.Connect(t.Context(), g.registry)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	expired, err := conn.Exec(t.Context(), "UPDATE limit_leases SET expires = 0")
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("the killed node had %d in progress", expired.RowsAffected())
}
