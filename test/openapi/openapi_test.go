// Package openapi_test draws requests from the description of the API and sends them to
// a running sesuai serve, with the real face engine. Every answer must be one that is
// described.
package openapi_test

import (
	"bytes"
	"encoding/base64"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sesuai/sesuai/internal/openapi/openapitest"
	"github.com/sesuai/sesuai/test/process"
)

const root = "../.."

// prism is Prism's program, below root.
const prism = "build/prism/node_modules/.bin/prism"

// TestMain runs fewer checks of each operation than rapid does by default, and looks for
// a smaller request that fails for a shorter time, unless flags say otherwise: after
// wrong credentials the service answers slowly.
func TestMain(m *testing.M) {
	for name, value := range map[string]string{"rapid.checks": "25", "rapid.shrinktime": "5s"} {
		if err := flag.Set(name, value); err != nil {
			panic(err)
		}
	}
	flag.Parse()
	os.Exit(m.Run())
}

// TestGenerated sends generated requests to the service, and checks its answers.
func TestGenerated(t *testing.T) {
	w := newWorld(t)
	for _, valid := range []bool{true, false} {
		t.Run(kindOf(valid), func(t *testing.T) {
			w.run(t, w.Address, valid, func(t *rapid.T, r request, resp *http.Response, body []byte) {
				openapitest.Check(t, r.operation.method, strings.SplitN(r.target, "?", 2)[0], resp, body)
			})
		})
	}
}

// TestProxied sends generated requests through Prism, which validates the answers, and
// of valid requests the request too, in a way of its own.
func TestProxied(t *testing.T) {
	if os.Getenv("OPENAPI_PROXY") == "" {
		t.Skip("this test needs OPENAPI_PROXY=1 and Prism, which has 213 npm packages: make openapi sets and fetches them")
	}
	process.Need(t, filepath.Join(root, prism))
	w := newWorld(t)
	w.generator.plain = true
	for _, valid := range []bool{true, false} {
		t.Run(kindOf(valid), func(t *testing.T) {
			proxy := startPrism(t, w.Address, valid)
			w.run(t, proxy, valid, func(t *rapid.T, _ request, resp *http.Response, body []byte) {
				if strings.Contains(resp.Header.Get("Content-Type"), "problem") || resp.Header.Get("Sl-Violations") != "" {
					t.Errorf("Prism: %d %s %s", resp.StatusCode, resp.Header.Get("Sl-Violations"), body)
				}
			})
		})
	}
}

func kindOf(valid bool) string {
	if valid {
		return "valid"
	}
	return "invalid"
}

// world is a running service and what requests to it are made of.
type world struct {
	*process.Demo
	operations []operation
	generator  generator
}

func newWorld(t *testing.T) *world {
	t.Helper()
	d, err := openapitest.Load()
	if err != nil {
		t.Fatal(err)
	}
	w := &world{Demo: process.StartDemo(t, root), operations: operations(d)}
	w.generator = generator{credentials: w.Credentials, photographs: []string{
		"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAADklEQVR42mJiAAQAAP//AAYAA+e4F9gAAAAASUVORK5CYII=", // one pixel
	}}
	for _, name := range []string{"ayu-selfie.jpg", "ayu-reference.jpg", "rani-selfie.jpg", "puspita.jpg"} {
		b, err := os.ReadFile(filepath.Join(w.Photos, name))
		if err != nil {
			t.Fatal(err)
		}
		w.generator.photographs = append(w.generator.photographs, base64.StdEncoding.EncodeToString(b))
	}
	return w
}

// run sends requests of each operation, as many as the flag -rapid.checks says, and has
// check judge the answers.
func (w *world) run(t *testing.T, address string, valid bool, check func(*rapid.T, request, *http.Response, []byte)) {
	client := &http.Client{Timeout: time.Minute, Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	total := 0
	for _, o := range w.operations {
		statuses := make(map[int]int)
		t.Run(o.OperationID, func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				r := w.generator.draw(rt, o, valid)
				resp, body := send(rt, client, address, r)
				statuses[resp.StatusCode]++
				total++
				if resp.StatusCode == http.StatusInternalServerError {
					rt.Errorf("%d %s", resp.StatusCode, body)
				}
				check(rt, r, resp, body)
			})
			t.Logf("answers by status: %v", statuses)
		})
	}
	t.Logf("%d requests", total)
}

func send(t *rapid.T, client *http.Client, address string, r request) (*http.Response, []byte) {
	asked, err := http.NewRequest(r.operation.method, address+r.target, bytes.NewReader(r.body))
	if err != nil {
		t.Fatal(err)
	}
	asked.Header = r.header
	resp, err := client.Do(asked)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, body
}

// startPrism starts Prism in front of a service, until the test ends, and returns its
// address. If strict, it refuses requests that are not as described.
func startPrism(t *testing.T, service string, strict bool) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	program, err := filepath.Abs(filepath.Join(root, prism))
	if err != nil {
		t.Fatal(err)
	}
	var log process.Log
	cmd := exec.CommandContext(t.Context(), "node", program, "proxy", "--errors", "--cors=false", fmt.Sprint("--validate-request=", strict),
		"--verboseLevel", "error", "--port", port, filepath.Join(root, "internal/openapi/openapi.yaml"), service)
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	address := "http://127.0.0.1:" + port
	for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		resp, err := http.Get(address + "/healthz")
		if err == nil {
			_ = resp.Body.Close()
			return address
		}
		if time.Now().After(end) {
			t.Fatalf("Prism does not answer: %v: %s", err, &log)
		}
	}
}
