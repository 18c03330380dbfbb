package httpapi

import (
	"bytes"
	"net"
	"strconv"
)

// strictConn makes net/http refuse what it would read leniently and another
// program in front of it may read differently: lines that end in a bare LF,
// folded header lines, chunk extensions, trailers, and a body whose length is
// stated twice. RFC 9112 has a server refuse them, or lets it (2.2, 5.1, 5.2,
// 6.1, 6.3), except for chunk extensions and trailers, which no client of the API
// sends.
//
// It follows the bytes that net/http reads. The line feed of the first line that
// is not allowed becomes a NUL, which net/http accepts in no line, and what
// follows is dropped. So net/http answers 400 and closes the connection, or the
// body of the request ends with an error.
type strictConn struct {
	net.Conn
	framing framing
	refused bool
}

// Read implements net.Conn.
func (c *strictConn) Read(b []byte) (int, error) {
	if c.refused {
		// net/http gets the end of the line. It does not get an error: that
		// would cancel the request before this one, which may still be in
		// progress.
		return copy(b, "\r\n\r\n"), nil
	}
	n, err := c.Conn.Read(b)
	if passed := c.framing.follow(b[:n]); passed < n {
		c.refused = true
		b[passed] = 0
		return passed + 1, nil
	}
	return n, err
}

// CloseWrite half-closes the connection if it can be.
func (c *strictConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// maxLine is the greatest length of a line, in bytes. net/http stops reading
// before: it limits a head to maxHeaderBytes and 4 KiB, and the line of a chunk
// to 4 KiB.
const maxLine = 2 * maxHeaderBytes

// section is a part of a request that consists of lines.
type section uint8

const (
	requestLine section = iota
	headerLines
	chunkSize
	chunkEnd // the empty line after a chunk's bytes
	lastEnd  // the empty line after the last chunk
)

// framing follows the requests on a connection, to know which bytes belong to a
// head and which to a body. It allows only what every reader takes for the same
// requests. The zero framing is at the start of a connection.
type framing struct {
	// section is that of the next line.
	section section
	// body is how many bytes of a body, or of a chunk, come before that line.
	body int64
	// line is the start of a line whose end has not been read yet.
	line []byte

	// What the head has said so far.
	http11, hasLength, hasEncoding, chunked bool
	length                                  int64
}

// follow follows the next bytes of the connection. It returns how many of them
// are allowed: all, or those before the end of the first line that is not.
func (f *framing) follow(b []byte) int {
	for n := 0; n < len(b); {
		if f.body > 0 {
			skip := min(f.body, int64(len(b)-n))
			f.body -= skip
			n += int(skip)
			continue
		}
		end := bytes.IndexByte(b[n:], '\n')
		if end < 0 {
			f.line = append(f.line, b[n:]...)
			if len(f.line) > maxLine {
				return len(b) - 1
			}
			return len(b)
		}
		line := b[n : n+end+1]
		if len(f.line) > 0 {
			f.line = append(f.line, line...)
			line = f.line
		}
		allowed := f.endLine(line)
		clear(f.line) // it may hold credentials
		f.line = f.line[:0]
		if !allowed {
			return n + end
		}
		n += end + 1
	}
	return len(b)
}

// endLine reports whether a line, which ends in LF, is allowed where it stands.
func (f *framing) endLine(line []byte) bool {
	text, ok := bytes.CutSuffix(line, []byte("\r\n"))
	if !ok || bytes.ContainsFunc(text, isControl) {
		return false
	}
	switch f.section {
	case requestLine:
		if len(text) == 0 {
			return true // net/http allows it after a POST (RFC 9112, 2.2)
		}
		f.section, f.length = headerLines, 0
		f.hasLength, f.hasEncoding, f.chunked = false, false, false
		f.http11 = bytes.HasSuffix(text, []byte(" HTTP/1.1"))
		return true
	case headerLines:
		if len(text) == 0 {
			return f.endHead()
		}
		return f.header(text)
	case chunkSize:
		size, err := strconv.ParseUint(string(text), 16, 63)
		f.body, f.section = int64(size), chunkEnd
		if size == 0 {
			f.section = lastEnd
		}
		return err == nil
	case chunkEnd:
		f.section = chunkSize
		return len(text) == 0
	default: // lastEnd
		f.section = requestLine
		return len(text) == 0
	}
}

// header reports whether a header line is allowed. A folded line is not, since
// its name begins with white space.
func (f *framing) header(line []byte) bool {
	name, value, ok := bytes.Cut(line, []byte(":"))
	if !ok || len(name) == 0 || bytes.ContainsFunc(name, notInName) {
		return false
	}
	value = bytes.Trim(value, " \t")
	switch {
	case bytes.EqualFold(name, []byte("Content-Length")):
		if f.hasLength {
			return false
		}
		f.hasLength = true
		length, err := strconv.ParseUint(string(value), 10, 63)
		f.length = int64(length)
		return err == nil
	case bytes.EqualFold(name, []byte("Transfer-Encoding")):
		if f.hasEncoding {
			return false
		}
		f.hasEncoding = true
		// net/http answers 501 to every other encoding and reads no further.
		f.chunked = bytes.EqualFold(value, []byte("chunked"))
	}
	return true
}

// endHead reports whether the length of the body is stated in one way, and
// prepares to follow the body.
func (f *framing) endHead() bool {
	if f.hasEncoding && (f.hasLength || !f.http11) {
		return false
	}
	f.section, f.body = requestLine, f.length
	if f.chunked {
		f.section = chunkSize
	}
	return true
}

// isControl reports whether r is a control character that no line may hold.
func isControl(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }

// notInName reports whether r may not be in a header's name: a token of RFC 9110,
// 5.6.2.
func notInName(r rune) bool {
	switch {
	case '0' <= r && r <= '9', 'A' <= r && r <= 'Z', 'a' <= r && r <= 'z':
		return false
	}
	return r >= 0x80 || !bytes.ContainsRune([]byte("!#$%&'*+-.^_`|~"), r)
}
