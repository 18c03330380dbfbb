// Package kill_test subjects the built program to the worst conditions: it kills
// the program at any moment, fills its disk and sends it hostile input, and checks
// what the program leaves behind.
package kill_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/sesuai/sesuai/test/process"
)

const (
	root      = "../.."
	photosDir = root + "/build/demo/photos"
	path      = "/identity/v1/face-verification"
	// patience is how long these tests wait for an event.
	patience = 60 * time.Second
)

// program returns the built program, which logs only errors.
func program(t *testing.T) process.Runner {
	t.Helper()
	return process.Runner{
		Program: process.Program(t, root, "build/demo/photos/ayu-selfie.jpg"), Env: []string{"SESUAI_LOG_LEVEL=error"},
	}
}

// command returns a command of the program. It is not started yet.
func command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	return program(t).Command(args...)
}

// sesuai runs a command, which must succeed, and parses its output.
func sesuai(t *testing.T, into any, args ...string) {
	t.Helper()
	program(t).Run(t, into, args...)
}

// count returns how many people are on record.
func count(t *testing.T, data string) int {
	t.Helper()
	var out struct{ People int }
	sesuai(t, &out, "person", "count", "--data", data)
	return out.People
}

// importNobody are the arguments of a command that makes the registry in a data
// folder, unless it is there, and nothing else.
func importNobody(data string) []string {
	return []string{"person", "import", os.DevNull, "--format", "jsonl", "--data", data}
}

// makeRegistry makes an empty registry.
func makeRegistry(t *testing.T, data string) {
	t.Helper()
	sesuai(t, nil, importNobody(data)...)
}

// server is a running sesuai serve.
type server struct {
	*process.Process
	process.Credentials
	address string
	client  *http.Client
}

// serve starts sesuai serve with a new client and waits until it is ready.
// environment is added to that of this process.
func serve(t *testing.T, data string, environment ...string) *server {
	t.Helper()
	s := &server{client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8}, Timeout: patience}}
	t.Cleanup(s.client.CloseIdleConnections)
	r := program(t)
	r.Env = append(r.Env, environment...)
	r.Run(t, &s.Credentials, "client", "add", fmt.Sprint("test ", time.Now().UnixNano()), "--data", data)
	var started struct{ Address string }
	s.Process = r.Start(t, &started, "serve", "--data", data, "--listen", "127.0.0.1:0")
	s.address = started.Address
	return s
}

func kill(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatal(err)
	}
}

// verify requests a verification of Ayu, the first of the demo people. Every
// response must be a JSON object.
func (s *server) verify(id string, photo []byte) (status int, body []byte, err error) {
	r, err := http.NewRequest(http.MethodPost, s.address+path, bytes.NewReader(process.Form(photo)))
	if err != nil {
		return 0, nil, err
	}
	r.Header.Set("Content-Type", process.FormType)
	s.Sign(r)
	if id != "" {
		r.Header.Set("X-Request-Id", id)
	}
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

// notJSON is the error of a complete response that is not a JSON object.
type notJSON struct{ error }

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// withDemoPeople returns a data folder with the demo people.
func withDemoPeople(t *testing.T) (data string) {
	t.Helper()
	program(t)
	data = filepath.Join(t.TempDir(), "data")
	sesuai(t, nil, "person", "import", root+"/demo/people.csv", "--photos", photosDir, "--data", data)
	return data
}
