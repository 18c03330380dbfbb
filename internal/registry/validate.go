package registry

import (
	"errors"
	"slices"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/face"
)

// Validate reports what keeps the person from being put on record: a missing
// NIK, name or date of birth by its kind, an unknown status or attribute as
// sesuai.KindInvalidAttribute.
func (p Person) Validate() error {
	switch {
	case p.NIK.IsZero():
		return &sesuai.Error{Kind: sesuai.KindInvalidNIK}
	case p.Name.IsZero():
		return &sesuai.Error{Kind: sesuai.KindInvalidName}
	case p.DateOfBirth.IsZero():
		return &sesuai.Error{Kind: sesuai.KindInvalidDate}
	case p.Status > sesuai.Inactive:
		return &sesuai.Error{Kind: sesuai.KindInvalidAttribute, Detail: "there is no such status"}
	}
	for a := range p.Attributes {
		if !slices.Contains(sesuai.Attributes[:], a) {
			return &sesuai.Error{Kind: sesuai.KindInvalidAttribute, Detail: "there is no such attribute"}
		}
	}
	return nil
}

// Validate reports what keeps the portrait from being put on record: no model,
// no source, or a template of another size. That is a defect of whoever made
// it. A nil portrait is valid.
func (p *Portrait) Validate() error {
	switch {
	case p == nil:
		return nil
	case p.Template.Model == "":
		return errors.New("registry: a portrait's template has no model")
	case len(p.Template.Vector) != face.TemplateSize:
		return errors.New("registry: a portrait's template is not of the right size")
	case p.Source == [32]byte{}:
		return errors.New("registry: a portrait has no source")
	default:
		return nil
	}
}

// ValidateBatch reports the first of a batch that Person.Validate or
// Portrait.Validate refuses, or that a NIK is there twice, which is a defect of
// whoever made the batch.
func ValidateBatch(batch []Enrolment) error {
	seen := make(map[string]bool, len(batch))
	for _, e := range batch {
		if err := errors.Join(e.Person.Validate(), e.Portrait.Validate()); err != nil {
			return err
		}
		if seen[e.Person.NIK.Reveal()] {
			return errors.New("registry: a NIK is in a batch twice")
		}
		seen[e.Person.NIK.Reveal()] = true
	}
	return nil
}
