package upstream_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/sesuai/sesuai/internal/sqldb/pgtest"
)

// TestMain stops the shared PostgreSQL server.
func TestMain(m *testing.M) { os.Exit(pgtest.Main{M: m}.Run()) }

// reply is what a request with an idempotency key got.
type reply struct {
	status                        int
	id, body, retryAfter, replays string
}

// once sends a data verification with an idempotency key.
func (w *world) once(address, key string, claim map[string]string) (reply, error) {
	body, err := json.Marshal(claim)
	if err != nil {
		return reply{}, err
	}
	r, err := http.NewRequest(http.MethodPost, address+"/identity/v1/verification", strings.NewReader(string(body)))
	if err != nil {
		return reply{}, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Idempotency-Key", key)
	w.credentials.Sign(r)
	resp, err := w.client.Do(r)
	if err != nil {
		return reply{}, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	return reply{
		resp.StatusCode, resp.Header.Get("Request-Id"), string(answer), resp.Header.Get("Retry-After"), resp.Header.Get("Idempotent-Replayed"),
	}, err
}

// TestOneCallForManyRequests: of 64 concurrent requests with one idempotency key, at two
// nodes with one PostgreSQL database or at one with SQLite, Dukcapil is asked once, and
// all get the same answer with the same id. Another request with the key is refused.
func TestOneCallForManyRequests(t *testing.T) {
	for engine, nodes := range map[string]int{"PostgreSQL": 2, "SQLite": 1} {
		t.Run(engine, func(t *testing.T) {
			const senders, keys = 64, 5
			all := people(1)
			more := ""
			if engine == "PostgreSQL" {
				more = fmt.Sprintf("registry: %q\npostgres: {migrate: true}\n", pgtest.Database(t))
			}
			w := newWorld(t, all, "data:\n  latency: {median: 300ms, p99: 400ms}\n", more)
			var addresses []string
			for n := range nodes {
				if n > 0 { // each has its own address of the metrics
					w.sesuai.Env = append(w.sesuai.Env, "SESUAI_ADMIN_LISTEN=")
				}
				_, address := w.serve(t, "127.0.0.1:0")
				addresses = append(addresses, address)
			}
			for n := range keys {
				key, claim := fmt.Sprint("key-", n), map[string]string{"nik": all[0].nik, "name": all[0].name, "reference_id": fmt.Sprint("order-", n)}
				before := len(w.entries(t))
				got := make(chan reply, senders)
				var group sync.WaitGroup
				for i := range senders {
					group.Go(func() {
						r, err := w.once(addresses[i%nodes], key, claim)
						if err != nil {
							t.Error(err)
						}
						got <- r
					})
				}
				group.Wait()
				close(got)
				different := make(map[reply]int)
				firsts := 0
				for r := range got {
					if r.replays == "" {
						firsts++
					}
					r.replays = ""
					different[r]++
				}
				calls := 0
				for _, e := range w.entries(t)[before:] {
					if e.Service == "data_check" {
						calls++
					}
				}
				if len(different) != 1 || firsts != 1 || calls != 1 {
					t.Errorf("%d calls, %d first answers, and the answers are %+v", calls, firsts, different)
				}
				for r := range different {
					if r.status != 200 || !strings.Contains(r.body, `"verification_status":true`) {
						t.Errorf("%+v", r)
					}
				}
				claim["name"] = "SURYANI HAPSARI"
				if r, err := w.once(addresses[n%nodes], key, claim); err != nil || r.status != 409 || !strings.Contains(r.body, "IDEMPOTENCY_KEY_REUSED") {
					t.Errorf("another request: %+v, %v", r, err)
				}
			}
		})
	}
}
