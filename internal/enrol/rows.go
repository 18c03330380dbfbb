package enrol

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/registry"
)

// The columns of a file of people. The first three must be there.
const (
	columnNIK         = "nik"
	columnName        = "name"
	columnDateOfBirth = "date_of_birth"
	columnPhoto       = "photo"
	columnStatus      = "status"

	// A ready-made template in base64, in the form of face.Template, the model
	// that made it, the SHA-256 of the photograph in hexadecimal, and the
	// photograph's signature in base64.
	columnTemplate  = "template"
	columnModel     = "model"
	columnSource    = "source"
	columnSignature = "signature"
)

// columns are all that a file of people may have.
func columns() []string {
	all := []string{
		columnNIK, columnName, columnDateOfBirth, columnPhoto, columnStatus,
		columnTemplate, columnModel, columnSource, columnSignature,
	}
	for _, a := range sesuai.Attributes {
		all = append(all, string(a))
	}
	return all
}

// required are the columns that every row has.
func required() []string { return []string{columnNIK, columnName, columnDateOfBirth} }

// knownColumns names all columns in an error.
func knownColumns() string { return "known are " + strings.Join(columns(), ", ") }

// Format is the form of a file of people. In either form a record is a line.
type Format string

// The forms of a file of people.
const (
	// CSV has a header line with the names of the columns, in any order and
	// case.
	CSV Format = "csv"
	// JSONLines has an object in each line, with the columns as its keys and
	// strings as their values.
	JSONLines Format = "jsonl"
)

// record is a data line of a file of people, split into values. A data line is
// a line that is neither the header line nor blank.
type record struct {
	line int // from 1
	// values are those of the columns. They are valid until the next record is
	// read.
	columns, values []string
	// broken says why the line cannot be read; there are no values then. It
	// holds nothing of the line.
	broken string
}

// recordReader reads every data line of a file of people.
type recordReader interface {
	// next returns io.EOF after the last record. Any other error is about the
	// file, and not about one line.
	next() (record, error)
}

func newRecordReader(f Format, r io.Reader) (recordReader, error) {
	if f == JSONLines {
		return newJSONReader(r), nil
	}
	return newCSVReader(r)
}

// value returns the value of a column, without the space around it; "" if there
// is no such column.
func (r record) value(column string) string {
	if i := slices.Index(r.columns, column); i >= 0 {
		return strings.TrimSpace(r.values[i])
	}
	return ""
}

// row is a person of a file.
type row struct {
	person registry.Person
	// photo is the path of the photograph, portrait what is ready-made of
	// one. At most one of them is set.
	photo    string
	portrait *registry.Portrait
}

// hasPhoto reports whether there is a photograph, or what was made of one.
func (r row) hasPhoto() bool { return r.photo != "" || r.portrait != nil }

// portraitFields are the ready-made parts of a row, as they stand there.
type portraitFields struct{ template, model, source, signature string }

// row parses a record. Errors are of type *sesuai.Error, name the attribute that
// is wrong, and hold nothing of its value.
func (r record) row(today time.Time) (row, error) {
	if r.broken != "" {
		return row{}, &sesuai.Error{Kind: sesuai.KindMalformed, Detail: r.broken}
	}
	p := row{person: registry.Person{Attributes: make(map[sesuai.Attribute]sesuai.Text)}}
	var ready portraitFields
	var err error
	for i, column := range r.columns {
		value := strings.TrimSpace(r.values[i])
		switch column {
		case columnNIK:
			p.person.NIK, err = sesuai.ParseNIK(value)
		case columnName:
			p.person.Name, err = sesuai.ParseName(value)
		case columnDateOfBirth:
			p.person.DateOfBirth, err = ParseDate(value, today)
		case columnStatus:
			p.person.Status, err = sesuai.ParseStatus(value)
		case columnPhoto:
			p.photo = value
		case columnTemplate:
			ready.template = value
		case columnModel:
			ready.model = value
		case columnSource:
			ready.source = value
		case columnSignature:
			ready.signature = value
		default:
			err = SetAttribute(&p.person, sesuai.Attribute(column), value)
		}
		if err != nil {
			return row{}, err
		}
	}
	if p.portrait, err = ready.portrait(); err != nil {
		return row{}, err
	}
	if p.portrait != nil && p.photo != "" {
		return row{}, badPortrait("a row has a photograph or a template, not both")
	}
	return p, nil
}

func badPortrait(why string) error {
	return &sesuai.Error{Kind: sesuai.KindInvalidAttribute, Detail: why}
}

// portrait parses the fields; nil if they are empty.
func (f portraitFields) portrait() (*registry.Portrait, error) {
	if f == (portraitFields{}) {
		return nil, nil
	}
	if f.template == "" || f.model == "" || f.source == "" {
		return nil, badPortrait("a template needs its model and its source")
	}
	p := &registry.Portrait{Template: face.Template{Model: f.model}}
	template, err := base64.StdEncoding.DecodeString(f.template)
	if err != nil || p.Template.UnmarshalBinary(template) != nil {
		return nil, badPortrait("the template is damaged, or another model's")
	}
	source, err := hex.DecodeString(f.source)
	if err != nil || len(source) != len(p.Source) || [32]byte(source) == [32]byte{} {
		return nil, badPortrait("the source must be a SHA-256 in hexadecimal")
	}
	p.Source = [32]byte(source)
	if f.signature == "" {
		return p, nil
	}
	signature, err := base64.StdEncoding.DecodeString(f.signature)
	if err != nil || p.Signature.UnmarshalBinary(signature) != nil {
		return nil, badPortrait("the signature is not one")
	}
	return p, nil
}

// SetAttribute gives a person an optional attribute; an empty value is none.
// Errors have kind sesuai.KindInvalidAttribute and name the attribute if it is
// known.
func SetAttribute(p *registry.Person, a sesuai.Attribute, value string) error {
	if !slices.Contains(sesuai.Attributes[:], a) {
		return &sesuai.Error{Kind: sesuai.KindInvalidAttribute, Detail: "no such attribute"}
	}
	text, err := sesuai.ParseText(strings.Clone(value))
	if err != nil {
		return &sesuai.Error{
			Kind:   sesuai.KindInvalidAttribute,
			Detail: fmt.Sprintf("%s must be one line of UTF-8 of at most %d bytes", a, sesuai.MaxTextLength),
		}
	}
	if !text.IsZero() {
		p.Attributes[a] = text
	}
	return nil
}
