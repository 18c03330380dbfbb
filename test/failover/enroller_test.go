package failover_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/registry"
	"github.com/sesuai/sesuai/internal/registry/registrytest"
)

// enrollerOf is the environment variable that makes this program an enroller.
const enrollerOf = "FAILOVER_ENROLLER"

// enrolTimeout limits an enrolment, as timeouts.registry limits a verification.
const enrolTimeout = 10 * time.Second

// Outcomes of an enrolment, as the enroller prints them.
const (
	acknowledged = "acknowledged"
	unavailable  = "unavailable"
)

// portraits are the references of the people that the load enrols, used in turn,
// each with another photograph of the same face.
var portraits = [...]struct{ reference, probe string }{
	{"ayu-reference.jpg", "ayu-selfie.jpg"},
	{"rani-reference.jpg", "rani-selfie.jpg"},
}

// TestEnroller is not a test but a program that a node runs beside sesuai serve.
// It reads the numbers of people, enrols each as the program would, and prints the
// outcome.
func TestEnroller(t *testing.T) {
	if os.Getenv(enrollerOf) == "" {
		return // not started by another test
	}
	config, err := app.LoadConfig("", os.Environ())
	if err != nil {
		t.Fatal(err)
	}
	s, err := app.OpenStorage(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	references := extract(t, config)
	fmt.Println("ready")
	var group sync.WaitGroup
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		n, err := strconv.Atoi(lines.Text())
		if err != nil {
			t.Fatal(err)
		}
		group.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), enrolTimeout)
			defer cancel()
			outcome := acknowledged
			if _, err := s.People.Enrol(ctx, registrytest.Person(t, n), references[n%len(references)]); err != nil {
				outcome = string(sesuai.KindOf(err))
			}
			fmt.Printf("person %d %s\n", n, outcome)
		})
	}
	group.Wait()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// extract returns the references of portraits.
func extract(t *testing.T, config app.Config) (references []*registry.Portrait) {
	t.Helper()
	engine, err := app.OpenEngine(config, app.OnePhotograph, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	for _, p := range portraits {
		photo, err := photograph(p.reference)
		if err != nil {
			t.Fatal(err)
		}
		x, err := engine.Extract(t.Context(), photo, face.ForReference)
		if err != nil {
			t.Fatal(err)
		}
		references = append(references, &registry.Portrait{Template: x.Template, Source: sha256.Sum256(photo), Signature: x.Signature})
	}
	return references
}

// enroller is a running enroller: see TestEnroller.
type enroller struct {
	cmd *exec.Cmd
	in  io.WriteCloser

	mu      sync.Mutex
	waiting map[int]chan string // by the person's number
	ended   bool
	read    chan struct{} // closed at the end of its output
}

func startEnroller(t *testing.T, environment []string) *enroller {
	t.Helper()
	e := &enroller{waiting: make(map[int]chan string), read: make(chan struct{})}
	e.cmd = exec.Command(os.Args[0], "-test.run=^TestEnroller$")
	e.cmd.Env = append(append(os.Environ(), environment...), enrollerOf+"=1")
	e.cmd.Stderr = os.Stderr
	var err error
	if e.in, err = e.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := e.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := e.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() && lines.Text() != "ready" {
		t.Log(lines.Text())
	}
	go e.listen(lines)
	t.Cleanup(func() {
		_ = e.cmd.Process.Kill()
		<-e.read
		_ = e.cmd.Wait() // stop checks the error
	})
	return e
}

// listen passes the enroller's outcomes to the callers of enrol.
func (e *enroller) listen(lines *bufio.Scanner) {
	defer close(e.read)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) != 3 || fields[0] != "person" {
			continue // output of the testing package
		}
		n, err := strconv.Atoi(fields[1])
		if err != nil {
			continue
		}
		e.mu.Lock()
		outcome := e.waiting[n]
		delete(e.waiting, n)
		e.mu.Unlock()
		if outcome != nil {
			outcome <- fields[2]
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.ended = true
	for _, outcome := range e.waiting {
		close(outcome)
	}
}

// enrol enrols the n-th person and returns the outcome, or "" if the enroller ends
// first.
func (e *enroller) enrol(n int) string {
	outcome := make(chan string, 1)
	e.mu.Lock()
	if e.ended {
		e.mu.Unlock()
		return ""
	}
	e.waiting[n] = outcome
	_, err := fmt.Fprintln(e.in, n)
	e.mu.Unlock()
	if err != nil {
		return ""
	}
	return <-outcome
}

func (e *enroller) kill(t *testing.T) {
	t.Helper()
	if err := e.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-e.read
}

// stop ends the enroller, which must end without an error.
func (e *enroller) stop(t *testing.T) {
	t.Helper()
	if err := e.in.Close(); err != nil {
		t.Fatal(err)
	}
	<-e.read
	if err := e.cmd.Wait(); err != nil {
		t.Errorf("the enroller: %v", err)
	}
}
