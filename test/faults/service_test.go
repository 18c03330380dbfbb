package faults_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/registry"
	"github.com/sesuai/sesuai/internal/registry/registrytest"
	"github.com/sesuai/sesuai/test/process"
)

const (
	root      = "../.."
	photosDir = root + "/build/demo/photos"
	// patience is how long these tests wait for an event.
	patience = 90 * time.Second
	// verifiers is how many requests for verifications there are at once.
	verifiers = 3
)

// What requests end with.
const (
	verdict  = "verdict"
	noAnswer = "no answer"
)

// service is a running service under load: people are verified, and others enrolled by
// another process.
type service struct {
	sesuai process.Runner
	*process.Process
	process.Credentials
	address string
	client  *http.Client
	photo   []byte

	stop    chan struct{}
	group   sync.WaitGroup
	storage *app.Storage // of whoever enrols

	mu       sync.Mutex
	sent     int
	verdicts map[string]bool // by the id of the request
	enrolled map[string]bool // by the NIK
	outcomes map[string]int  // since the last call of resetOutcomes
}

// newService starts a service with its data in a folder, and further variables.
func newService(t *testing.T, dir string, env ...string) *service {
	t.Helper()
	s := &service{
		sesuai: process.Runner{
			Program: process.Program(t, root, "build/demo/photos/ayu-selfie.jpg"),
			Env: append(append(process.Exact(), env...), "SESUAI_LOG_LEVEL=warn", "SESUAI_DATA="+filepath.Join(dir, "data"),
				"SESUAI_ADMIN_LISTEN=", "SESUAI_TIMEOUTS_REQUEST=5s"),
		},
		client:   &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 30 * time.Second},
		verdicts: make(map[string]bool), enrolled: make(map[string]bool), outcomes: make(map[string]int),
	}
	var err error
	if s.photo, err = os.ReadFile(photosDir + "/ayu-selfie.jpg"); err != nil {
		t.Fatal(err)
	}
	s.sesuai.Run(t, nil, "person", "import", root+"/demo/people.csv", "--photos", photosDir)
	s.sesuai.Run(t, &s.Credentials, "client", "add", "faults")
	s.start(t)
	return s
}

func (s *service) start(t *testing.T) {
	t.Helper()
	var started struct{ Address string }
	s.Process = s.sesuai.Start(t, &started, "serve", "--listen", "127.0.0.1:0")
	s.address = started.Address
}

// load starts the load, and waits until it is answered with verdicts.
func (s *service) load(t *testing.T, enrols bool) {
	t.Helper()
	s.loadUntil(t, enrols, verdict)
}

// loadUntil starts the load, and waits until requests end with an outcome.
func (s *service) loadUntil(t *testing.T, enrols bool, outcome string) {
	t.Helper()
	s.stop = make(chan struct{})
	stop := s.stop
	each := func(do func()) {
		s.group.Go(func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(20 * time.Millisecond):
					do()
				}
			}
		})
	}
	for range verifiers {
		each(s.verify)
	}
	if enrols {
		s.storage = s.open(t)
		each(func() { s.enrol(t) })
	}
	s.resetOutcomes()
	s.await(t, outcome)
}

// unload ends the load.
func (s *service) unload(t *testing.T) {
	t.Helper()
	close(s.stop)
	s.group.Wait()
	if s.storage != nil {
		if err := s.storage.Close(); err != nil {
			t.Logf("closing the storage of the process that enrols: %v", err)
		}
		s.storage = nil
	}
}

func (s *service) open(t *testing.T) *app.Storage {
	t.Helper()
	config, err := app.LoadConfig("", s.sesuai.Env)
	if err != nil {
		t.Fatal(err)
	}
	storage, err := app.OpenStorage(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	return storage
}

// next returns the number of a request.
func (s *service) next() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent++
	return s.sent
}

// verify requests a verification of Ayu.
func (s *service) verify() {
	id := fmt.Sprint("faults-", s.next())
	outcome := s.ask(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.outcomes[outcome]++
	if outcome == verdict {
		s.verdicts[id] = true
	}
}

func (s *service) ask(id string) string { return s.askAbout(id, s.photo) }

func (s *service) askAbout(id string, photo []byte) (outcome string) {
	r, err := http.NewRequest(http.MethodPost, s.address+"/identity/v1/face-verification", bytes.NewReader(process.Form(photo)))
	if err != nil {
		return err.Error()
	}
	r.Header.Set("Content-Type", process.FormType)
	r.Header.Set("X-Request-Id", id)
	s.Sign(r)
	resp, err := s.client.Do(r)
	if err != nil {
		return noAnswer
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return noAnswer
	case resp.StatusCode == http.StatusOK && strings.Contains(string(body), `"verification_status":true`):
		return verdict
	}
	return fmt.Sprintf("%d %.70s", resp.StatusCode, body)
}

// enrol enrols a synthetic person.
func (s *service) enrol(t *testing.T) {
	n := s.next()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	person := registrytest.Person(t, n)
	_, err := s.storage.People.Enrol(ctx, person, registrytest.Portrait(t, n))
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.outcomes["enrolment refused"]++
		return
	}
	s.outcomes["enrolled"]++
	s.enrolled[person.NIK.Reveal()] = true
}

// resetOutcomes starts to count outcomes again.
func (s *service) resetOutcomes() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.outcomes)
}

// await waits until five requests have ended with an outcome, or with one that starts so.
func (s *service) await(t *testing.T, prefix string) {
	t.Helper()
	for late := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		s.mu.Lock()
		n, all := 0, fmt.Sprint(s.outcomes)
		for outcome, times := range s.outcomes {
			if strings.HasPrefix(outcome, prefix) {
				n += times
			}
		}
		s.mu.Unlock()
		if n >= 5 {
			return
		}
		if time.Now().After(late) {
			t.Fatalf("no requests end with %s, but %s: %s", prefix, all, s.Log)
		}
	}
}

// awaitLog waits until the log of the service has a text.
func (s *service) awaitLog(t *testing.T, text string) {
	t.Helper()
	for late := time.Now().Add(patience); !strings.Contains(s.Log.String(), text); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(late) {
			t.Fatalf("the log does not say %q", text)
		}
	}
}

// report logs what requests ended with since the last resetOutcomes, readiness and the log.
func (s *service) report(t *testing.T, what string) {
	t.Helper()
	readiness := noAnswer
	probe := http.Client{Transport: s.client.Transport, Timeout: 10 * time.Second}
	if resp, err := probe.Get(s.address + "/readyz"); err == nil {
		readiness = fmt.Sprint(resp.StatusCode)
		_ = resp.Body.Close()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t.Logf("| %s | /readyz: %s | %v |", what, readiness, s.outcomes)
	said := make(map[string]bool)
	for line := range strings.Lines(s.Log.String()) {
		// Each error once.
		_, message, _ := strings.Cut(line, `"error":`)
		if message != "" && !said[message] {
			said[message] = true
			t.Logf("    it says %.300s", strings.TrimSpace(message))
		}
	}
}

// hangs sees what the service does while its storage hangs, and once thaw has ended that.
// Then it finishes.
func (s *service) hangs(t *testing.T, storage string, thaw func()) {
	t.Helper()
	s.await(t, refused)
	s.report(t, storage+" hangs")
	thaw()
	s.resetOutcomes()
	s.await(t, verdict)
	s.await(t, "enrolled")
	s.report(t, storage+" works again")
	s.finish(t)
}

// finish stops the service and checks that nothing acknowledged is lost.
func (s *service) finish(t *testing.T) {
	t.Helper()
	s.finishLosing(t, 0)
}

// finishLosing is finish where so much that was acknowledged may be lost, by a disk that
// did not keep it.
func (s *service) finishLosing(t *testing.T, most int) {
	t.Helper()
	s.unload(t)
	s.Stop(t)
	s.sesuai.Run(t, nil, "audit", "verify")
	storage := s.open(t)
	defer func() {
		if err := storage.Close(); err != nil {
			t.Error(err)
		}
	}()
	events, err := storage.Trail.Events(t.Context(), audit.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	recorded := make(map[string]int)
	for _, e := range events {
		if e.Result == audit.Verified {
			recorded[e.RequestID]++
		}
	}
	lost := 0
	for id := range s.verdicts {
		switch recorded[id] {
		case 0:
			lost++
		case 1:
		default:
			t.Errorf("%s is recorded %d times", id, recorded[id])
		}
	}
	found := make(map[string]bool)
	err = storage.People.Export(t.Context(), func(e registry.Enrolment) error {
		found[e.Person.NIK.Reveal()] = true
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for nik := range s.enrolled {
		if !found[nik] {
			lost++
		}
	}
	if lost > most {
		t.Errorf("of what was acknowledged %d are lost", lost)
	}
	t.Logf("    %d verdicts and %d enrolments were acknowledged, %d are not recorded; the audit trail verifies", len(s.verdicts), len(s.enrolled), lost)
}
