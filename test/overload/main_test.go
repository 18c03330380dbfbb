// Package overload_test sends the built program more than it can do: the most
// expensive photographs, the largest bodies, bodies that do not end and callers
// without credentials, all at once. It checks that a polite client is served, that
// memory stays within its limit and that every response is as it should be.
package overload_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sesuai/sesuai/test/process"
)

const (
	root      = "../.."
	photosDir = root + "/build/demo/photos"
	path      = "/identity/v1/face-verification"
	// patience is how long these tests wait for an event.
	patience = 2 * time.Minute
	// budget is the default of limits.memory, in MiB. besides is what the
	// program may take in addition.
	budget, besides = 512, 150
)

// world is a running program and its clients.
type world struct {
	*process.Process
	address string // host and port
	clients map[string]process.Credentials
	http    *http.Client
}

// start starts the program with the demo people and these clients. A verification
// may take 10 seconds.
func start(t *testing.T, clients ...string) *world {
	t.Helper()
	r := process.Runner{
		Program: process.Program(t, root, "build/demo/photos/ayu-selfie.jpg"),
		Env:     append(process.Exact(), "SESUAI_LOG_LEVEL=error", "SESUAI_TIMEOUTS_REQUEST=10s"),
	}
	data := filepath.Join(t.TempDir(), "data")
	r.Run(t, nil, "person", "import", root+"/demo/people.csv", "--photos", photosDir, "--data", data)
	w := &world{
		clients: make(map[string]process.Credentials),
		http:    &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8}, Timeout: patience},
	}
	t.Cleanup(w.http.CloseIdleConnections)
	for _, name := range clients {
		var c process.Credentials
		r.Run(t, &c, "client", "add", name, "--data", data)
		w.clients[name] = c
	}
	var started struct{ Address string }
	w.Process = r.Start(t, &started, "serve", "--data", data, "--listen", "127.0.0.1:0")
	w.address = strings.TrimPrefix(started.Address, "http://")
	return w
}

// memoryMiB returns a memory figure of the program.
func (w *world) memoryMiB(t *testing.T, key string) int {
	t.Helper()
	return w.StatusKiB(t, key) >> 10
}

// checkMemory fails if the program has ever held more than it may.
func (w *world) checkMemory(t *testing.T) {
	t.Helper()
	peak := w.memoryMiB(t, "VmHWM")
	t.Logf("RSS at its peak: %d MiB; %d are allowed", peak, budget+besides)
	if peak > budget+besides {
		t.Errorf("RSS was %d MiB, %d MiB over the budget", peak, peak-budget)
	}
}

// body is a request's body.
type body struct {
	contentType string
	content     []byte
}

// form returns a form about Ayu.
func form(photo []byte) body { return body{process.FormType, process.Form(photo)} }

// send requests a verification as the client. The response must be a JSON object.
// The status is 0 if the connection was cut before a response.
func (w *world) send(client string, b body) (status int, err error) {
	r, err := http.NewRequest(http.MethodPost, "http://"+w.address+path, bytes.NewReader(b.content))
	if err != nil {
		return 0, err
	}
	r.Header.Set("Content-Type", b.contentType)
	w.clients[client].Sign(r)
	resp, err := w.http.Do(r)
	if err != nil {
		if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
			return 0, err
		}
		return 0, nil
	}
	defer resp.Body.Close()
	return resp.StatusCode, checkJSON(resp)
}

// hang sends the head of a request as the client, and less of its body than it
// declares, and waits until the program ends the connection. A client that does not
// exist has wrong credentials. The status is 0 if there was no response.
func (w *world) hang(client string, declared, sent int) (status int, err error) {
	conn, err := net.Dial("tcp", w.address)
	if err != nil {
		return 0, nil
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return 0, err
	}
	r, err := http.NewRequest(http.MethodPost, "http://"+w.address+path, http.NoBody)
	if err != nil {
		return 0, err
	}
	w.clients[client].Sign(r)
	if _, err := fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: sesuai.test\r\nAuthorization: %s\r\nX-Api-Key: %s\r\n"+
		"Content-Type: %s\r\nContent-Length: %d\r\n\r\n%s%s",
		path, r.Header.Get("Authorization"), r.Header.Get("X-Api-Key"), process.FormType, declared, process.FormHead(), strings.Repeat("x", sent)); err != nil {
		return 0, nil // it was refused meanwhile
	}
	reader := bufio.NewReader(conn)
	resp, err := http.ReadResponse(reader, nil)
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return 0, fmt.Errorf("the connection stays open: %w", err)
	}
	if err != nil {
		return 0, nil
	}
	defer resp.Body.Close()
	if err := checkJSON(resp); err != nil {
		return resp.StatusCode, err
	}
	if _, err := reader.ReadByte(); err != nil {
		if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
			return resp.StatusCode, fmt.Errorf("the connection stays open: %w", err)
		}
	}
	return resp.StatusCode, nil
}

// checkJSON reads a response, which must be a JSON object unless it is cut off.
func checkJSON(resp *http.Response) error {
	content, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil
	}
	var object map[string]any
	if err := json.Unmarshal(content, &object); err != nil {
		return fmt.Errorf("status %d: %w", resp.StatusCode, err)
	}
	return nil
}
