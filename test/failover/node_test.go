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

// node is one node of the service: sesuai serve, and an enroller, since the HTTP
// API cannot enrol yet.
type node struct {
	name     string
	cluster  *cluster
	serve    *process.Process
	address  string
	client   *http.Client
	enroller *enroller
	// down is set before the node is killed. Then it is not an error if it
	// does not answer.
	down atomic.Bool
	// filesAtFirst is how many files were open just after its start.
	filesAtFirst int
}

// startNode starts a node of a cluster and waits until it serves.
func (c *cluster) startNode(t *testing.T, name string) *node {
	t.Helper()
	n := &node{
		name: name, cluster: c,
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}, Timeout: patience},
	}
	t.Cleanup(n.client.CloseIdleConnections)
	var started struct{ Address string }
	n.serve = c.of(name).Start(t, &started, "serve", "--listen", "127.0.0.1:0")
	n.address = started.Address
	n.filesAtFirst = n.files(t)
	n.enroller = startEnroller(t, c.of(name).Env)
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

// ask requests a verification from the node.
func (n *node) ask(id string, c claim) (status int, body []byte, err error) {
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	for _, f := range [][2]string{{"nik", c.nik}, {"name", c.name}, {"date_of_birth", c.dateOfBirth}} {
		if err := w.WriteField(f[0], f[1]); err != nil {
			return 0, nil, err
		}
	}
	part, err := w.CreateFormFile("face_image", "x")
	if err != nil {
		return 0, nil, err
	}
	photo, err := photograph(c.photo)
	if err != nil {
		return 0, nil, err
	}
	if _, err := part.Write(photo); err != nil {
		return 0, nil, err
	}
	if err := w.Close(); err != nil {
		return 0, nil, err
	}
	r, err := http.NewRequest(http.MethodPost, n.address+"/identity/v1/face-verification", &form)
	if err != nil {
		return 0, nil, err
	}
	r.Header.Set("Content-Type", w.FormDataContentType())
	n.cluster.client.Sign(r)
	r.Header.Set("X-Request-Id", id)
	resp, err := n.client.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(resp.Body)
	return resp.StatusCode, body, err
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
