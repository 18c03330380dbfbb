package overload_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/sesuai/sesuai/test/process"
)

// question is a request as it stands on the wire, which is sent again and again, and
// the right answer to it.
type question struct {
	raw    []byte
	status int
	body   string
}

// sender sends requests with little work of its own, since it takes the time of the
// cores that the program runs on. It has as many connections as it needs.
type sender struct {
	address string
	mu      sync.Mutex
	idle    []*line
}

// line is a connection.
type line struct {
	net.Conn
	reader *bufio.Reader
	used   time.Time // when an answer was last read
}

// fresh is how long a connection may have been idle that is used again: less than the
// time after which the program closes it.
const fresh = time.Minute

// answered is the answer to a request.
type answered struct {
	status     int
	body       string
	retryAfter string
	took       time.Duration
}

func (s *sender) take() (*line, error) {
	s.mu.Lock()
	n := len(s.idle)
	if n > 0 && time.Since(s.idle[n-1].used) > fresh {
		s.close() // the last one was used last
		n = 0
	}
	if n > 0 {
		l := s.idle[n-1]
		s.idle = s.idle[:n-1]
		s.mu.Unlock()
		return l, nil
	}
	s.mu.Unlock()
	conn, err := net.Dial("tcp", s.address)
	if err != nil {
		return nil, err
	}
	return &line{Conn: conn, reader: bufio.NewReader(conn)}, nil
}

// close closes the idle connections.
func (s *sender) close() {
	for _, l := range s.idle {
		_ = l.Close()
	}
	s.idle = nil
}

// send sends a request and reads the answer.
func (s *sender) send(raw []byte) (a answered, err error) {
	start := time.Now()
	l, err := s.take()
	if err != nil {
		return a, err
	}
	keep := false
	defer func() {
		if !keep {
			_ = l.Close()
			return
		}
		l.used = time.Now()
		s.mu.Lock()
		s.idle = append(s.idle, l)
		s.mu.Unlock()
	}()
	if err := l.SetDeadline(start.Add(patience)); err != nil {
		return a, err
	}
	if _, err := l.Write(raw); err != nil {
		return a, fmt.Errorf("sending: %w", err)
	}
	resp, err := http.ReadResponse(l.reader, nil)
	if err != nil {
		return a, fmt.Errorf("reading the answer: %w", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return a, fmt.Errorf("reading the answer: %w", err)
	}
	keep = !resp.Close
	return answered{resp.StatusCode, string(body), resp.Header.Get("Retry-After"), time.Since(start)}, nil
}

// rawRequest returns a verification by a client as it stands on the wire.
func (w *world) rawRequest(t *testing.T, client string, who process.Claim, photo []byte) []byte {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, "http://"+w.address+path, bytes.NewReader(process.FormOf(who, photo)))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", process.FormType)
	w.clients[client].Sign(r)
	var b bytes.Buffer
	if err := r.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
