// Package kill_test treats the built program as the world does: it kills it at
// the worst moments, fills its disk, sends it what nobody should, and watches
// what it leaves behind.
package kill_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	root      = "../.."
	photosDir = root + "/build/demo/photos"
	path      = "/identity/v1/face-verification"
	// patience is how long these tests wait for what must happen.
	patience = 60 * time.Second
)

// program is the built program. Where make test has not built it, the test is
// skipped; in CI it always has.
func program(t *testing.T) string {
	t.Helper()
	for _, need := range []string{"bin/sesuai", "models/libonnxruntime.so.1", "build/demo/photos/ayu-selfie.jpg"} {
		if _, err := os.Stat(filepath.Join(root, need)); err != nil && os.Getenv("CI") == "" {
			t.Skipf("%s is not here: make test builds it", need)
		}
	}
	p, err := filepath.Abs(filepath.Join(root, "bin/sesuai"))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// command is the program with arguments, to be started.
func command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(program(t), append(args, "--json")...)
	cmd.Env = append(os.Environ(), "SESUAI_LOG_LEVEL=error", "SESUAI_MODELS="+filepath.Join(filepath.Dir(cmd.Path), "..", "models"))
	return cmd
}

// sesuai runs a command, which must succeed, and reads what it prints.
func sesuai(t *testing.T, into any, args ...string) {
	t.Helper()
	cmd := command(t, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("sesuai %s: %v: %s%s", strings.Join(args, " "), err, out, stderr.Bytes())
	}
	if into == nil {
		return
	}
	if err := json.Unmarshal(out, into); err != nil {
		t.Fatalf("sesuai %s: %v in %s", strings.Join(args, " "), err, out)
	}
}

// count is how many people are on record.
func count(t *testing.T, data string) int {
	t.Helper()
	var out struct{ People int }
	sesuai(t, &out, "person", "count", "--data", data)
	return out.People
}

// credentials are a client's.
type credentials struct {
	Username string `json:"username"`
	Password string `json:"password"`
	APIKey   string `json:"api_key"`
}

// server is a running sesuai serve.
type server struct {
	cmd     *exec.Cmd
	address string
	who     credentials
	client  *http.Client
	errors  *lockedBuffer
	// end waits until it has ended, however that comes.
	end func() error
}

// lockedBuffer is a buffer that may be read while it is written to.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// serve starts sesuai serve with a new client and waits until it is ready.
// environment is added to that of this process.
func serve(t *testing.T, data string, environment ...string) *server {
	t.Helper()
	s := &server{errors: &lockedBuffer{}, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8}, Timeout: patience}}
	sesuai(t, &s.who, "client", "add", fmt.Sprint("test ", time.Now().UnixNano()), "--data", data)
	s.cmd = command(t, "serve", "--data", data, "--listen", "127.0.0.1:0")
	s.cmd.Stderr = s.errors
	s.cmd.Env = append(s.cmd.Env, environment...)
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(stdout)
	line, err := lines.ReadBytes('\n')
	s.end = sync.OnceValue(func() error {
		s.client.CloseIdleConnections()
		_, _ = io.Copy(io.Discard, lines)
		return s.cmd.Wait()
	})
	t.Cleanup(func() {
		_ = s.cmd.Process.Kill()
		_ = s.end()
	})
	if err != nil {
		t.Fatalf("sesuai serve did not start: %v: %s", err, s.errors)
	}
	var started struct{ Address string }
	if err := json.Unmarshal(line, &started); err != nil {
		t.Fatal(err)
	}
	s.address = started.Address
	return s
}

// stop tells the server to stop, which it must do without an error.
func (s *server) stop(t *testing.T) {
	t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := s.end(); err != nil {
		t.Errorf("sesuai serve: %v: %s", err, s.errors)
	}
}

// kill is kill -9.
func (s *server) kill(t *testing.T) {
	t.Helper()
	kill(t, s.cmd)
	_ = s.end()
}

func kill(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatal(err)
	}
}

// verify asks whether it is Ayu, the first of the demo people, and returns the
// status and the body; every answer must be a JSON object.
func (s *server) verify(id string, photo []byte) (status int, body []byte, err error) {
	contentType, form := claim(photo)
	r, err := http.NewRequest(http.MethodPost, s.address+path, bytes.NewReader(form))
	if err != nil {
		return 0, nil, err
	}
	r.Header.Set("Content-Type", contentType)
	r.Header.Set("X-Api-Key", s.who.APIKey)
	if id != "" {
		r.Header.Set("X-Request-Id", id)
	}
	r.SetBasicAuth(s.who.Username, s.who.Password)
	resp, err := s.client.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	if body, err = io.ReadAll(resp.Body); err != nil {
		return 0, nil, err
	}
	var object map[string]any
	if err := json.Unmarshal(body, &object); err != nil {
		return 0, nil, notJSON{err}
	}
	return resp.StatusCode, body, nil
}

// notJSON is the error about an answer that came whole but is no JSON object.
type notJSON struct{ error }

const boundary = "the-boundary"

// claim is a form about Ayu.
func claim(photo []byte) (contentType string, body []byte) {
	body = append([]byte(claimHead()), photo...)
	return "multipart/form-data; boundary=" + boundary, append(body, "\r\n--"+boundary+"--\r\n"...)
}

// claimHead is a form about Ayu up to the photograph.
func claimHead() string {
	var b strings.Builder
	for _, f := range [][2]string{{"nik", "9901015203900001"}, {"name", "AYU KENCANA PRATIWI"}, {"date_of_birth", "12-03-1990"}} {
		fmt.Fprintf(&b, "--%s\r\nContent-Disposition: form-data; name=\"%s\"\r\n\r\n%s\r\n", boundary, f[0], f[1])
	}
	fmt.Fprintf(&b, "--%s\r\nContent-Disposition: form-data; name=\"face_image\"; filename=\"x\"\r\n\r\n", boundary)
	return b.String()
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// withDemoPeople is a data folder with the demo people.
func withDemoPeople(t *testing.T) (data string) {
	t.Helper()
	program(t)
	data = filepath.Join(t.TempDir(), "data")
	sesuai(t, nil, "person", "import", root+"/demo/people.csv", "--photos", photosDir, "--data", data)
	return data
}

// statusKiB reads a figure of memory of a process from /proc, in KiB.
func statusKiB(t *testing.T, pid int, key string) int {
	t.Helper()
	for line := range strings.Lines(string(readFile(t, fmt.Sprintf("/proc/%d/status", pid)))) {
		if rest, ok := strings.CutPrefix(line, key+":"); ok {
			n, err := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")))
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("no %s in the process's status", key)
	return 0
}
