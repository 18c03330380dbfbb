package registry

import (
	"context"

	"github.com/sesuai/sesuai"
)

// Enroller is a registry that can be written to. When a method returns nil the
// change is durable: it survives a kill -9 and a power cut. When it returns an
// error nothing has changed. Errors have kind sesuai.KindUnavailable, except
// those of Person.Validate and Portrait.Validate.
type Enroller interface {
	Registry

	// Enrol puts a person on record, or replaces the record of the same NIK
	// as a whole, atomically. portrait may be nil.
	Enrol(ctx context.Context, p Person, portrait *Portrait) (Change, error)

	// EnrolBatch is Enrol for many people at once, all or none. The changes are
	// in the order of the batch. If replace is false, a person who is on record
	// with other values or another portrait stays as before: Kept. A NIK may be
	// in a batch only once. A batch with a person whose record is damaged fails
	// with ErrDamaged in the chain; Enrol then shows who that is.
	EnrolBatch(ctx context.Context, batch []Enrolment, replace bool) ([]Change, error)

	// Holds reports whether exactly this person is on record, with the same
	// portrait as this one: see Portrait.Same. An import can then skip the face
	// extraction.
	Holds(ctx context.Context, p Person, portrait *Portrait) (bool, error)

	// Lookup returns the entry of a person; false if the NIK is not on record.
	Lookup(ctx context.Context, nik sesuai.NIK) (Entry, bool, error)

	// Remove removes a person and reports whether the NIK was on record.
	Remove(ctx context.Context, nik sesuai.NIK) (bool, error)

	// Count returns the number of people on record.
	Count(ctx context.Context) (int, error)
}

// Enrolment is one person of a batch, with or without a portrait.
type Enrolment struct {
	Person   Person
	Portrait *Portrait
}

// Exporter hands out everything that is on record, so that the operator can move
// it to another registry. It is the one exception to the rule that a registry
// hands out no record. Nothing that serves clients may use it.
type Exporter interface {
	// Export calls each for every person who is on record from its start to its
	// end, in no particular order. It stops at an error of each and returns it
	// as it is. Its own errors have kind sesuai.KindUnavailable. A person who is
	// enrolled, replaced or removed meanwhile may be passed as before or as
	// after the change, or not at all.
	Export(ctx context.Context, each func(Enrolment) error) error
}
