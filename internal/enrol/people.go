package enrol

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/registry"
)

// The columns that a file of people must have; all others are optional.
const (
	columnNIK         = "nik"
	columnName        = "name"
	columnDateOfBirth = "date_of_birth"
	columnPhoto       = "photo"
	columnStatus      = "status"
)

// row is one line of a file of people.
type row struct {
	line   int
	person registry.Person
	// photo is the path of the photograph; empty if there is none.
	photo string
}

// peopleReader reads a file of people: CSV with a header line that names the
// columns nik, name, date_of_birth and photo in any order, and optionally
// status and the attributes by their names on the wire.
type peopleReader struct {
	csv     *csv.Reader
	columns []string
	today   time.Time
	// seen is on which line each NIK was.
	seen map[sesuai.NIK]int
}

// newPeopleReader reads the header line. An error of kind sesuai.KindMalformed
// says what is wrong with it; any other means that it could not be read.
func newPeopleReader(r io.Reader, today time.Time) (*peopleReader, error) {
	buffered := bufio.NewReader(r)
	// Spreadsheets put a byte order mark in front of UTF-8.
	if mark, err := buffered.Peek(3); err == nil && bytes.Equal(mark, []byte("\ufeff")) {
		_, _ = buffered.Discard(len(mark))
	}
	p := &peopleReader{csv: csv.NewReader(buffered), today: today, seen: make(map[sesuai.NIK]int)}
	p.csv.ReuseRecord = true
	header, err := p.csv.Read()
	if errors.Is(err, io.EOF) {
		return nil, badHeader("the file is empty")
	}
	if _, broken := errors.AsType[*csv.ParseError](err); broken {
		return nil, badHeader("it is not CSV")
	}
	if err != nil {
		return nil, unreadable(err)
	}
	known := map[string]bool{
		columnNIK: true, columnName: true, columnDateOfBirth: true, columnPhoto: true, columnStatus: true,
	}
	for _, a := range sesuai.Attributes {
		known[string(a)] = true
	}
	if len(header) == 1 && strings.Contains(header[0], ";") {
		// What spreadsheets write where the comma is a decimal point, as in
		// Indonesia.
		return nil, badHeader("commas must separate the columns, not semicolons")
	}
	for i, c := range header {
		c = strings.TrimSpace(c)
		if !known[c] {
			// Numbered, not named: a file without a header line has a person
			// here.
			return nil, badHeader(fmt.Sprintf("column %d has a name that is not known, or is there twice", i+1))
		}
		delete(known, c)
		p.columns = append(p.columns, c)
	}
	for _, c := range []string{columnNIK, columnName, columnDateOfBirth, columnPhoto} {
		if known[c] {
			return nil, badHeader("the column " + c + " is missing")
		}
	}
	return p, nil
}

// unreadable is the error about the file itself, not about a line in it.
func unreadable(err error) error { return fmt.Errorf("reading the file of people: %w", err) }

func badHeader(what string) error {
	return &sesuai.Error{Kind: sesuai.KindMalformed, Detail: "header line: " + what}
}

// next returns the next row. At the end the error is io.EOF; any other is
// about this row alone if it is a *sesuai.Error, and row.line says where it
// is, and about the file otherwise.
func (p *peopleReader) next() (row, error) {
	fields, err := p.csv.Read()
	var line int
	broken, ok := errors.AsType[*csv.ParseError](err)
	switch {
	case ok:
		line = broken.StartLine
	case err != nil:
		return row{}, err
	default:
		line, _ = p.csv.FieldPos(0)
	}
	if why := whyBroken(broken, fields); why != "" {
		// Not broken itself: its text may quote the row.
		return row{line: line}, &sesuai.Error{Kind: sesuai.KindMalformed, Detail: why}
	}
	r := row{line: line}
	r.person, r.photo, err = p.parse(fields)
	if err != nil {
		return r, err
	}
	if first, ok := p.seen[r.person.NIK]; ok {
		return r, &sesuai.Error{Kind: sesuai.KindConflict, Detail: fmt.Sprintf("the NIK of line %d again", first)}
	}
	p.seen[r.person.NIK] = line
	return r, nil
}

// whyBroken says what is wrong with a row before its fields are looked at; ""
// if nothing is. broken may be nil.
func whyBroken(broken *csv.ParseError, fields []string) string {
	lines := 1
	for _, f := range fields {
		lines += strings.Count(f, "\n")
	}
	if broken != nil {
		lines = max(lines, broken.Line-broken.StartLine+1)
	}
	switch {
	case lines > 1:
		// No field has line breaks: one that seems to has swallowed rows.
		return fmt.Sprintf("quotes do not match: the row goes on for %d lines", lines)
	case broken == nil:
		return ""
	case errors.Is(broken, csv.ErrFieldCount):
		return "not as many fields as the header line has"
	default:
		return "not CSV: quotes do not match"
	}
}

func (p *peopleReader) parse(fields []string) (registry.Person, string, error) {
	person := registry.Person{Attributes: make(map[sesuai.Attribute]sesuai.Text)}
	var photo string
	var err error
	for i, column := range p.columns {
		value := strings.TrimSpace(fields[i])
		switch column {
		case columnNIK:
			person.NIK, err = sesuai.ParseNIK(value)
		case columnName:
			person.Name, err = sesuai.ParseName(value)
		case columnDateOfBirth:
			person.DateOfBirth, err = sesuai.ParseDate(value, p.today)
		case columnStatus:
			person.Status, err = sesuai.ParseStatus(value)
		case columnPhoto:
			// Cloned: fields belongs to the reader's next row.
			photo = strings.Clone(value)
		default:
			err = SetAttribute(&person, sesuai.Attribute(column), value)
		}
		if err != nil {
			return registry.Person{}, "", err
		}
	}
	return person, photo, nil
}

// maxAttributeLength bounds an optional attribute, in bytes.
const maxAttributeLength = 500

// SetAttribute gives a person an optional attribute; an empty value is none.
// Errors have kind sesuai.KindInvalidAttribute and name the attribute if it is
// known.
func SetAttribute(p *registry.Person, a sesuai.Attribute, value string) error {
	known := false
	for _, k := range sesuai.Attributes {
		known = known || k == a
	}
	switch {
	case !known:
		return &sesuai.Error{Kind: sesuai.KindInvalidAttribute, Detail: "no such attribute"}
	case len(value) > maxAttributeLength || !utf8.ValidString(value) || strings.ContainsFunc(value, unicode.IsControl):
		// A line break most likely means that a quote is missing, and that
		// the value holds other people's rows.
		return &sesuai.Error{
			Kind:   sesuai.KindInvalidAttribute,
			Detail: fmt.Sprintf("%s must be one line of UTF-8 of at most %d bytes", a, maxAttributeLength),
		}
	case value != "":
		p.Attributes[a] = sesuai.NewText(strings.Clone(value))
	}
	return nil
}
