package kill_test

import (
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"
)

// TestKillServe kills the service under load at random moments. The audit trail has every
// answered verification exactly once, and stays verifiable. SERVE_KILLS is how often it is
// killed.
func TestKillServe(t *testing.T) {
	rounds := 3
	if v := os.Getenv("SERVE_KILLS"); v != "" {
		var err error
		if rounds, err = strconv.Atoi(v); err != nil {
			t.Fatalf("SERVE_KILLS: %v", err)
		}
	}
	data := withDemoPeople(t)
	photo := readFile(t, photosDir+"/ayu-selfie.jpg")
	const callers, maxAnswers = 6, 25
	answered := make(map[string]bool)
	for round := range rounds {
		s := serve(t, data)
		var mu sync.Mutex
		var group sync.WaitGroup
		reached := make(chan struct{})
		thisRound, enough := 0, 1+rand.IntN(maxAnswers)
		for caller := range callers {
			group.Go(func() {
				for n := 0; ; n++ {
					id := fmt.Sprintf("%d.%d.%d", round, caller, n)
					status, body, err := s.verify(id, photo)
					if _, bad := errors.AsType[notJSON](err); bad {
						t.Errorf("%s: %v", id, err)
					}
					if err != nil {
						return // killed
					}
					mu.Lock()
					if status != 200 {
						t.Errorf("%s: %d %s", id, status, body)
					}
					answered[id] = true
					if thisRound++; thisRound == enough {
						close(reached)
					}
					mu.Unlock()
				}
			})
		}
		<-reached
		// Not always just behind an answer, but at any moment of the next one.
		time.Sleep(rand.N(20 * time.Millisecond))
		s.Kill(t)
		group.Wait()
		assertSound(t, data)
	}
	recorded := requestIDs(t, data)
	for id := range answered {
		if recorded[id] != 1 {
			t.Errorf("request %s was answered, and is recorded %d times", id, recorded[id])
		}
	}
	for id, times := range recorded {
		if times != 1 {
			t.Errorf("request %s is recorded %d times", id, times)
		}
	}
	t.Logf("%d answered, %d recorded, by %d processes", len(answered), len(recorded), rounds)
	if unanswered := len(recorded) - len(answered); unanswered < 0 || unanswered > rounds*callers {
		t.Errorf("%d requests are recorded that were not answered", unanswered)
	}
	s := serve(t, data)
	if status, body, err := s.verify("", photo); err != nil || status != 200 {
		t.Errorf("afterwards: %d %s, %v", status, body, err)
	}
	s.Stop(t)
	if len(s.Log.String()) > 0 {
		t.Errorf("the log says %s", s.Log)
	}
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
