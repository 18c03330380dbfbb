package httpapi

import (
	"bytes"
	"crypto/tls"
	"net"
	"net/http"
	"strconv"
)

// JSONErrors wraps a listener. The responses that net/http itself writes, before
// any handler is called, become JSON objects with a Request-Id: those to a
// malformed request, too large a header, and an unknown transfer encoding or
// expectation. Clients parse every body before they look at the status, and
// net/http has no hook for these responses. Requests that net/http reads
// leniently count as malformed: see strictConn. further are further headers of these
// responses.
func JSONErrors(l net.Listener, further http.Header) net.Listener {
	return jsonErrorListener{l, further}
}

type jsonErrorListener struct {
	net.Listener
	further http.Header
}

// Accept implements net.Listener.
func (l jsonErrorListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return jsonErrorConn{&strictConn{Conn: c}, l.further, nil}, nil
}

// jsonErrorConn replaces net/http's own responses, each of which is one Write.
type jsonErrorConn struct {
	net.Conn
	further http.Header
	secured *tls.Conn // that it reads from; nil without TLS
}

// Write implements net.Conn.
func (c jsonErrorConn) Write(b []byte) (int, error) {
	status, own := ownAnswer(b)
	if !own {
		return c.Conn.Write(b)
	}
	if _, err := c.Conn.Write(jsonAnswer(status, c.further)); err != nil {
		return 0, err
	}
	return len(b), nil
}

// CloseWrite lets net/http half-close the connection, so that a caller that is
// still sending can read the response.
func (c jsonErrorConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// ownAnswer reports whether b is a response of net/http itself, and its status.
// A handler's response has a Date header and never looks like this.
func ownAnswer(b []byte) (status int, own bool) {
	const (
		start   = "HTTP/1.x "
		headers = "Content-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"
	)
	line, rest, ok := bytes.Cut(b, []byte("\r\n"))
	if !ok || len(line) < len(start)+3 || !bytes.HasPrefix(line, []byte("HTTP/1.")) {
		return 0, false
	}
	status, err := strconv.Atoi(string(line[len(start) : len(start)+3]))
	if err != nil {
		return 0, false
	}
	// 417 has the usual headers and no body. No handler returns it.
	return status, status == http.StatusExpectationFailed || bytes.HasPrefix(rest, []byte(headers))
}

// ownReasons holds the reasons for net/http's own statuses, worded like those
// of the contract.
var ownReasons = map[int]string{
	http.StatusBadRequest:                  "Bad request",
	http.StatusExpectationFailed:           "Expectation failed",
	http.StatusRequestHeaderFieldsTooLarge: "Request header is too large",
	http.StatusNotImplemented:              "Transfer encoding not supported",
	http.StatusHTTPVersionNotSupported:     "HTTP version not supported",
}

// jsonAnswer returns the whole response with a JSON body.
func jsonAnswer(status int, further http.Header) []byte {
	text := http.StatusText(status)
	reason, known := ownReasons[status]
	if !known {
		reason = text
	}
	return rawAnswer(status, encode(errorBody{reason}), further)
}
