package store

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/registry"
)

// keys are what a person's rows are found by.
type keys struct{ nik, link, probes [32]byte }

func (s *Store) keysOf(nik sesuai.NIK) keys {
	text := []byte(nik.Reveal())
	return keys{
		s.o.Ring.Hash(keyring.NIKIndex, text), s.o.Ring.Hash(keyring.TemplateLink, text),
		s.o.Ring.Hash(keyring.ProbeLink, text),
	}
}

// record is what is recorded about a person but the NIK and the template, in
// the form in which it is sealed. It is personal in the clear: it is never
// formatted, and never leaves this package.
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

// padding is what a sealed record's length is rounded up to, in bytes, so that
// it does not tell the length of a name.
const padding = 256

func (s *Store) sealRecord(k keys, r record) ([]byte, error) {
	b, err := json.Marshal(r)
	if err != nil {
		return nil, errors.New("a record cannot be encoded") // err may show it
	}
	for len(b)%padding != 0 {
		b = append(b, ' ')
	}
	return s.o.Ring.Seal(keyring.Attributes, b, bind("people.attributes", k.nik[:])), nil
}

func (s *Store) openRecord(k keys, sealed []byte) (record, error) {
	b, err := s.o.Ring.Open(keyring.Attributes, sealed, bind("people.attributes", k.nik[:]))
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
	const keyID, nonce = 1, 12 // see keyring.Ring.Seal
	return hex.EncodeToString(sealed[keyID : keyID+nonce])
}

// sealTemplate seals the template and, behind it, the signature.
func (s *Store) sealTemplate(k keys, r record, p registry.Portrait) ([]byte, error) {
	b, err := p.Template.MarshalBinary()
	if err != nil {
		return nil, err
	}
	if err := new(face.Template).UnmarshalBinary(b); err != nil {
		return nil, err // it would never open again
	}
	signature, err := p.Signature.MarshalBinary()
	if err != nil {
		return nil, err
	}
	return s.o.Ring.Seal(keyring.Template, append(b, signature...), bindTemplate(k, r)), nil
}

// openTemplate opens the template and the signature of a record with a
// portrait. Those that were sealed before there were signatures end with the
// template; their signature is zero.
func (s *Store) openTemplate(k keys, r record, sealed []byte) (t face.Template, signature face.Signature, err error) {
	b, err := s.o.Ring.Open(keyring.Template, sealed, bindTemplate(k, r))
	if err != nil {
		return face.Template{}, face.Signature{}, damaged("templates.template", err)
	}
	t.Model = r.Portrait.Model
	const bare = 1 + 4*face.TemplateSize
	if len(b) == bare+face.SignatureSize {
		err = signature.UnmarshalBinary(b[bare:])
		b = b[:bare]
	}
	if err := errors.Join(err, t.UnmarshalBinary(b)); err != nil {
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
func bindTemplate(k keys, r record) []byte {
	return bind("templates.template", k.link[:], []byte(r.Portrait.Model), r.Portrait.Source)
}

// bind is the associated data of a sealed value: the form it is sealed in, its
// column and its row, each with its length in front.
func bind(column string, row ...[]byte) []byte {
	b := make([]byte, 0, 160)
	for _, part := range append([][]byte{[]byte("sesuai 1"), []byte(column)}, row...) {
		b = binary.BigEndian.AppendUint32(b, uint32(len(part)))
		b = append(b, part...)
	}
	return b
}
