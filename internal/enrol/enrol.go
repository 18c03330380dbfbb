// Package enrol is the use case of putting people on record, one by one or from
// a file of millions, and of moving them to another registry. It leaves storage
// to the registry, and must not know how a registry stores people. What it
// reports of a row that it rejects is the line and the reason, and never what
// stood in the row.
package enrol

import (
	"context"
	"crypto/sha256"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/registry"
)

// Options are the parts of an Enroller.
type Options struct {
	Registry registry.Enroller
	// Extractor makes templates of photographs; nil if there will be no
	// photographs.
	Extractor face.Extractor
	// Model is the id of the model in use, which templates carry.
	Model string
}

// Enroller puts people on record. It is safe for concurrent use.
type Enroller struct{ o Options }

// New makes an Enroller.
func New(o Options) *Enroller { return &Enroller{o} }

// Nobody is an empty registry, for a dry run where there is no registry yet. It
// has no other methods than Holds and Lookup.
type Nobody struct{ registry.Enroller }

// Holds implements registry.Enroller.
func (Nobody) Holds(context.Context, registry.Person, *registry.Portrait) (bool, error) {
	return false, nil
}

// Lookup implements registry.Enroller.
func (Nobody) Lookup(context.Context, sesuai.NIK) (registry.Entry, bool, error) {
	return registry.Entry{}, false, nil
}

// Enrol puts a person on record with the portrait in photo, a whole PNG or
// JPEG file; with no portrait if photo is nil. A person who is on record with
// the same values and photograph costs no face extraction.
//
// Errors are those of face.Extractor and of face.Extraction.Refusal about the
// photograph, and those of registry.Enroller.
func (e *Enroller) Enrol(ctx context.Context, p registry.Person, photo []byte) (registry.Change, error) {
	if photo == nil {
		return e.o.Registry.Enrol(ctx, p, nil)
	}
	source := sha256.Sum256(photo)
	held, err := e.holds(ctx, p, source)
	if err != nil || held {
		return registry.Unchanged, err
	}
	portrait, err := e.extract(ctx, photo, source)
	if err != nil {
		return registry.Unchanged, err
	}
	return e.o.Registry.Enrol(ctx, p, portrait)
}

// Add is Enrol for a person who is not on record. Who is on record with other values or
// another portrait stays as before, which is registry.Kept.
func (e *Enroller) Add(ctx context.Context, p registry.Person, photo []byte) (registry.Change, error) {
	var portrait *registry.Portrait
	if photo != nil {
		var err error
		if portrait, err = e.extract(ctx, photo, sha256.Sum256(photo)); err != nil {
			return registry.Unchanged, err
		}
	}
	changes, err := e.o.Registry.EnrolBatch(ctx, []registry.Enrolment{{Person: p, Portrait: portrait}}, false)
	if err != nil {
		return registry.Unchanged, err
	}
	return changes[0], nil
}

// holds reports whether exactly this person is on record with the portrait that
// the photograph of that SHA-256 would give.
func (e *Enroller) holds(ctx context.Context, p registry.Person, source [32]byte) (bool, error) {
	// The engine gives every template a length.
	made := &registry.Portrait{Source: source, Template: face.Template{Model: e.o.Model, Length: 1}}
	return e.o.Registry.Holds(ctx, p, made)
}

// holdsAll reports whether exactly this person with this portrait is on record.
func (e *Enroller) holdsAll(ctx context.Context, one registry.Enrolment) (bool, error) {
	return e.o.Registry.Holds(ctx, one.Person, one.Portrait)
}

// extract makes the portrait of a photograph.
func (e *Enroller) extract(ctx context.Context, photo []byte, source [32]byte) (*registry.Portrait, error) {
	if e.o.Extractor == nil {
		return nil, &sesuai.Error{Kind: sesuai.KindNoFile, Detail: "photographs were not expected"}
	}
	x, err := e.o.Extractor.Extract(ctx, photo, face.ForReference)
	if err != nil {
		return nil, err
	}
	if err := x.Refusal(); err != nil {
		return nil, err
	}
	return &registry.Portrait{Template: x.Template, Source: source, Signature: x.Signature}, nil
}
