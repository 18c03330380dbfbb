package httpapi_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/netip"
	"testing"
	"time"

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
	l := httpapi.LimitConnections(inner, 5, 2)
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
}

// TestManyConnectionsFromOneAddress: a caller that opens as many connections as it
// can, and sends nothing, does not keep out another one.
func TestManyConnectionsFromOneAddress(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := newService()
	s.serve(t, httpapi.LimitConnections(inner, 40, 20))
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
