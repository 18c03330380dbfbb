package enrol

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sesuai/sesuai"
)

// maxLine bounds a line of JSON, in bytes: many times what a person takes.
const maxLine = 64 << 10

// lineReader reads a file of people in lines of JSON.
type lineReader struct {
	lines *bufio.Reader
	line  int
	known []string
	today time.Time
}

func newLineReader(r io.Reader, today time.Time) *lineReader {
	return &lineReader{lines: bufio.NewReaderSize(withoutMark(r), maxLine), known: columns(), today: today}
}

// next implements rowReader. Empty lines are passed over.
func (l *lineReader) next() (row, error) {
	for {
		l.line++
		line, err := l.lines.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			if err := skipLine(l.lines); err != nil {
				return row{}, err
			}
			return row{line: l.line}, malformed(fmt.Sprintf("a line may have %d bytes", maxLine))
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return row{}, err
		}
		if line = bytes.TrimSpace(line); len(line) == 0 {
			if err != nil {
				return row{}, err // the end
			}
			continue
		}
		r, err := l.parse(line)
		r.line = l.line
		return r, err
	}
}

func malformed(why string) error {
	return &sesuai.Error{Kind: sesuai.KindMalformed, Detail: why}
}

// parse reads an object of strings. Nothing of the line is in an error.
func (l *lineReader) parse(line []byte) (row, error) {
	if !utf8.Valid(line) {
		return row{}, malformed("not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(line))
	if start, err := d.Token(); err != nil || start != json.Delim('{') {
		return row{}, malformed("not an object of JSON")
	}
	var names, values []string
	for d.More() {
		key, err := d.Token()
		name, _ := key.(string)
		if err != nil {
			return row{}, malformed("not an object of JSON")
		}
		value, err := d.Token()
		text, isText := value.(string)
		switch {
		case err != nil:
			return row{}, malformed("not an object of JSON")
		case !slices.Contains(l.known, name):
			return row{}, malformed(fmt.Sprintf("key %d has a name that is not known", len(names)+1))
		case slices.Contains(names, name):
			return row{}, malformed("the key " + name + " is there twice")
		case !isText:
			return row{}, malformed("the value of " + name + " is not a string")
		case strings.ContainsRune(text, utf8.RuneError) && !bytes.ContainsRune(line, utf8.RuneError) &&
			!bytes.Contains(bytes.ToLower(line), []byte(`\ufffd`)):
			// What the decoder makes of half of a surrogate pair.
			return row{}, malformed("the value of " + name + " is not Unicode")
		}
		names, values = append(names, name), append(values, text)
	}
	if _, err := d.Token(); err != nil {
		return row{}, malformed("not an object of JSON")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return row{}, malformed("there is more in the line than one object")
	}
	for _, name := range required() {
		if !slices.Contains(names, name) {
			return row{}, malformed("the key " + name + " is missing")
		}
	}
	return parse(names, func(i int) string { return values[i] }, l.today)
}
