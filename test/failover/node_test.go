package failover_test

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sesuai/sesuai/test/process"
)

// nodeAddresses are the addresses of the nodes, as in haproxy.cfg.
var nodeAddresses = map[string]string{"one": "10.213.7.31", "two": "10.213.7.32"}

// endpoint is what answers requests: HAProxy, or one of the nodes itself.
type endpoint struct {
	address string
	client  *http.Client
	service *service
}

// node is one node of the service: sesuai serve, and an enroller, since the HTTP
// API cannot enrol yet.
type node struct {
	*endpoint
	name     string
	serve    *process.Process
	enroller *enroller
	// down is set before the node is killed. Then it is not an error if it
	// does not answer.
	down atomic.Bool
	// filesAtFirst is how many files were open just after its start.
	filesAtFirst int
}

// startNode starts a node and waits until it serves.
func (s *service) startNode(t *testing.T, name string) *node {
	t.Helper()
	n := &node{name: name}
	var started struct{ Address string }
	n.serve = s.of(name).Start(t, &started, "serve", "--listen", nodeAddresses[name]+":8080")
	n.endpoint = newEndpoint(t, s, started.Address)
	n.filesAtFirst = n.files(t)
	n.enroller = startEnroller(t, s.of(name).Env)
	return n
}

// stop stops the node, which must end without an error.
func (n *node) stop(t *testing.T) {
	t.Helper()
	n.enroller.stop(t)
	n.client.CloseIdleConnections()
	n.serve.Stop(t)
}

// kill sends SIGKILL to the node.
func (n *node) kill(t *testing.T) {
	t.Helper()
	n.down.Store(true)
	n.enroller.kill(t)
	n.client.CloseIdleConnections()
	n.serve.Kill(t)
}

// files returns how many files and connections the node has open.
func (n *node) files(t *testing.T) int {
	t.Helper()
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", n.serve.PID()))
	if err != nil {
		t.Fatal(err)
	}
	return len(open)
}

// claim is the content of a verification request.
type claim struct{ nik, name, dateOfBirth, photo string }

// response is the response to a request.
type response struct {
	status int
	body   []byte
	// server is the name of the node that has answered, if HAProxy names it.
	server string
}

// ask requests a verification.
func (e *endpoint) ask(id string, c claim) (response, error) {
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	for _, f := range [][2]string{{"nik", c.nik}, {"name", c.name}, {"date_of_birth", c.dateOfBirth}} {
		if err := w.WriteField(f[0], f[1]); err != nil {
			return response{}, err
		}
	}
	part, err := w.CreateFormFile("face_image", "x")
	if err != nil {
		return response{}, err
	}
	photo, err := photograph(c.photo)
	if err != nil {
		return response{}, err
	}
	if _, err := part.Write(photo); err != nil {
		return response{}, err
	}
	if err := w.Close(); err != nil {
		return response{}, err
	}
	r, err := http.NewRequest(http.MethodPost, e.address+"/identity/v1/face-verification", &form)
	if err != nil {
		return response{}, err
	}
	r.Header.Set("Content-Type", w.FormDataContentType())
	e.service.client.Sign(r)
	r.Header.Set("X-Request-Id", id)
	resp, err := e.client.Do(r)
	if err != nil {
		return response{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return response{resp.StatusCode, body, resp.Header.Get(servedBy)}, err
}

// photographs caches the files that photograph has read.
var photographs sync.Map

// photograph returns one of the demo's photographs.
func photograph(name string) ([]byte, error) {
	if b, ok := photographs.Load(name); ok {
		return b.([]byte), nil
	}
	b, err := os.ReadFile(filepath.Join(photosDir, name))
	if err != nil {
		return nil, err
	}
	photographs.Store(name, b)
	return b, nil
}

// assertQuiet fails if the node's log has a panic or personal data.
func (n *node) assertQuiet(t *testing.T) {
	t.Helper()
	for line := range strings.Lines(n.serve.Log.String()) {
		for _, word := range []string{"panic", "goroutine ", "99990", "99010", "KENCANA", "Tembalang"} {
			if strings.Contains(line, word) {
				t.Errorf("the log of node %s says %s", n.name, line)
			}
		}
	}
}
