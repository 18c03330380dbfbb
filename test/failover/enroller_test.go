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

// enrollerOf, in the environment, makes this program an enroller.
const enrollerOf = "FAILOVER_ENROLLER"

// enrolTimeout bounds an enrolment, as timeouts.registry does a verification's
// questions.
const enrolTimeout = 10 * time.Second

// Outcomes of an enrolment, as the enroller says them.
const (
	acknowledged = "acknowledged"
	unavailable  = "unavailable"
)

// portraits are the references of the people whom the exam enrols, each in
// their turn, with another photograph of the same face.
var portraits = [...]struct{ reference, probe string }{
	{"ayu-reference.jpg", "ayu-selfie.jpg"},
	{"rani-reference.jpg", "rani-selfie.jpg"},
}

// TestEnroller is no test: it is what a node runs beside sesuai serve. It reads
// the numbers of people, puts each on record as the program would, and says how
// that ended.
func TestEnroller(t *testing.T) {
	if os.Getenv(enrollerOf) == "" {
		t.Skip("run by other tests")
	}
	config, err := app.LoadConfig("", os.Environ())
	if err != nil {
		t.Fatal(err)
	}
	s, err := app.OpenStore(t.Context(), config)
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
			said := acknowledged
			if _, err := s.Enrol(ctx, registrytest.Person(t, n), references[n%len(references)]); err != nil {
				said = string(sesuai.KindOf(err))
			}
			fmt.Printf("person %d %s\n", n, said)
		})
	}
	group.Wait()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// extract makes the references of portraits.
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

// enroller is such a program, running.
type enroller struct {
	cmd *exec.Cmd
	in  io.WriteCloser

	mu      sync.Mutex
	waiting map[int]chan string // by the person's number
	gone    bool
	read    chan struct{} // closed when it says no more
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
		_ = e.cmd.Wait() // stop looks at how it ends
	})
	return e
}

// listen hands what the enroller says to those who wait.
func (e *enroller) listen(lines *bufio.Scanner) {
	defer close(e.read)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) != 3 || fields[0] != "person" {
			continue // of the test that it also is
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
	e.gone = true
	for _, outcome := range e.waiting {
		close(outcome)
	}
}

// enrol puts the n-th person on record and returns the outcome, "" if the
// enroller ends before it has said it.
func (e *enroller) enrol(n int) string {
	outcome := make(chan string, 1)
	e.mu.Lock()
	if e.gone {
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

// stop has the enroller end, which it must do without an error.
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
