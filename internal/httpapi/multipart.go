package httpapi

import (
	"bytes"
	"io"
	"mime/multipart"
	"strings"
)

// decodeMultipart reads a multipart/form-data body part by part. It writes no
// temporary files and does not keep unknown parts. A part is identified only by
// its name. Its file name and Content-Type are ignored, since clients get them
// wrong. The boundary may start no line but those between the parts: some readers
// start a part wherever it does.
func (f *form) decodeMultipart(body *steps, boundary string) error {
	size := body.len()
	counted := newCounter(body, "--"+boundary)
	defer counted.wipe()
	// If a body is cut off within a part's header, multipart.Reader takes
	// that for a regular end. It does not if the input never returns io.EOF.
	// The line break completes a last line that has none.
	unending := io.MultiReader(counted, strings.NewReader("\r\n"), cutOff{})
	parts := multipart.NewReader(unending, boundary)
	for n := 0; ; n++ {
		part, err := parts.NextRawPart()
		if err == io.EOF {
			if err := counted.drain(); err != nil {
				return err
			}
			if counted.n != n+1 {
				return advised(guideBoundary, "the boundary stands outside of the delimiters")
			}
			return nil
		}
		if err != nil {
			return err
		}
		if n == maxFields {
			return malformed("too many parts")
		}
		if err := f.decodePart(part, size); err != nil {
			return err
		}
	}
}

// decodePart reads a part of at most size bytes. NextRawPart skips what it leaves.
func (f *form) decodePart(part *multipart.Part, size int) error {
	key, err := partName(part.Header)
	if err != nil {
		return err
	}
	i, known, err := f.take(key)
	if err != nil || !known {
		return err
	}
	if err := checkEncoding(part.Header, f.schema[i].file); err != nil {
		return err
	}
	field := &f.fields[i]
	field.found = true
	if f.schema[i].file {
		sent, err := readAll(part, size)
		if err != nil {
			return err
		}
		field.file = photograph(sent)
		return nil
	}
	var readable bool
	field.text, readable, err = readText(part)
	field.unreadable = !readable
	return err
}

// cutOff is a reader after whose start no more input may be needed.
type cutOff struct{}

// Read implements io.Reader.
func (cutOff) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// counter counts how many lines of what is read through it start with a pattern. A
// line ends with CR, LF or both.
type counter struct {
	source  io.Reader
	pattern []byte
	n       int
	// window is the end of what was read: where a pattern may start, and a byte
	// before.
	window []byte
}

// counterStep is the greatest number of bytes that one Read of a counter returns.
const counterStep = 4 << 10

func newCounter(source io.Reader, pattern string) *counter {
	window := make([]byte, 1, len(pattern)+counterStep)
	window[0] = '\n' // the first line starts where the source does
	return &counter{source: source, pattern: []byte(pattern), window: window}
}

// Read implements io.Reader.
func (c *counter) Read(p []byte) (int, error) {
	n, err := c.source.Read(p[:min(len(p), counterStep)])
	c.window = append(c.window, p[:n]...)
	rest := c.window
	for i := bytes.Index(rest, c.pattern); i >= 0; i = bytes.Index(rest, c.pattern) {
		if i > 0 && (rest[i-1] == '\r' || rest[i-1] == '\n') {
			c.n++
		}
		rest = rest[i+len(c.pattern):]
	}
	rest = rest[max(0, len(rest)-len(c.pattern)):]
	c.window = c.window[:copy(c.window, rest)]
	return n, err
}

// drain reads to the end.
func (c *counter) drain() error {
	var step [512]byte
	defer clear(step[:])
	for {
		if _, err := c.Read(step[:]); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// wipe overwrites what the counter holds.
func (c *counter) wipe() { clear(c.window[:cap(c.window)]) }

// readText reads a text of at most maxText bytes. A longer one becomes an empty text
// and false, which is never valid.
func readText(r io.Reader) (text string, readable bool, err error) {
	b, err := readAll(io.LimitReader(r, maxText+1), 128)
	defer clear(b)
	if err != nil || len(b) > maxText {
		return "", false, err
	}
	return string(b), true, nil
}
