package httpapi

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"github.com/sesuai/sesuai"
)

// ConnectionLimit is a limit on connections, as in metrics and in the log.
type ConnectionLimit string

// The limits on connections.
const (
	// LimitAll is that of all connections together.
	LimitAll ConnectionLimit = "all"
	// LimitAddress is that of one address.
	LimitAddress ConnectionLimit = "address"
)

// ConnectionLimits are all of them.
var ConnectionLimits = []ConnectionLimit{LimitAll, LimitAddress}

// ConnectionOptions configures LimitConnections. All and Each are required.
type ConnectionOptions struct {
	// All is how many connections are open at once at most, and Each how many of
	// them from one address. Addresses of IPv6 count as one if they have the same
	// first 64 bits, since one host has that many.
	All, Each int
	// Proxies are connections of many callers: Each is no limit of theirs.
	Proxies Proxies
	// Refused is called for each connection that is refused, with the limit that
	// it exceeds. It may be nil.
	Refused func(ConnectionLimit)
	// Log gets lines about refused connections, a few a second at most;
	// slog.Default() if nil.
	Log *slog.Logger
	// Header are further headers of the responses.
	Header http.Header
	// Silent closes a connection over a limit without a response: a caller that
	// expects TLS cannot read it.
	Silent bool
}

// LimitConnections wraps a listener. A connection over a limit is answered 503, unless
// o.Silent, and closed without being read.
func LimitConnections(l net.Listener, o ConnectionOptions) net.Listener {
	if o.Refused == nil {
		o.Refused = func(ConnectionLimit) {}
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return &limitedListener{Listener: l, o: o, byAddress: make(map[netip.Prefix]int), sampler: newSampler()}
}

type limitedListener struct {
	net.Listener
	o       ConnectionOptions
	sampler *sampler

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
		over := l.take(address)
		if over == "" {
			return &limitedConn{Conn: c, release: sync.OnceFunc(func() { l.give(address) })}, nil
		}
		l.refused(over)
		// The few bytes fit into the empty buffer of the connection, so this
		// does not wait. A caller that has sent a request may find only that
		// the connection is closed.
		if !l.o.Silent {
			_ = c.SetWriteDeadline(time.Now().Add(time.Second))
			_, _ = c.Write(overloadedAnswer(l.o.Header))
		}
		_ = c.Close()
	}
}

// refused counts and logs a refused connection.
func (l *limitedListener) refused(over ConnectionLimit) {
	l.o.Refused(over)
	ctx, now := context.Background(), time.Now()
	for _, skipped := range l.sampler.past(now) {
		l.o.Log.LogAttrs(ctx, slog.LevelWarn, "refused connections not logged", slog.Int("count", skipped.count))
	}
	if l.sampler.allow(sesuai.KindOverloaded, now) {
		l.o.Log.LogAttrs(ctx, slog.LevelWarn, "connection refused", slog.String("limit", string(over)))
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

// take counts a connection, unless that would exceed the limit that it returns.
func (l *limitedListener) take(address netip.Prefix) (over ConnectionLimit) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.byAddress[address] >= l.o.Each && !l.o.Proxies.trusts(address.Addr()):
		return LimitAddress
	case l.open >= l.o.All:
		return LimitAll
	}
	l.open++
	l.byAddress[address]++
	return ""
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
func overloadedAnswer(further http.Header) []byte {
	err := &sesuai.Error{Kind: sesuai.KindOverloaded}
	status, body := ErrorJSON(err)
	header := http.Header{"Retry-After": {strconv.Itoa(retryAfter(err))}}
	maps.Copy(header, further)
	return rawAnswer(status, body, header)
}

// rawAnswer returns a whole response that closes the connection, with further
// headers.
func rawAnswer(status int, body []byte, further http.Header) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\n"+
		"Cache-Control: no-store\r\nConnection: close\r\n"+
		"Content-Length: %d\r\nContent-Type: application/json\r\n"+
		"%s: %s\r\nX-Content-Type-Options: nosniff\r\n",
		status, http.StatusText(status), len(body), requestIDHeader, rand.Text())
	_ = further.Write(&b) // never fails: a bytes.Buffer
	b.WriteString("\r\n")
	b.Write(body)
	return b.Bytes()
}
