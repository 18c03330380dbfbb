package rows

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// maxLine bounds a line with its line break, in bytes: many times what a person
// takes.
const maxLine = 64 << 10

// lineReader reads the lines of a file that are not blank. A line ends with a
// line feed, or with the file. A line is blank if it holds nothing but spaces,
// tabs and carriage returns. Memory is bounded by maxLine, however long a line
// is.
type lineReader struct {
	r      *bufio.Reader
	number int
}

// line is a line without its line break.
type line struct {
	number int
	// text is valid until the next line is read.
	text []byte
	// broken says why the line cannot be read; text is empty then. It holds
	// nothing of the line.
	broken string
}

// newLineReader skips the byte order mark that spreadsheets write in front of
// UTF-8.
func newLineReader(r io.Reader) *lineReader {
	l := &lineReader{r: bufio.NewReaderSize(struct{ io.Reader }{r}, maxLine)} // not a larger buffer of r's
	const mark = "\ufeff"
	if b, err := l.r.Peek(len(mark)); err == nil && string(b) == mark {
		_, _ = l.r.Discard(len(mark)) // cannot fail: it is in the buffer
	}
	return l
}

// next returns the next line that is not blank. The error is io.EOF after the
// last one; any other error is about the file.
func (l *lineReader) next() (line, error) {
	for {
		l.number++
		text, err := l.r.ReadSlice('\n')
		blank := isBlank(text)
		tooLong := errors.Is(err, bufio.ErrBufferFull)
		for errors.Is(err, bufio.ErrBufferFull) {
			text, err = l.r.ReadSlice('\n')
			blank = blank && isBlank(text)
		}
		switch {
		case err != nil && !errors.Is(err, io.EOF):
			return line{}, unreadable(err)
		case blank && err != nil:
			return line{}, io.EOF
		case blank:
			continue
		case tooLong:
			return line{number: l.number, broken: fmt.Sprintf("a line may have %d bytes", maxLine)}, nil
		}
		text = bytes.TrimRight(text, "\r\n")
		if bytes.IndexByte(text, '\r') >= 0 {
			return line{number: l.number, broken: "a carriage return alone does not end a line"}, nil
		}
		if !utf8.Valid(text) {
			return line{number: l.number, broken: "not UTF-8"}, nil
		}
		return line{number: l.number, text: text}, nil
	}
}

func isBlank(text []byte) bool { return len(bytes.Trim(text, " \t\r\n")) == 0 }

// unreadable is the error about the file itself, not about a line in it.
func unreadable(err error) error { return fmt.Errorf("reading the file of people: %w", err) }
