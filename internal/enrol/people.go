package enrol

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/sesuai/sesuai"
)

// peopleReader reads a file of people in CSV, with a header line.
type peopleReader struct {
	records *recordReader
	columns []string
	today   time.Time
}

// newPeopleReader reads the header line. An error of kind sesuai.KindMalformed
// says what is wrong with it; any other means that it could not be read.
func newPeopleReader(r io.Reader, today time.Time) (*peopleReader, error) {
	p := &peopleReader{records: newRecordReader(withoutMark(r)), today: today}
	header, _, broken, err := p.records.next()
	switch {
	case errors.Is(err, io.EOF):
		return nil, badHeader("the file is empty")
	case err != nil:
		return nil, unreadable(err)
	case broken != "":
		return nil, badHeader("it is not CSV")
	}
	if len(header) == 1 && strings.Contains(header[0], ";") {
		// What spreadsheets write where the comma is a decimal point, as in
		// Indonesia.
		return nil, badHeader("commas must separate the columns, not semicolons")
	}
	known := columns()
	for i, c := range header {
		c = strings.TrimSpace(c)
		if !slices.Contains(known, c) || slices.Contains(p.columns, c) {
			// Numbered, not named: a file without a header line has a person
			// here.
			return nil, badHeader(fmt.Sprintf("column %d has a name that is not known, or is there twice", i+1))
		}
		p.columns = append(p.columns, c)
	}
	for _, c := range required() {
		if !slices.Contains(p.columns, c) {
			return nil, badHeader("the column " + c + " is missing")
		}
	}
	return p, nil
}

// withoutMark is r without the byte order mark that spreadsheets put in front
// of UTF-8.
func withoutMark(r io.Reader) *bufio.Reader {
	buffered := bufio.NewReaderSize(r, 1<<16)
	if mark, err := buffered.Peek(3); err == nil && bytes.Equal(mark, []byte("\ufeff")) {
		_, _ = buffered.Discard(len(mark))
	}
	return buffered
}

// unreadable is the error about the file itself, not about a line in it.
func unreadable(err error) error { return fmt.Errorf("reading the file of people: %w", err) }

func badHeader(what string) error {
	return &sesuai.Error{Kind: sesuai.KindMalformed, Detail: "header line: " + what}
}

// next implements rowReader.
func (p *peopleReader) next() (row, error) {
	fields, line, broken, err := p.records.next()
	if err != nil {
		return row{}, err
	}
	if broken != "" {
		return row{line: line}, malformed(broken)
	}
	r, err := parse(p.columns, func(i int) string { return fields[i] }, p.today)
	r.line = line
	return r, err
}
