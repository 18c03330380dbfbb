// Package enrol is the use case of putting people on record, one by one or from
// a file of millions, and of moving them to another registry. It must not know
// how a registry stores them, and what it reports of a row that it refuses is
// the line and the reason, never what stood in it.
package enrol

import (
	"context"
	"crypto/sha256"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/registry"
)

// Options are what an Enroller is made of.
type Options struct {
	Registry registry.Enroller
	// Extractor makes templates of photographs; nil if none will come.
	Extractor face.Extractor
	// Model is the id that templates carry.
	Model string
}

// Enroller puts people on record. It is safe for concurrent use.
type Enroller struct{ o Options }

// New makes an Enroller.
func New(o Options) *Enroller { return &Enroller{o} }

// Enrol puts a person on record with the portrait in photo, a whole PNG or
// JPEG file; with no portrait if photo is nil. What is on record already and
// has not changed costs no face extraction.
//
// Errors: those of face.Extractor and of face.Extraction.Refusal about the
// photograph, and those of registry.Enroller.
func (e *Enroller) Enrol(ctx context.Context, p registry.Person, photo []byte) (registry.Change, error) {
	portrait, held, err := e.portrait(ctx, p, photo)
	if err != nil || held {
		return registry.Unchanged, err
	}
	return e.o.Registry.Enrol(ctx, p, portrait)
}

// portrait makes the portrait of a photograph; nil if photo is nil. held means
// that exactly this person with this photograph is on record already.
func (e *Enroller) portrait(ctx context.Context, p registry.Person, photo []byte) (_ *registry.Portrait, held bool, err error) {
	if photo == nil {
		return nil, false, nil
	}
	if e.o.Extractor == nil {
		return nil, false, &sesuai.Error{Kind: sesuai.KindNoFile, Detail: "photographs were not to come"}
	}
	source := sha256.Sum256(photo)
	if held, err := e.o.Registry.Holds(ctx, p, source, e.o.Model); err != nil || held {
		return nil, held, err
	}
	x, err := e.o.Extractor.Extract(ctx, photo, face.ForReference)
	if err != nil {
		return nil, false, err
	}
	if err := x.Refusal(); err != nil {
		return nil, false, err
	}
	return &registry.Portrait{Template: x.Template, Source: source, Signature: x.Signature}, false, nil
}
