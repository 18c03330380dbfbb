package rows

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

// csvReader reads a file in CSV with a header line. A record is a
// line: a field in quotes may hold commas and quotes, and ends on its line. So
// a quote that does not match costs the line that it is in and no other.
type csvReader struct {
	lines *lineReader
	// csv reads the one line that is in text.
	csv     *csv.Reader
	text    bytes.Reader
	columns []string
}

// newCSVReader reads the header line: see NewReader.
func newCSVReader(r io.Reader, columns Columns) (*csvReader, error) {
	c := &csvReader{lines: newLineReader(r)}
	c.csv = csv.NewReader(&c.text)
	c.csv.ReuseRecord = true
	header, err := c.Next()
	switch {
	case errors.Is(err, io.EOF):
		return nil, badHeader("the file is empty")
	case err != nil:
		return nil, err
	case header.Broken != "":
		return nil, badHeader(header.Broken)
	}
	if len(header.Values) == 1 && strings.Contains(header.Values[0], ";") {
		// What spreadsheets write where the comma is the decimal separator,
		// as in Indonesia.
		return nil, badHeader("commas must separate the columns, not semicolons")
	}
	for i, name := range header.Values {
		name = strings.ToLower(strings.TrimSpace(name))
		switch {
		case !slices.Contains(columns.Known, name):
			// The number, not the name: a file without a header line has a
			// person here.
			return nil, badHeader(fmt.Sprintf("column %d has a name that is not known; %s", i+1, columns.names()))
		case slices.Contains(c.columns, name):
			return nil, badHeader("the column " + name + " is there twice")
		}
		c.columns = append(c.columns, name)
	}
	for _, name := range columns.Required {
		if !slices.Contains(c.columns, name) {
			return nil, badHeader("the column " + name + " is missing; " + strings.Join(columns.Required, ", ") + " must be there")
		}
	}
	return c, nil
}

func badHeader(what string) error {
	return &sesuai.Error{Kind: sesuai.KindMalformed, Detail: "header line: " + what}
}

// Next implements Reader.
func (c *csvReader) Next() (Record, error) {
	line, err := c.lines.next()
	if err != nil {
		return Record{}, err
	}
	r := Record{Line: line.number, Broken: line.broken}
	if r.Broken != "" {
		return r, nil
	}
	c.text.Reset(line.text)
	fields, err := c.csv.Read()
	switch {
	case errors.Is(err, csv.ErrFieldCount):
		r.Broken = "not as many fields as the header line has"
	case err != nil:
		r.Broken = "not CSV: quotes do not match on this line"
	default:
		r.Columns, r.Values = c.columns, fields
	}
	return r, nil
}
