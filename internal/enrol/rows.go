package enrol

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/registry"
	"github.com/sesuai/sesuai/internal/rows"
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

// columns are those of a file of people.
func columns() rows.Columns {
	all := []string{
		columnNIK, columnName, columnDateOfBirth, columnPhoto, columnStatus,
		columnTemplate, columnModel, columnSource, columnSignature,
	}
	for _, a := range sesuai.Attributes {
		all = append(all, string(a))
	}
	return rows.Columns{Known: all, Required: []string{columnNIK, columnName, columnDateOfBirth}}
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

// parseRow parses a record. Errors are of type *sesuai.Error, name the attribute that
// is wrong, and hold nothing of its value.
func parseRow(r rows.Record, today time.Time) (row, error) {
	if r.Broken != "" {
		return row{}, &sesuai.Error{Kind: sesuai.KindMalformed, Detail: r.Broken}
	}
	p := row{person: registry.Person{Attributes: make(map[sesuai.Attribute]sesuai.Text)}}
	var ready portraitFields
	var err error
	for i, column := range r.Columns {
		value := strings.TrimSpace(r.Values[i])
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
