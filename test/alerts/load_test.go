package alerts_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/sesuai/sesuai/internal/tlsfile/tlsfiletest"
	"github.com/sesuai/sesuai/test/process"
)

// node is a running service, and what it takes to ask it.
type node struct {
	address string // a URL without a path
	metrics string // host and port
	http    *http.Client
	// client is one that is served, limited one with a rate of its own, and disabled one
	// that is not served any more.
	client, limited, disabled process.Credentials
	// photos are photographs of Ayu and of somebody else.
	photos [][]byte
	// breakFile has one of the node's files changed to what cannot be used.
	breakFile func()
}

// env are the variables of both nodes.
func env(metrics string) []string {
	return append(process.Exact(), "SESUAI_LOG_LEVEL=error", "SESUAI_FACE_LIVENESS=true", "SESUAI_ADMIN_LISTEN="+metrics,
		// Checks and checkpoints come within the load.
		"SESUAI_AUDIT_CHECK_INTERVAL=2s", "SESUAI_AUDIT_CHECKPOINT_INTERVAL=4s")
}

// start starts the service and adds its clients.
func (n *node) start(t *testing.T, r process.Runner, pool *x509.CertPool) {
	t.Helper()
	for name, into := range map[string]*process.Credentials{"served": &n.client, "limited": &n.limited, "disabled": &n.disabled} {
		args := []string{"client", "add", name, "--replay", "log"}
		if name == "limited" {
			args = append(args, "--rate", "1", "--burst", "1")
		}
		r.Run(t, into, args...)
	}
	r.Run(t, nil, "client", "disable", "disabled")
	for _, name := range []string{"ayu-selfie.jpg", "rani-selfie.jpg"} {
		photo := filepath.Join(root, "build/demo/photos", name)
		b, err := os.ReadFile(photo)
		if err != nil {
			t.Fatal(err)
		}
		n.photos = append(n.photos, b)
	}
	n.http = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}, Timeout: patience}
	t.Cleanup(n.http.CloseIdleConnections)
	var started struct{ Address string }
	r.Start(t, &started, "serve", "--listen", "127.0.0.1:0")
	n.address = started.Address
}

// people makes a data folder with the demo people.
func people(t *testing.T, program, folder string) {
	t.Helper()
	r := process.Runner{Program: program, Env: []string{"SESUAI_LOG_LEVEL=error"}}
	r.Run(t, nil, "person", "import", root+"/demo/people.csv", "--photos", root+"/build/demo/photos", "--data", folder)
}

// write writes a file of the test.
func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// startOwn starts a node with a registry of its own, TLS, and traces that nobody takes.
func startOwn(t *testing.T) *node {
	t.Helper()
	program := process.Program(t, root, "build/demo/photos/ayu-selfie.jpg")
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	people(t, program, data)
	authority := tlsfiletest.NewAuthority(t)
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	tlsfiletest.Write(t, authority.Issue(t, time.Now().Add(time.Hour)), cert, key)
	n := &node{metrics: process.FreeAddress(t)}
	n.start(t, process.Runner{Program: program, Args: []string{"--data", data}, Env: append(env(n.metrics),
		"SESUAI_TLS_CERT="+cert, "SESUAI_TLS_KEY="+key, "SESUAI_TELEMETRY_OTLP_ENDPOINT=http://"+process.FreeAddress(t)+"/v1/traces")}, authority.Pool)
	n.breakFile = func() { write(t, cert, "no certificate\n") }
	return n
}

// startUpstream starts a node in front of a sandbox of Dukcapil's services, in which some
// calls fail, and faces do not match that this side takes for a match. The node returns
// data, and only one question may be in flight.
func startUpstream(t *testing.T) *node {
	t.Helper()
	program := process.Program(t, root, "build/demo/photos/ayu-selfie.jpg")
	dir := t.TempDir()
	there := filepath.Join(dir, "there")
	people(t, program, there)
	config, settings, token := filepath.Join(dir, "client.yaml"), filepath.Join(dir, "sandbox.yaml"), filepath.Join(dir, "token")
	const faults = "{quota: 5000, latency: {median: 20ms, p99: 100ms}, faults: {garbage: 0.1, http_500: 0.05}}\n"
	write(t, settings, "balikan_token: token\npass_score: 9.99\ndata: "+faults+"face: "+faults)
	write(t, token, "token\n")
	var serving struct {
		URL string `json:"url"`
	}
	process.Runner{Program: program, Args: []string{"--data", there}, Env: []string{"SESUAI_LOG_LEVEL=error"}}.
		Start(t, &serving, "dukcapil-sandbox", "--settings", settings, "--listen", "127.0.0.1:0", "--client-config", config)
	n := &node{metrics: process.FreeAddress(t)}
	n.start(t, process.Runner{Program: program, Args: []string{"--data", filepath.Join(dir, "data"), "--config", config}, Env: append(env(n.metrics),
		"SESUAI_DUKCAPIL_IN_FLIGHT=1", "SESUAI_DUKCAPIL_BALIKAN_URL="+serving.URL+"/store", "SESUAI_DUKCAPIL_BALIKAN_TOKEN_FILE="+token,
		"SESUAI_DUKCAPIL_BALIKAN_INSTITUTION_ID=77", "SESUAI_DUKCAPIL_BALIKAN_INSTITUTION_NAME=BANK CONTOH")}, nil)
	n.breakFile = func() { write(t, filepath.Join(config+"-secrets", "password"), "") }
	return n
}

// ask requests a verification of Ayu and returns the status.
func (n *node) ask(c process.Credentials, photo []byte) (int, error) {
	r, err := http.NewRequest(http.MethodPost, n.address+"/identity/v1/face-verification", bytes.NewReader(process.Form(photo)))
	if err != nil {
		return 0, err
	}
	r.Header.Set("Content-Type", process.FormType)
	c.Sign(r)
	resp, err := n.http.Do(r)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	var object map[string]any
	b, err := io.ReadAll(resp.Body)
	if err == nil {
		err = json.Unmarshal(b, &object)
	}
	return resp.StatusCode, err
}

// load puts a load on the nodes: two callers each, of which every fourth photograph is of
// somebody else. Beside it somebody has a wrong password, a client exceeds its rate, one
// that is disabled calls, and one photograph cannot be decoded. In the middle a file of
// each node is broken.
func load(t *testing.T, lasts time.Duration, nodes ...*node) {
	t.Helper()
	var mu sync.Mutex
	counts := make(map[string]int)
	var group sync.WaitGroup
	end := time.Now().Add(lasts)
	caller := func(name string, pause time.Duration, ask func(i int) (int, error)) {
		group.Go(func() {
			for i := 0; time.Now().Before(end); i++ {
				status, err := ask(i)
				if err != nil {
					t.Errorf("%s: %v", name, err)
					return
				}
				mu.Lock()
				counts[fmt.Sprintf("%s %d", name, status)]++
				mu.Unlock()
				time.Sleep(pause)
			}
		})
	}
	for i, n := range nodes {
		name := []string{"own", "upstream"}[i]
		for range 2 {
			caller(name+" served", 20*time.Millisecond, func(i int) (int, error) { return n.ask(n.client, n.photos[(i+1)%4/3]) })
		}
		wrong := n.client
		wrong.Password += "x"
		caller(name+" wrong", 2*time.Second, func(int) (int, error) { return n.ask(wrong, n.photos[0]) })
		caller(name+" limited", 500*time.Millisecond, func(int) (int, error) { return n.ask(n.limited, n.photos[0]) })
		caller(name+" disabled", 2*time.Second, func(int) (int, error) { return n.ask(n.disabled, n.photos[0]) })
		caller(name+" undecodable", time.Second, func(int) (int, error) { return n.ask(n.client, n.photos[0][:2000]) })
	}
	time.Sleep(lasts / 2)
	for _, n := range nodes {
		n.breakFile()
	}
	group.Wait()
	t.Logf("the load of %s: %v", lasts, counts)
	for _, want := range []string{"own served 200", "own wrong 401", "own limited 429", "own disabled 401", "own undecodable 400", "upstream served 200", "upstream served 503"} {
		if counts[want] == 0 {
			t.Errorf("there was no %s", want)
		}
	}
}
