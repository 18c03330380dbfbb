package kill_test

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sesuai/sesuai/internal/audit"
)

// keyedAnswers are the answers that each idempotency key got: 200 with its id and body.
type keyedAnswers struct {
	mu      sync.Mutex
	answers map[string]string
	// repeats counts answers that were given before.
	repeats int
}

// ask sends a data verification with a key, which is its reference too. It reports
// whether it was answered. An answer that differs from an earlier one is an error.
func (k *keyedAnswers) ask(t *testing.T, s *server, key string) (answered bool, err error) {
	r, err := http.NewRequest(http.MethodPost, s.address+"/identity/v1/verification",
		strings.NewReader(fmt.Sprintf(`{"nik":"9901015203900001","name":"AYU KENCANA PRATIWI","reference_id":%q}`, key)))
	if err != nil {
		return false, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Idempotency-Key", key)
	s.Sign(r)
	resp, err := s.client.Do(r)
	if err != nil {
		return false, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return false, err
	}
	if resp.StatusCode == http.StatusServiceUnavailable {
		return false, nil
	}
	got := fmt.Sprint(resp.StatusCode, " ", resp.Header.Get("Request-Id"), " ", string(body))
	k.mu.Lock()
	defer k.mu.Unlock()
	if before, ok := k.answers[key]; ok && before != got || resp.StatusCode != 200 {
		t.Errorf("%s is answered with\n%s, and was with\n%s", key, got, before)
	}
	k.answers[key] = got
	if resp.Header.Get("Idempotent-Replayed") != "" {
		k.repeats++
	}
	return true, nil
}

// TestKillIdempotency kills the service at random moments while requests with idempotency
// keys are in progress, and sends them again. No key is answered in two ways, and each
// has one event. IDEMPOTENCY_KILLS is how often it is killed.
func TestKillIdempotency(t *testing.T) {
	kills := 5
	if v := os.Getenv("IDEMPOTENCY_KILLS"); v != "" {
		var err error
		if kills, err = strconv.Atoi(v); err != nil {
			t.Fatalf("IDEMPOTENCY_KILLS: %v", err)
		}
	}
	const callers = 6
	data := withDemoPeople(t)
	k := &keyedAnswers{answers: make(map[string]string)}
	var who *server // all processes serve one client
	open := []string{}
	next := 0
	for range kills {
		s := serveAgain(t, data, who)
		who = s
		var mu sync.Mutex
		take := func() string { // one that was not answered, or a new one
			mu.Lock()
			defer mu.Unlock()
			if len(open) > 0 && rand.N(2) == 0 {
				i := rand.N(len(open))
				return open[i]
			}
			next++
			key := fmt.Sprint("key-", next)
			open = append(open, key)
			return key
		}
		var group sync.WaitGroup
		for range callers {
			group.Go(func() {
				for {
					if _, err := k.ask(t, s, take()); err != nil {
						return // killed
					}
				}
			})
		}
		<-time.After(50*time.Millisecond + rand.N(300*time.Millisecond)) // a random moment
		s.Kill(t)
		group.Wait()
		if t.Failed() {
			t.FailNow()
		}
	}

	s := serveAgain(t, data, who)
	unanswered := 0
	for _, key := range open {
		for deadline := time.Now().Add(patience); ; {
			answered, err := k.ask(t, s, key)
			if err != nil || time.Now().After(deadline) {
				t.Fatalf("%s is not answered: %v", key, err)
			}
			if answered {
				break
			}
			unanswered++
		}
	}
	s.Stop(t)
	assertSound(t, data)
	storage := openStorage(t, data)
	events, err := storage.Trail.Events(t.Context(), audit.Filter{})
	if err := errors.Join(err, storage.Close()); err != nil {
		t.Fatal(err)
	}
	verified := make(map[string]int)
	for _, e := range events {
		if e.Result == audit.Verified {
			verified[e.Reference]++
		}
	}
	for _, key := range open {
		if verified[key] != 1 || !strings.Contains(k.answers[key], `"verification_status":true`) {
			t.Errorf("%s has %d events and the answer %s", key, verified[key], k.answers[key])
		}
	}
	t.Logf("%d kills, %d keys, %d answers given again, %d times a lease had to end", kills, len(open), k.repeats, unanswered)
	if k.repeats == 0 || len(verified) != len(open) {
		t.Errorf("of %d keys %d have events", len(open), len(verified))
	}
}

// serveAgain is serve with the client of an earlier process, or with one that may
// verify data if that is nil.
func serveAgain(t *testing.T, data string, earlier *server) *server {
	t.Helper()
	s := &server{client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8}, Timeout: patience}}
	t.Cleanup(s.client.CloseIdleConnections)
	if earlier == nil {
		sesuai(t, &s.Credentials, "client", "add", "test", "--scope", "identity.verification", "--data", data)
	} else {
		s.Credentials = earlier.Credentials
	}
	var started struct{ Address string }
	s.Process = program(t).Start(t, &started, "serve", "--data", data, "--listen", "127.0.0.1:0")
	s.address = started.Address
	return s
}
