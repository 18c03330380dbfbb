package enrol

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

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

	// A template that is ready-made, in base64 as face.Template has it, the
	// model that made it, the SHA-256 of the photograph in hexadecimal, and
	// its signature in base64.
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

// row is one person of a file.
type row struct {
	// line is where it begins, from 1.
	line   int
	person registry.Person
	// photo is the path of the photograph, portrait what is ready-made of
	// one; neither if there is none.
	photo    string
	portrait *registry.Portrait
}

// rowReader reads a file of people. At the end the error is io.EOF; any other
// is about this row alone if it is a *sesuai.Error, and about the file
// otherwise.
type rowReader interface{ next() (row, error) }

// Format is the form of a file of people.
type Format string

// The forms of a file of people.
const (
	// CSV has a header line with the names of the columns, in any order.
	CSV Format = "csv"
	// JSONLines has an object in each line, with the columns as its keys and
	// strings as their values.
	JSONLines Format = "jsonl"
)

func newRowReader(f Format, r io.Reader, today time.Time) (rowReader, error) {
	if f == JSONLines {
		return newLineReader(r, today), nil
	}
	return newPeopleReader(r, today)
}

// portraitFields are the ready-made parts of a row, as they stand there.
type portraitFields struct{ template, model, source, signature string }

// parse makes a row of its values; value is that of the i-th of the columns. An
// error says which attribute is wrong and nothing of its value.
func parse(names []string, value func(i int) string, today time.Time) (row, error) {
	r := row{person: registry.Person{Attributes: make(map[sesuai.Attribute]sesuai.Text)}}
	var ready portraitFields
	var err error
	for i, column := range names {
		value := strings.TrimSpace(value(i))
		switch column {
		case columnNIK:
			r.person.NIK, err = sesuai.ParseNIK(value)
		case columnName:
			r.person.Name, err = sesuai.ParseName(value)
		case columnDateOfBirth:
			r.person.DateOfBirth, err = sesuai.ParseDate(value, today)
		case columnStatus:
			r.person.Status, err = sesuai.ParseStatus(value)
		case columnPhoto:
			// Cloned: value belongs to the reader's next row.
			r.photo = strings.Clone(value)
		case columnTemplate:
			ready.template = value
		case columnModel:
			ready.model = strings.Clone(value)
		case columnSource:
			ready.source = value
		case columnSignature:
			ready.signature = value
		default:
			err = SetAttribute(&r.person, sesuai.Attribute(column), value)
		}
		if err != nil {
			return row{}, err
		}
	}
	if r.portrait, err = ready.portrait(); err != nil {
		return row{}, err
	}
	if r.portrait != nil && r.photo != "" {
		return row{}, badPortrait("a row has a photograph or a template, not both")
	}
	return r, nil
}

func badPortrait(why string) error {
	return &sesuai.Error{Kind: sesuai.KindInvalidAttribute, Detail: why}
}

// portrait is what the fields describe; nil if they are empty.
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

// maxAttributeLength bounds an optional attribute, in bytes.
const maxAttributeLength = 500

// SetAttribute gives a person an optional attribute; an empty value is none.
// Errors have kind sesuai.KindInvalidAttribute and name the attribute if it is
// known.
func SetAttribute(p *registry.Person, a sesuai.Attribute, value string) error {
	switch {
	case !slices.Contains(sesuai.Attributes[:], a):
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
