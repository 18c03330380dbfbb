package httpapi

import (
	"crypto/rand"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/sesuai/sesuai"
)

// LimitConnections wraps a listener. At most all connections are open at once, and
// at most each from one address. Addresses of IPv6 count as one if they have the
// same first 64 bits, since one host has that many. A connection over a limit is
// answered 503 and closed without being read.
func LimitConnections(l net.Listener, all, each int) net.Listener {
	return &limitedListener{Listener: l, all: all, each: each, byAddress: make(map[netip.Prefix]int)}
}

type limitedListener struct {
	net.Listener
	all, each int

	mu        sync.Mutex
	open      int
	byAddress map[netip.Prefix]int // without zeros
}

// Accept implements net.Listener.
func (l *limitedListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		address := addressOf(c)
		if l.take(address) {
			return &limitedConn{Conn: c, release: sync.OnceFunc(func() { l.give(address) })}, nil
		}
		// The few bytes fit into the empty buffer of the connection, so this
		// does not wait. A caller that has sent a request may find only that
		// the connection is closed.
		_ = c.SetWriteDeadline(time.Now().Add(time.Second))
		_, _ = c.Write(overloadedAnswer())
		_ = c.Close()
	}
}

// addressOf returns what connections of one caller have in common.
func addressOf(c net.Conn) netip.Prefix {
	tcp, ok := c.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return netip.Prefix{}
	}
	address := tcp.AddrPort().Addr().Unmap().WithZone("")
	bits := address.BitLen()
	if address.Is6() {
		bits = 64
	}
	prefix, _ := address.Prefix(bits) // the zero Prefix if there is no address
	return prefix
}

func (l *limitedListener) take(address netip.Prefix) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open >= l.all || l.byAddress[address] >= l.each {
		return false
	}
	l.open++
	l.byAddress[address]++
	return true
}

func (l *limitedListener) give(address netip.Prefix) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open--
	if l.byAddress[address]--; l.byAddress[address] == 0 {
		delete(l.byAddress, address)
	}
}

// limitedConn gives back its place when it is closed.
type limitedConn struct {
	net.Conn
	release func()
}

// Close implements net.Conn.
func (c *limitedConn) Close() error {
	defer c.release()
	return c.Conn.Close()
}

// CloseWrite lets net/http half-close the connection.
func (c *limitedConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// overloadedAnswer returns a whole 503 response, before any request has been read.
func overloadedAnswer() []byte {
	err := &sesuai.Error{Kind: sesuai.KindOverloaded}
	status, body := ErrorJSON(err)
	return rawAnswer(status, body, fmt.Sprintf("Retry-After: %d\r\n", retryAfter(err)))
}

// rawAnswer returns a whole response that closes the connection. headers are
// further lines of its header.
func rawAnswer(status int, body []byte, headers string) []byte {
	return fmt.Appendf(nil, "HTTP/1.1 %d %s\r\n"+
		"Cache-Control: no-store\r\nConnection: close\r\n"+
		"Content-Length: %d\r\nContent-Type: application/json\r\n"+
		"%s%s: %s\r\nX-Content-Type-Options: nosniff\r\n\r\n%s",
		status, http.StatusText(status), len(body), headers, requestIDHeader, rand.Text(), body)
}
