package httpapi_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sesuai/sesuai/internal/httpapi"
)

// TestConnections: a connection over a limit is answered 503 and closed. A closed
// one makes room. A caller at its limit does not keep out another.
func TestConnections(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = inner.Close() })
	refusals := make(chan httpapi.ConnectionLimit, 100)
	l := httpapi.LimitConnections(inner, httpapi.ConnectionOptions{
		All: 5, Each: 2, Refused: func(over httpapi.ConnectionLimit) { refusals <- over },
		Log: slog.New(slog.DiscardHandler),
	})
	accepted := make(chan net.Conn, 100)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				close(accepted)
				return
			}
			accepted <- c
		}
	}()
	// open reports whether a connection from that address is accepted, and
	// returns the server's side of it.
	open := func(from string) (net.Conn, bool) {
		t.Helper()
		d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.MustParseAddrPort(from + ":0"))}
		c, err := d.DialContext(t.Context(), "tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		_ = c.SetDeadline(time.Now().Add(patience))
		refused := make(chan error, 1)
		var resp *http.Response
		go func() {
			r, err := http.ReadResponse(bufio.NewReader(c), nil)
			resp = r
			refused <- err
		}()
		select {
		case server := <-accepted:
			t.Cleanup(func() { _ = server.Close() })
			return server, true
		case err := <-refused:
			if err != nil {
				t.Fatal(err)
			}
			if body := checkEnvelope(t, resp); resp.StatusCode != 503 || body != r8 || !resp.Close || resp.Header.Get("Retry-After") != "1" {
				t.Errorf("got %d %s", resp.StatusCode, body)
			}
			return nil, false
		}
	}
	expect := func(from string, want bool) net.Conn {
		t.Helper()
		c, ok := open(from)
		if ok != want {
			t.Fatalf("from %s: accepted is %v", from, ok)
		}
		return c
	}
	first := expect("127.0.0.1", true)
	expect("127.0.0.1", true)
	expect("127.0.0.1", false)
	expect("127.0.0.2", true)
	expect("127.0.0.2", true)
	expect("127.0.0.2", false)
	expect("127.0.0.3", true)
	expect("127.0.0.4", false) // all are taken
	for range 2 {              // closing twice makes room once
		_ = first.Close()
	}
	second := expect("127.0.0.4", true)
	expect("127.0.0.3", false)
	if half, ok := second.(interface{ CloseWrite() error }); !ok || half.CloseWrite() != nil {
		t.Error("it cannot be half-closed")
	}
	var over []httpapi.ConnectionLimit
	for len(refusals) > 0 {
		over = append(over, <-refusals)
	}
	want := []httpapi.ConnectionLimit{httpapi.LimitAddress, httpapi.LimitAddress, httpapi.LimitAll, httpapi.LimitAll}
	if !slices.Equal(over, want) {
		t.Errorf("refused for %v, want %v", over, want)
	}
}

// flood is a listener to which callers connect, so many each second.
type flood struct {
	net.Listener
	seconds, each, n int
}

func (f *flood) Accept() (net.Conn, error) {
	if f.n == f.seconds*f.each {
		return nil, net.ErrClosed
	}
	if f.n > 0 && f.n%f.each == 0 {
		time.Sleep(time.Second)
	}
	f.n++
	return deaf{}, nil
}

// deaf is a connection that takes everything.
type deaf struct{ net.Conn }

func (deaf) RemoteAddr() net.Addr             { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1)} }
func (deaf) SetWriteDeadline(time.Time) error { return nil }
func (deaf) Write(b []byte) (int, error)      { return len(b), nil }
func (deaf) Close() error                     { return nil }

// TestRefusedConnectionsInTheLog: however many connections are refused, the log has
// a few lines a second about them, and counts the others. It has no address.
func TestRefusedConnectionsInTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		counted := 0
		l := httpapi.LimitConnections(&flood{seconds: 3, each: 1000}, httpapi.ConnectionOptions{
			All: 10, Refused: func(httpapi.ConnectionLimit) { counted++ }, Log: slog.New(slog.NewJSONHandler(&log, nil)),
		})
		if c, err := l.Accept(); err == nil {
			t.Errorf("accepted %v", c)
		}
		var lines []string
		skipped := 0
		for line := range bytes.Lines(log.Bytes()) {
			var l struct {
				Msg, Limit string
				Count      int
			}
			if err := json.Unmarshal(line, &l); err != nil {
				t.Fatal(err)
			}
			lines = append(lines, strings.TrimSpace(l.Msg+" "+l.Limit))
			skipped += l.Count
		}
		const refused, not = "connection refused address", "refused connections not logged"
		want := []string{
			refused, refused, refused, refused, refused,
			not, refused, refused, refused, refused, refused,
			not, refused, refused, refused, refused, refused,
		}
		if diff := cmp.Diff(want, lines); diff != "" || skipped != 2*995 || counted != 3000 {
			t.Errorf("%d counted, %d not logged: %s", counted, skipped, diff)
		}
		if strings.Contains(log.String(), "192.0.2.1") {
			t.Error("the log has an address")
		}
	})
}

// TestManyConnectionsFromOneAddress: a caller that opens as many connections as it
// can, and sends nothing, does not keep out another one.
func TestManyConnectionsFromOneAddress(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := newService()
	s.serve(t, httpapi.LimitConnections(inner, httpapi.ConnectionOptions{All: 40, Each: 20, Log: slog.New(slog.DiscardHandler)}))
	for range 60 {
		dial(t, inner.Addr().String())
	}
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 9)}}
	c, err := d.DialContext(t.Context(), "tcp", inner.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(c, "GET /healthz HTTP/1.1\r\nHost: sesuai.test\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	if checkEnvelope(t, resp); resp.StatusCode != 200 {
		t.Errorf("got %d", resp.StatusCode)
	}
}
