package enrol

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/sesuai/sesuai"
)

// csvReader reads a file of people in CSV with a header line. A record is a
// line: a field in quotes may hold commas and quotes, and ends on its line. So
// a quote that does not match costs the line that it is in and no other.
type csvReader struct {
	lines *lineReader
	// csv reads the one line that is in text.
	csv     *csv.Reader
	text    bytes.Reader
	columns []string
}

// newCSVReader reads the header line. An error of kind sesuai.KindMalformed
// says what is wrong with it; any other means that it could not be read.
func newCSVReader(r io.Reader) (*csvReader, error) {
	c := &csvReader{lines: newLineReader(r)}
	c.csv = csv.NewReader(&c.text)
	c.csv.ReuseRecord = true
	header, err := c.next()
	switch {
	case errors.Is(err, io.EOF):
		return nil, badHeader("the file is empty")
	case err != nil:
		return nil, err
	case header.broken != "":
		return nil, badHeader(header.broken)
	}
	if len(header.values) == 1 && strings.Contains(header.values[0], ";") {
		// What spreadsheets write where the comma is the decimal separator,
		// as in Indonesia.
		return nil, badHeader("commas must separate the columns, not semicolons")
	}
	known := columns()
	for i, name := range header.values {
		name = strings.ToLower(strings.TrimSpace(name))
		switch {
		case !slices.Contains(known, name):
			// The number, not the name: a file without a header line has a
			// person here.
			return nil, badHeader(fmt.Sprintf("column %d has a name that is not known; %s", i+1, knownColumns()))
		case slices.Contains(c.columns, name):
			return nil, badHeader("the column " + name + " is there twice")
		}
		c.columns = append(c.columns, name)
	}
	for _, name := range required() {
		if !slices.Contains(c.columns, name) {
			return nil, badHeader("the column " + name + " is missing; " + strings.Join(required(), ", ") + " must be there")
		}
	}
	return c, nil
}

func badHeader(what string) error {
	return &sesuai.Error{Kind: sesuai.KindMalformed, Detail: "header line: " + what}
}

// next implements recordReader.
func (c *csvReader) next() (record, error) {
	line, err := c.lines.next()
	if err != nil {
		return record{}, err
	}
	r := record{line: line.number, broken: line.broken}
	if r.broken != "" {
		return r, nil
	}
	c.text.Reset(line.text)
	fields, err := c.csv.Read()
	switch {
	case errors.Is(err, csv.ErrFieldCount):
		r.broken = "not as many fields as the header line has"
	case err != nil:
		r.broken = "not CSV: quotes do not match on this line"
	default:
		r.columns, r.values = c.columns, fields
	}
	return r, nil
}
