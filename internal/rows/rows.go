// Package rows reads what people come in from outside: a file of rows, as CSV or as
// lines of JSON, and the photographs that it names, in a folder or an archive. It
// bounds what a hostile file takes, and leaves what a row means to its callers. No
// error repeats anything of a row, or a photograph's path.
package rows

import (
	"bufio"
	"bytes"
	"io"
	"slices"
	"strings"
)

// Format is the form of a file. In either form a record is a line.
type Format string

// The forms of a file.
const (
	// CSV has a header line with the names of the columns, in any order and
	// case.
	CSV Format = "csv"
	// JSONLines has an object in each line, with the columns as its keys and
	// strings as their values.
	JSONLines Format = "jsonl"
)

// FormatOf returns a reader of the same file, and its format: lines of JSON start with a
// brace.
func FormatOf(file io.Reader) (io.Reader, Format) {
	r := bufio.NewReader(file)
	head, _ := r.Peek(512) // an error occurs again when it is read
	if head = bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\ufeff")), " \t\r\n"); len(head) > 0 && head[0] == '{' {
		return r, JSONLines
	}
	return r, CSV
}

// Columns are those of a file.
type Columns struct {
	// Known are all that there may be, Required those that every row has.
	Known, Required []string
}

// names says which columns are known, in an error.
func (c Columns) names() string { return "known are " + strings.Join(c.Known, ", ") }

// Record is a data line of a file, split into values. A data line is a line that is
// neither the header line nor blank.
type Record struct {
	Line int // from 1
	// Values are those of the columns. They are valid until the next record is
	// read.
	Columns, Values []string
	// Broken says why the line cannot be read; there are no values then. It
	// holds nothing of the line.
	Broken string
}

// Value returns the value of a column, without the space around it; "" if there
// is no such column.
func (r Record) Value(column string) string {
	if i := slices.Index(r.Columns, column); i >= 0 {
		return strings.TrimSpace(r.Values[i])
	}
	return ""
}

// Reader reads every data line of a file.
type Reader interface {
	// Next returns io.EOF after the last record. Any other error is about the
	// file, and not about one line.
	Next() (Record, error)
}

// NewReader returns a Reader of a file with these columns. It reads the header line
// of CSV: an error of kind sesuai.KindMalformed says what is wrong with that; any
// other means that it could not be read.
func NewReader(f Format, r io.Reader, c Columns) (Reader, error) {
	if f == JSONLines {
		return &jsonReader{newLineReader(r), c}, nil
	}
	return newCSVReader(r, c)
}
