package people

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/registry"
)

// rowKeys are the keyed hashes that find a person's rows under a master key.
type rowKeys struct {
	master               *keyring.Key
	text                 sesuai.NIK
	nik, personKey, link [32]byte
}

func keysUnder(master *keyring.Key, nik sesuai.NIK) rowKeys {
	text := []byte(nik.Reveal())
	return rowKeys{
		master: master, text: nik,
		nik:       master.Hash(keyring.NIKIndex, text),
		personKey: master.Hash(keyring.PersonKeyLink, text),
		link:      master.Hash(keyring.TemplateLink, text),
	}
}

// probes finds the row of probes. Questions do not need it.
func (k rowKeys) probes() [32]byte { return k.master.Hash(keyring.ProbeLink, []byte(k.text.Reveal())) }

// record is what is recorded about a person besides the NIK and the template, in
// the form in which it is sealed. It is personal data in the clear: it is never
// formatted, and only Export hands it out.
type record struct {
	Name        string                      `json:"name"`
	DateOfBirth string                      `json:"date_of_birth"`
	Status      string                      `json:"status"`
	Attributes  map[sesuai.Attribute]string `json:"attributes,omitempty"`
	Portrait    *portraitRecord             `json:"portrait,omitempty"`

	status sesuai.Status // of Status
}

// portraitRecord is what the template was made from, and by what.
type portraitRecord struct {
	Model  string `json:"model"`
	Source []byte `json:"source"`
	// Length is whether the template has a length. Records from before templates
	// had one lack this.
	Length bool `json:"length,omitempty"`
}

// Format implements fmt.Formatter and hides everything.
func (record) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[record]") }

func newRecord(p registry.Person, portrait *registry.Portrait) record {
	r := record{
		Name:        p.Name.Reveal(),
		DateOfBirth: p.DateOfBirth.Reveal(),
		Status:      p.Status.String(),
		status:      p.Status,
	}
	for a, text := range p.Attributes {
		if text.IsZero() {
			continue // an empty attribute is none
		}
		if r.Attributes == nil {
			r.Attributes = make(map[sesuai.Attribute]string)
		}
		r.Attributes[a] = text.Reveal()
	}
	if portrait != nil {
		r.Portrait = &portraitRecord{portrait.Template.Model, portrait.Source[:], portrait.Template.Length != 0}
	}
	return r
}

// equal reports whether the same would be sealed.
func (r record) equal(other record) bool {
	a, errA := json.Marshal(r)
	b, errB := json.Marshal(other)
	return errA == nil && errB == nil && bytes.Equal(a, b)
}

// equalButPortrait is equal for all but the portrait.
func (r record) equalButPortrait(other record) bool {
	r.Portrait, other.Portrait = nil, nil
	return r.equal(other)
}

// sealedPerson is a person's rows, without the probes.
type sealedPerson struct {
	keys       rowKeys
	record     record
	dataKey    *keyring.DataKey
	personKey  []byte
	attributes []byte
	model      string // "" without a portrait
	template   []byte // nil without a portrait
	element    element
}

// sealPerson seals a person under a master key, with a new data key.
func (r *Registry) sealPerson(master *keyring.Key, nik sesuai.NIK, rec record, portrait *registry.Portrait) (sealedPerson, error) {
	p := sealedPerson{keys: keysUnder(master, nik), record: rec, dataKey: keyring.NewDataKey(master.ID())}
	p.personKey = sealDataKey(p.keys, p.dataKey)
	var err error
	if p.element, err = r.elementOf(nik, rec, portrait); err != nil {
		return p, err
	}
	if p.attributes, err = sealRecord(p.keys, p.dataKey, rec); err != nil || portrait == nil {
		return p, err
	}
	p.model = portrait.Template.Model
	p.template, err = sealTemplate(p.keys, p.dataKey, rec, *portrait)
	return p, err
}

// sealDataKey seals the data key, followed by the NIK: with this row alone a
// rotation can find the person's other rows.
func sealDataKey(k rowKeys, d *keyring.DataKey) []byte {
	return k.master.Seal(keyring.PersonKeys, k.personKey[0], append(bytes.Clone(d.Raw()), k.text.Reveal()...), bindPersonKey(k.personKey))
}

// openDataKey opens what sealDataKey sealed, and also returns the NIK as text. id
// is the hash that finds the row.
func openDataKey(master *keyring.Key, id [32]byte, sealed []byte) (d *keyring.DataKey, nik []byte, err error) {
	const column = "person_keys.sealed"
	b, err := master.Open(keyring.PersonKeys, id[0], sealed, bindPersonKey(id))
	if err != nil {
		return nil, nil, damaged(column, err)
	}
	if len(b) < keyring.DataKeySize {
		return nil, nil, damaged(column, errors.New("it is too short"))
	}
	if d, err = keyring.DataKeyOf(master.ID(), b[:keyring.DataKeySize]); err != nil {
		return nil, nil, damaged(column, err)
	}
	return d, b[keyring.DataKeySize:], nil
}

func bindPersonKey(id [32]byte) []byte { return keyring.Bind("person_keys.sealed", id[:]) }

// padding is the number of bytes that the length of a sealed record is a
// multiple of, so that the length does not tell the length of a name.
const padding = 256

func sealRecord(k rowKeys, d *keyring.DataKey, r record) ([]byte, error) {
	b, err := json.Marshal(r)
	if err != nil {
		return nil, errors.New("a record cannot be encoded") // err may show it
	}
	for len(b)%padding != 0 {
		b = append(b, ' ')
	}
	return d.Seal(b, bindRecord(k)), nil
}

func openRecord(k rowKeys, d *keyring.DataKey, sealed []byte) (record, error) {
	const column = "people.attributes"
	b, err := d.Open(sealed, bindRecord(k))
	if err != nil {
		return record{}, damaged(column, err)
	}
	var r record
	if err := json.Unmarshal(b, &r); err != nil {
		return record{}, damaged(column, errors.New("a record cannot be decoded")) // err may show it
	}
	if err := r.check(); err != nil {
		return record{}, damaged(column, err)
	}
	return r, nil
}

// check sets status, and returns an error if a value is out of its range, whoever
// sealed it.
func (r *record) check() (err error) {
	if r.status, err = sesuai.ParseStatus(r.Status); err != nil {
		return err
	}
	_, errName := sesuai.ParseName(r.Name)
	_, errDate := sesuai.ParseDate(r.DateOfBirth, time.Now())
	if errName != nil || errDate != nil || r.Portrait != nil && len(r.Portrait.Source) != len(registry.Portrait{}.Source) {
		return errors.New("a value is out of its range")
	}
	return nil
}

func bindRecord(k rowKeys) []byte { return keyring.Bind("people.attributes", k.nik[:]) }

// sealTemplate seals the template, followed by the signature.
func sealTemplate(k rowKeys, d *keyring.DataKey, r record, p registry.Portrait) ([]byte, error) {
	b, err := p.Template.MarshalBinary()
	if err != nil {
		return nil, err
	}
	if err := (&face.Template{Model: p.Template.Model}).UnmarshalBinary(b); err != nil {
		return nil, err // it would never open again
	}
	signature, err := p.Signature.MarshalBinary()
	if err != nil {
		return nil, err
	}
	return d.Seal(append(b, signature...), bindTemplate(k, r)), nil
}

// openTemplate opens the template and the signature of a record with a portrait.
func openTemplate(k rowKeys, d *keyring.DataKey, r record, sealed []byte) (t face.Template, signature face.Signature, err error) {
	const column = "templates.template"
	b, err := d.Open(sealed, bindTemplate(k, r))
	if err != nil {
		return face.Template{}, face.Signature{}, damaged(column, err)
	}
	t.Model = r.Portrait.Model
	end := len(b) - face.SignatureSize
	if end < 0 {
		return face.Template{}, face.Signature{}, damaged(column, errors.New("it is too short"))
	}
	if err := errors.Join(signature.UnmarshalBinary(b[end:]), t.UnmarshalBinary(b[:end])); err != nil {
		return face.Template{}, face.Signature{}, damaged(column, err)
	}
	return t, signature, nil
}

// bindTemplate ties a template to its row and to the record that names it: a
// template of another photograph, even of the same person, does not open.
func bindTemplate(k rowKeys, r record) []byte {
	return keyring.Bind("templates.template", k.link[:], []byte(r.Portrait.Model), r.Portrait.Source)
}

// damagedError is the error for a person's row that is not as it was written.
// registry.ErrDamaged is in its chain.
type damagedError struct {
	column string // with its table
	err    error
}

func damaged(column string, err error) error { return &damagedError{column, err} }

func (e *damagedError) Error() string {
	return fmt.Sprintf("%s: %v: %v", e.column, registry.ErrDamaged, e.err)
}

func (e *damagedError) Unwrap() []error { return []error{registry.ErrDamaged, e.err} }

// enrolment returns a person who was read with the template, as enrolled.
func (p *person) enrolment() (registry.Enrolment, error) {
	e := registry.Enrolment{Person: registry.Person{NIK: p.keys.text, Status: p.record.status}}
	var errName, errDate error
	e.Person.Name, errName = sesuai.ParseName(p.record.Name)
	e.Person.DateOfBirth, errDate = sesuai.ParseDate(p.record.DateOfBirth, time.Now())
	if err := errors.Join(errName, errDate); err != nil {
		return registry.Enrolment{}, damaged("people.attributes", err)
	}
	for a, text := range p.record.Attributes {
		if e.Person.Attributes == nil {
			e.Person.Attributes = make(map[sesuai.Attribute]sesuai.Text)
		}
		e.Person.Attributes[a] = sesuai.NewText(text)
	}
	var err error
	e.Portrait, err = p.portrait()
	return e, err
}
