package timing_test

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/test/process"
)

// short is how many samples each class has in make test. make timing sets
// TIMING_SAMPLES.
const short = 200

func samples(t *testing.T) int {
	t.Helper()
	text := os.Getenv("TIMING_SAMPLES")
	if text == "" {
		return short
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < short {
		t.Fatalf("TIMING_SAMPLES must be a number from %d on", short)
	}
	return n
}

// configuration is that of a service with a folder of its own. The folder is in memory:
// waiting for a disk would hide differences.
func configuration(t *testing.T) app.Config {
	t.Helper()
	process.Program(t, root)
	c := app.DefaultConfig()
	c.Data, c.Models, c.Postgres.Migrate = filepath.Join(folder(t), "data"), root+"/models", true
	return c
}

func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "timing-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fill opens the storage of a configuration for f.
func fill(t *testing.T, c app.Config, f func(s *app.Storage)) {
	t.Helper()
	s, err := app.OpenStorage(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	f(s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// addClient adds a client after change.
func addClient(t *testing.T, s *app.Storage, name string, change func(*access.Client)) access.Revealed {
	t.Helper()
	c := access.Client{
		Name: name, Scopes: []access.Scope{access.DataVerification, access.FaceVerification}, AddedAt: time.Now(),
		Threshold: sesuai.PercentageOf(access.DefaultThreshold), NameThreshold: access.DefaultNameThreshold,
	}
	change(&c)
	_, credentials, err := access.Add(t.Context(), s.Clients, s.Hash, c)
	if err != nil {
		t.Fatal(err)
	}
	return credentials.Reveal()
}

// serve runs sesuai serve and returns its address.
func serve(t *testing.T, c app.Config) string {
	t.Helper()
	var started struct{ Address string }
	r := process.Runner{
		Program: process.Program(t, root), Args: []string{"--data", c.Data},
		Env: []string{"SESUAI_LOG_LEVEL=error", "SESUAI_REGISTRY=" + c.Registry},
	}
	p := r.Start(t, &started, "serve", "--listen", "127.0.0.1:0")
	t.Cleanup(func() { p.Stop(t) })
	return strings.TrimPrefix(started.Address, "http://")
}

// class is a kind of request whose time is measured.
type class struct {
	name string
	// request returns the request of a round, in the form of HTTP/1.1.
	request func(round int) []byte
	// status is that of the answer, and says is part of its body.
	status int
	says   string
	// delay is how long the sender waits before it sends the request. That is part of
	// the time. A short wait computes, since a sleep may be longer.
	delay time.Duration
}

// measure sends a request of each class in each round, one after another, each round in
// another order, and returns the times of each class. A time ends with the first byte of
// the answer. connect connects, in the first round and after an answer that closes the
// connection.
func measure(t *testing.T, rounds int, classes []class, connect func(round int) *connection) [][]time.Duration {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // the sender's collections are not the service's
	times := make([][]time.Duration, len(classes))
	var c *connection
	for round := range warmUp + rounds {
		for _, i := range rand.Perm(len(classes)) {
			for again := 0; ; again++ {
				if c == nil {
					c = connect(round)
				}
				took, closes, limited := c.send(t, classes[i], round+again)
				if closes {
					_ = c.Close()
					c = nil
				}
				if limited && again < maxLimited {
					continue // others have used up what this request shares with them
				}
				if limited {
					t.Fatalf("%s: the service answers 429 again and again", classes[i].name)
				}
				if round >= warmUp {
					times[i] = append(times[i], took)
				}
				break
			}
		}
	}
	if c != nil {
		_ = c.Close()
	}
	return times
}

// warmUp is how many rounds are not measured.
const warmUp = 20

// maxLimited is how often a request that is answered 429 is replaced by that of the next
// round.
const maxLimited = 3

// connection is a connection to the service.
type connection struct {
	net.Conn
	answers *bufio.Reader
}

// dial connects from an address of the loopback interface.
func dial(t *testing.T, address string, from net.IP) *connection {
	t.Helper()
	conn, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: from}}).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	return &connection{conn, bufio.NewReader(conn)}
}

// send sends a request and returns the time until the first byte of its answer. closes
// is whether the service closes the connection after it, and limited whether the answer
// is 429.
func (c *connection) send(t *testing.T, of class, round int) (took time.Duration, closes, limited bool) {
	t.Helper()
	request := of.request(round)
	start := time.Now()
	if of.delay >= time.Millisecond {
		time.Sleep(of.delay)
	}
	for time.Since(start) < of.delay {
		continue
	}
	_, err := c.Write(request)
	if err == nil {
		_, err = c.answers.Peek(1)
	}
	took = time.Since(start)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(c.answers, nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	limited = response.StatusCode == http.StatusTooManyRequests
	if !limited && (response.StatusCode != of.status || !bytes.Contains(body, []byte(of.says))) {
		t.Fatalf("%s: the service answers %d %s", of.name, response.StatusCode, body)
	}
	return took, response.Close, limited
}

// post returns a request in the form of HTTP/1.1.
func post(path string, from access.Revealed, contentType string, body []byte) []byte {
	basic := base64.StdEncoding.EncodeToString([]byte(from.Username + ":" + from.Password))
	head := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: bank\r\nAuthorization: Basic %s\r\nX-Api-Key: %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n",
		path, basic, from.APIKey, contentType, len(body))
	return append([]byte(head), body...)
}
