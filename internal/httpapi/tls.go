package httpapi

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"sync"
)

// handshakeTimeout is how long a caller may take for the handshake of TLS. The
// connection counts from before it.
const handshakeTimeout = readHeaderTimeout

// HandshakeTLS wraps a listener. Its connections are those of TLS whose handshake is
// complete: of HTTP/1.1 as JSONErrors returns them, with further headers, or of HTTP/2.
// Handshakes do not wait for each other.
func HandshakeTLS(l net.Listener, config *tls.Config, further http.Header) net.Listener {
	h := &handshakeListener{Listener: l, config: config, further: further, accepted: make(chan accepted), closed: make(chan struct{})}
	h.close = sync.OnceValue(func() error {
		close(h.closed)
		return l.Close()
	})
	go h.run()
	return h
}

type handshakeListener struct {
	net.Listener
	config   *tls.Config
	further  http.Header
	accepted chan accepted
	closed   chan struct{}
	close    func() error
}

// accepted is a result of Accept.
type accepted struct {
	conn net.Conn
	err  error
}

// Accept implements net.Listener.
func (l *handshakeListener) Accept() (net.Conn, error) {
	select {
	case a := <-l.accepted:
		return a.conn, a.err
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (l *handshakeListener) Close() error { return l.close() }

// run accepts connections until the listener is closed.
func (l *handshakeListener) run() {
	for {
		c, err := l.Listener.Accept()
		if err == nil {
			go l.handshake(c)
			continue
		}
		// net/http pauses after some errors, and this with it.
		if !l.pass(accepted{err: err}) || errors.Is(err, net.ErrClosed) {
			return
		}
	}
}

// pass has Accept return a result, unless the listener is closed.
func (l *handshakeListener) pass(a accepted) bool {
	select {
	case l.accepted <- a:
		return true
	case <-l.closed:
		return false
	}
}

func (l *handshakeListener) handshake(c net.Conn) {
	secured := tls.Server(c, l.config)
	ctx, cancel := context.WithTimeout(context.Background(), handshakeTimeout)
	defer cancel()
	if err := secured.HandshakeContext(ctx); err != nil {
		_ = c.Close()
		return
	}
	var conn net.Conn = secured // net/http speaks HTTP/2 on this type alone
	if secured.ConnectionState().NegotiatedProtocol != "h2" {
		conn = jsonErrorConn{&strictConn{Conn: secured}, l.further, secured}
	}
	if !l.pass(accepted{conn: conn}) {
		_ = conn.Close()
	}
}

// certificateKey is the key of a connection's context that has the fingerprint of the
// caller's certificate.
type certificateKey struct{}

// withCertificate returns the context of a connection's requests.
func withCertificate(ctx context.Context, c net.Conn) context.Context {
	secured, _ := c.(*tls.Conn)
	if plain, ok := c.(jsonErrorConn); ok {
		secured = plain.secured
	}
	if secured == nil {
		return ctx
	}
	shown := secured.ConnectionState().PeerCertificates
	if len(shown) == 0 {
		return ctx
	}
	return context.WithValue(ctx, certificateKey{}, sha256.Sum256(shown[0].RawSubjectPublicKeyInfo))
}

// certificateOf returns the SHA-256 of the public key in the certificate that the
// caller has shown, whose private key it has; zero if it has shown none.
func certificateOf(r *http.Request) [sha256.Size]byte {
	fingerprint, _ := r.Context().Value(certificateKey{}).([sha256.Size]byte)
	return fingerprint
}
