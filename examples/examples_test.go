// Package examples_test runs the examples against a running service, through a proxy
// that fails as networks and services do.
package examples_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sesuai/sesuai/test/process"
)

const root = ".."

// claim is the arguments of an example.
type claim struct{ nik, name, born, photo string }

// examples are the command lines to which a claim is appended. A command that starts
// with ./ is built from the folder of that name.
var examples = map[string][]string{
	"go-client": {"./go-client"},
	"go-form":   {"./go-form"},
	"Node":      {"node", "verify.mjs"},
	"curl":      {"sh", "verify.sh"},
	"Python":    {"python3", "verify.py"},
	"PHP":       {"php", "verify.php"},
}

// runtimes are what an example needs besides the first word of its command line.
var runtimes = map[string]string{"curl": "curl"}

// failure is what the proxy does with an attempt.
type failure int

const (
	none    failure = iota
	busy            // 503 with Retry-After
	lost            // the service answers, and the connection is closed
	down            // 503 of another proxy: Retry-After is a date, and the body no object
	foreign         // 200 of another service
)

// retryAfter is what a busy proxy asks for.
const retryAfter = time.Second

// proxy stands in front of the service, and keeps what it was sent.
type proxy struct {
	t        *testing.T
	service  http.Handler
	failures []failure // of the first attempts

	mu    sync.Mutex
	sent  []claim
	ids   []string // Idempotency-Key and X-Request-Id
	times []time.Time
	// repeated is whether the last answer was the one that the service had given.
	repeated bool
}

// ServeHTTP implements http.Handler.
func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		p.t.Error(err)
	}
	form := r.Clone(r.Context())
	form.Body = io.NopCloser(bytes.NewReader(body))
	if err := form.ParseMultipartForm(1 << 20); err != nil {
		p.t.Error(err)
	}
	what := none
	p.mu.Lock()
	if n := len(p.sent); n < len(p.failures) {
		what = p.failures[n]
	}
	p.sent = append(p.sent, claim{nik: form.FormValue("nik"), name: form.FormValue("name"), born: form.FormValue("date_of_birth")})
	p.ids = append(p.ids, r.Header.Get("Idempotency-Key")+" "+r.Header.Get("X-Request-Id"))
	p.times = append(p.times, time.Now())
	p.mu.Unlock()

	r.Body = io.NopCloser(bytes.NewReader(body))
	switch what {
	case busy:
		w.Header().Set("Retry-After", "1")
		w.Header().Set("Request-Id", "busy")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, `{"verification_status":false,"reason":"Something wrong in Dukcapil server",`+
			`"result":{"nik":null,"name":null,"date_of_birth":null,"face_image_percentage":null}}`)
	case down:
		w.Header().Set("Retry-After", time.Now().UTC().Format(http.TimeFormat))
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, "[]")
	case foreign:
		_, _ = io.WriteString(w, "{}")
	case lost:
		answer := httptest.NewRecorder()
		p.service.ServeHTTP(answer, r)
		if answer.Code != http.StatusOK {
			p.t.Errorf("the answer that is lost is %d %s", answer.Code, answer.Body)
		}
		panic(http.ErrAbortHandler)
	default:
		p.service.ServeHTTP(w, r)
		p.mu.Lock()
		defer p.mu.Unlock()
		p.repeated = w.Header().Get("Idempotent-Replayed") == "true"
	}
}

// TestExamples: every example tells "verified", "does not match" and "no answer" apart,
// and tries again with one Idempotency-Key, not before it is asked to, and only where
// that makes sense.
func TestExamples(t *testing.T) {
	d := process.StartDemo(t, root)
	address, err := url.Parse(d.Address)
	if err != nil {
		t.Fatal(err)
	}
	// In some languages and in curl these characters have a meaning.
	photo := filepath.Join(t.TempDir(), `foto "saya"; a,b=c & d\.jpg`)
	selfie, err := os.ReadFile(filepath.Join(d.Photos, "ayu-selfie.jpg"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(photo, selfie, 0o600); err != nil {
		t.Fatal(err)
	}
	ayu := claim{"9901015203900001", "Ayu Kencana Pratiwi", "12-03-1990", photo}
	other := ayu
	other.name = `Suryani "Ani" \ @Hapsari; ö = <x`
	unreadable := ayu
	unreadable.nik = "123"

	for name, command := range examples {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run := prepare(t, name, command)
			for _, test := range []struct {
				about    string
				claim    claim
				failures []failure
				attempts int
				exit     int
				prints   string
			}{
				{"verified", ayu, []failure{busy, down}, 3, 0, "verified: 9"},
				{"differs", other, []failure{lost}, 2, 1, "not verified: Name does not match\n"},
				{"refused", unreadable, nil, 1, 2, "no answer: "},
				{"not an answer", ayu, []failure{foreign}, 1, 2, "no answer: "},
			} {
				p := &proxy{t: t, service: httputil.NewSingleHostReverseProxy(address), failures: test.failures}
				server := httptest.NewServer(p)
				cmd := run(test.claim)
				cmd.Env = append(os.Environ(), "API_URL="+server.URL,
					"API_USERNAME="+d.Username, "API_PASSWORD="+d.Password, "API_KEY="+d.APIKey)
				printed, exit := output(t, cmd)
				server.Close()
				if exit != test.exit || !strings.HasPrefix(printed, test.prints) {
					t.Errorf("%s: exit status %d, want %d with %q; it prints\n%s", test.about, exit, test.exit, test.prints, printed)
				}
				test.claim.photo = ""
				if len(p.sent) != test.attempts || len(slices.Compact(p.ids)) != 1 || strings.TrimSpace(p.ids[0]) == "" {
					t.Errorf("%s: %d attempts with the ids %q", test.about, len(p.sent), p.ids)
				}
				if p.repeated != slices.Contains(test.failures, lost) {
					t.Errorf("%s: the answer is that of an earlier attempt: %t", test.about, p.repeated)
				}
				if slices.ContainsFunc(p.sent, func(c claim) bool { return c != test.claim }) {
					t.Errorf("%s: it sent %q", test.about, p.sent)
				}
				if slices.Contains(test.failures, busy) && p.times[1].Sub(p.times[0]) < retryAfter {
					t.Errorf("%s: it did not wait as long as it was asked to", test.about)
				}
			}
		})
	}
}

// TestExamplesAreListed: every example is run, and linked from its page.
func TestExamplesAreListed(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(root, "docs/integrate/client.md"))
	if err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, f := range files {
		if strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		found++
		if !bytes.Contains(page, []byte("](../../examples/"+f.Name())) {
			t.Errorf("docs/integrate/client.md does not link to %s", f.Name())
		}
	}
	if found != len(examples) {
		t.Errorf("there are %d examples, and %d are run", found, len(examples))
	}
}

// prepare returns what runs an example with a claim. The test is skipped if its runtime
// is not on the machine.
func prepare(t *testing.T, name string, command []string) func(claim) *exec.Cmd {
	command = slices.Clone(command)
	dir := "."
	switch {
	case strings.HasPrefix(command[0], "./"):
		program := filepath.Join(t.TempDir(), name)
		if out, err := exec.Command("go", "build", "-o", program, command[0]).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		command[0] = program
	case name == "Node": // which looks for the SDK beside the example
		sdk, err := filepath.Abs(filepath.Join(root, "build/sdk/node_modules"))
		if err != nil {
			t.Fatal(err)
		}
		process.Need(t, filepath.Join(sdk, "@glair/vision"))
		text, err := os.ReadFile(command[1])
		if err == nil {
			dir = t.TempDir()
			err = errors.Join(os.Symlink(sdk, filepath.Join(dir, "node_modules")), os.WriteFile(filepath.Join(dir, command[1]), text, 0o600))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, program := range []string{command[0], runtimes[name]} {
		if program != "" {
			process.NeedCommand(t, program)
		}
	}
	return func(c claim) *exec.Cmd {
		cmd := exec.CommandContext(t.Context(), command[0], append(command[1:], c.nik, c.name, c.born, c.photo)...)
		cmd.Dir = dir
		return cmd
	}
}

// output runs a command, and returns what it prints and its exit status.
func output(t *testing.T, cmd *exec.Cmd) (printed string, exit int) {
	t.Helper()
	out, err := cmd.CombinedOutput()
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		return string(out), failed.ExitCode()
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(out), 0
}
