package store

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
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

// rowKeys are what a person's rows are found by under one master key.
type rowKeys struct {
	master                       *keyring.Key
	nik, link, personKey, probes [32]byte
}

func keysUnder(master *keyring.Key, nik sesuai.NIK) rowKeys {
	text := []byte(nik.Reveal())
	return rowKeys{
		master, master.Hash(keyring.NIKIndex, text), master.Hash(keyring.TemplateLink, text),
		master.Hash(keyring.PersonKeyLink, text), master.Hash(keyring.ProbeLink, text),
	}
}

// record is what is recorded about a person but the NIK and the template, in
// the form in which it is sealed. It is personal in the clear: it is never
// formatted, and leaves this package only by Export.
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
			continue // as good as not known
		}
		if r.Attributes == nil {
			r.Attributes = make(map[sesuai.Attribute]string)
		}
		r.Attributes[a] = text.Reveal()
	}
	if portrait != nil {
		r.Portrait = &portraitRecord{portrait.Template.Model, portrait.Source[:]}
	}
	return r
}

// equal reports whether the same would be sealed.
func (r record) equal(other record) bool {
	a, errA := json.Marshal(r)
	b, errB := json.Marshal(other)
	return errA == nil && errB == nil && bytes.Equal(a, b)
}

// sealedPerson is a person's rows, but for the probes.
type sealedPerson struct {
	keys       rowKeys
	record     record
	dataKey    *keyring.DataKey
	personKey  []byte
	attributes []byte
	model      string // "" without a portrait
	template   []byte // nil without a portrait
}

// sealPerson seals a person under a master key, with a new data key.
func sealPerson(master *keyring.Key, e registry.Enrolment) (sealedPerson, error) {
	return sealAs(master, e.Person.NIK, newRecord(e.Person, e.Portrait), e.Portrait)
}

// sealAs is sealPerson for a record that is made already.
func sealAs(master *keyring.Key, nik sesuai.NIK, r record, portrait *registry.Portrait) (sealedPerson, error) {
	p := sealedPerson{keys: keysUnder(master, nik), record: r, dataKey: keyring.NewDataKey(master.ID())}
	p.personKey = sealDataKey(p.keys, p.dataKey, nik)
	var err error
	if p.attributes, err = sealRecord(p.keys, p.dataKey, r); err != nil || portrait == nil {
		return p, err
	}
	p.model = portrait.Template.Model
	p.template, err = sealTemplate(p.keys, p.dataKey, r, *portrait)
	return p, err
}

// sealDataKey seals the data key and, behind it, the NIK: from this row alone
// the others can be found when they are to be moved to another master key.
func sealDataKey(k rowKeys, d *keyring.DataKey, nik sesuai.NIK) []byte {
	return k.master.Seal(keyring.PersonKeys, k.personKey[0], append(bytes.Clone(d.Raw()), nik.Reveal()...), bindPersonKey(k.personKey))
}

// openDataKey opens what sealDataKey sealed. id is the hash that its row is
// found by.
func openDataKey(master *keyring.Key, id [32]byte, sealed []byte) (*keyring.DataKey, sesuai.NIK, error) {
	b, err := master.Open(keyring.PersonKeys, id[0], sealed, bindPersonKey(id))
	if err != nil {
		return nil, sesuai.NIK{}, damaged("person_keys.sealed", err)
	}
	if len(b) < keyring.DataKeySize {
		return nil, sesuai.NIK{}, damaged("person_keys.sealed", errors.New("it is too short"))
	}
	d, err := keyring.DataKeyOf(master.ID(), b[:keyring.DataKeySize])
	if err != nil {
		return nil, sesuai.NIK{}, damaged("person_keys.sealed", err)
	}
	nik, err := sesuai.ParseNIK(string(b[keyring.DataKeySize:]))
	if err != nil {
		return nil, sesuai.NIK{}, damaged("person_keys.sealed", err)
	}
	return d, nik, nil
}

func bindPersonKey(id [32]byte) []byte { return bind("person_keys.sealed", id[:]) }

// padding is what a sealed record's length is rounded up to, in bytes, so that
// it does not tell the length of a name.
const padding = 256

func sealRecord(k rowKeys, d *keyring.DataKey, r record) ([]byte, error) {
	b, err := json.Marshal(r)
	if err != nil {
		return nil, errors.New("a record cannot be encoded") // err may show it
	}
	for len(b)%padding != 0 {
		b = append(b, ' ')
	}
	return d.Seal(b, bind("people.attributes", k.nik[:])), nil
}

func openRecord(k rowKeys, d *keyring.DataKey, sealed []byte) (record, error) {
	b, err := d.Open(sealed, bind("people.attributes", k.nik[:]))
	if err != nil {
		return record{}, damaged("people.attributes", err)
	}
	var r record
	if err := json.Unmarshal(b, &r); err != nil {
		return record{}, damaged("people.attributes", errors.New("a record cannot be decoded")) // err may show it
	}
	if r.status, err = sesuai.ParseStatus(r.Status); err != nil {
		return record{}, damaged("people.attributes", err)
	}
	return r, nil
}

// revisionOf is which state of a record a sealed one is: the nonce that it was
// sealed with, which is another each time.
func revisionOf(sealed []byte) string {
	const keyID, nonce = 1, 12 // see keyring.Key.Seal
	return hex.EncodeToString(sealed[keyID : keyID+nonce])
}

// sealTemplate seals the template and, behind it, the signature.
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

// openTemplate opens the template and the signature of a record with a
// portrait.
func openTemplate(k rowKeys, d *keyring.DataKey, r record, sealed []byte) (t face.Template, signature face.Signature, err error) {
	b, err := d.Open(sealed, bindTemplate(k, r))
	if err != nil {
		return face.Template{}, face.Signature{}, damaged("templates.template", err)
	}
	t.Model = r.Portrait.Model
	end := len(b) - face.SignatureSize
	if end < 0 {
		return face.Template{}, face.Signature{}, damaged("templates.template", errors.New("it is too short"))
	}
	if err := errors.Join(signature.UnmarshalBinary(b[end:]), t.UnmarshalBinary(b[:end])); err != nil {
		return face.Template{}, face.Signature{}, damaged("templates.template", err)
	}
	return t, signature, nil
}

// damaged is the error about a person's row that is not as it was written.
func damaged(column string, err error) error {
	return fmt.Errorf("%s: %w: %w", column, registry.ErrDamaged, err)
}

// bindTemplate ties a template to its row and to the record that speaks of it:
// a template of another photograph, even of the same person, does not open.
func bindTemplate(k rowKeys, r record) []byte {
	return bind("templates.template", k.link[:], []byte(r.Portrait.Model), r.Portrait.Source)
}

// bind is the associated data of a sealed value: the form it is sealed in, its
// column and its row, each with its length in front.
func bind(column string, row ...[]byte) []byte {
	b := make([]byte, 0, 160)
	for _, part := range append([][]byte{[]byte("sesuai 2"), []byte(column)}, row...) {
		b = binary.BigEndian.AppendUint32(b, uint32(len(part)))
		b = append(b, part...)
	}
	return b
}

// enrolment is the person as enrolled.
func (p onRecord) enrolment(nik sesuai.NIK) (registry.Enrolment, error) {
	e := registry.Enrolment{Person: registry.Person{NIK: nik, Status: p.record.status}}
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
	e.Portrait = p.portrait()
	return e, nil
}
