package registry

import (
	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/face"
)

// Person is a person to be put on record.
type Person struct {
	NIK         sesuai.NIK
	Name        sesuai.Name
	DateOfBirth sesuai.Date
	Status      sesuai.Status
	// Attributes are the known ones of sesuai.Attributes. An empty text counts as
	// unknown.
	Attributes map[sesuai.Attribute]sesuai.Text
}

// Portrait is a person's reference: a template and what identifies the photograph
// that it was made from.
type Portrait struct {
	Template face.Template
	// Source is the SHA-256 of the photograph's file. It tells an unchanged
	// photograph from a new one without keeping either.
	Source [32]byte
	// Signature recognises the photograph in another form. If it is zero,
	// Comparison.SamePhotograph goes by Source alone.
	Signature face.Signature
}

// Same reports whether putting p on record in the place of q changes nothing: both
// are nil, or both were made by one model from one photograph, with a
// face.Template.Length or both without. So a person whose template was stored
// before templates had a length gets one when enrolled again with the same
// photograph.
func (p *Portrait) Same(q *Portrait) bool {
	if p == nil || q == nil {
		return p == q
	}
	return p.Source == q.Source && p.Template.Model == q.Template.Model && (p.Template.Length == 0) == (q.Template.Length == 0)
}

// Change is what an enrolment did.
type Change uint8

const (
	// Unchanged: the same person with the same portrait was there.
	Unchanged Change = iota
	// Added: the NIK was not on record.
	Added
	// Replaced: the NIK was on record with other values or another portrait.
	Replaced
	// Kept: the NIK was on record with other values or another portrait, and
	// the caller did not want it replaced.
	Kept
)

// String names the change as the command line reports it.
func (c Change) String() string {
	switch c {
	case Added:
		return "added"
	case Replaced:
		return "replaced"
	case Kept:
		return "kept"
	default:
		return "unchanged"
	}
}

// Entry says that a person is on record, not what is on record.
type Entry struct {
	Status sesuai.Status
	// Attributes names the optional attributes on record.
	Attributes []sesuai.Attribute
	// Portrait is whether a reference portrait is on record. Model made its
	// template.
	Portrait bool
	Model    string
	// EnrolledAt and ChangedAt are Unix microseconds.
	EnrolledAt, ChangedAt int64
}
