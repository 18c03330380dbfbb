// Package face is the face pipeline in pure Go. It decodes a photograph, turns it
// upright, finds and aligns the face, makes a template, compares templates, and
// maps the score to a percentage. It leaves running neural networks to package
// ort, and storing templates to its callers.
package face

import (
	"context"

	"github.com/sesuai/sesuai"
)

// Finding says which faces a photograph has. Every Finding except OneFace is an
// unfavourable answer, not an error.
type Finding uint8

const (
	// OneFace: exactly one face, or one that dominates all others.
	OneFace Finding = iota
	// NoFace: no face was found.
	NoFace
	// SeveralFaces: more than one face of comparable size.
	SeveralFaces
	// LowQuality: one face, but its quality is too low to compare it; see
	// Extraction.Failed.
	LowQuality
)

// String returns the finding's name.
func (f Finding) String() string {
	return [...]string{"one face", "no face", "several faces", "low quality"}[f]
}

// Use is the purpose of a photograph.
type Use uint8

const (
	// ForProbe: a photograph to be compared with a reference.
	ForProbe Use = iota
	// ForReference: a photograph to be enrolled. Its template is averaged with
	// that of its mirror image, which lowers FNMR. The cost is paid once.
	ForReference
	// ForLiveProbe: as ForProbe, and Extraction.Liveness is measured. The
	// template is the same to the bit.
	ForLiveProbe
)

// Probe is the sample of a person who is to be verified. It is plain data.
type Probe struct {
	Template Template
	// Signature identifies the photograph.
	Signature Signature
	// Aligned recognises photographs that the photograph is an edited copy of:
	// see Signature.Near. It may be nil.
	Aligned *Aligned
	// Picture shows the face, for a registry with its own matcher; nil if there
	// is none.
	Picture *Picture
}

// Extraction is the result of Extract for a photograph.
type Extraction struct {
	Finding Finding
	// Template is set only if Finding is OneFace.
	Template Template
	// Signature identifies the photograph; set if Template is.
	Signature Signature
	// Aligned recognises copies of other photographs; set for a probe if
	// Signature is.
	Aligned *Aligned
	// Picture shows the face of a probe. It is set when Template is, if the
	// Engine was made with Options.Pictures.
	Picture *Picture
	// Box is the face's square in the upright photograph, in pixels; zero if
	// there is none.
	Box Box
	// Eyes are the centres of the eyes, in pixels, first the left one as seen
	// in the upright photograph; set if the face was aligned.
	Eyes [2]Point
	// Faces is the number of faces found.
	Faces int
	// Quality holds the quality measures; zero if there is no face.
	Quality Quality
	// Brightness is the mean brightness of the face from the eyes to the mouth,
	// 0 to 255, in the photograph as it was given; zero if there is no face.
	// Nothing is refused for it.
	Brightness float64
	// Failed lists the quality measures below their limit, in the order of
	// QualityMeasures.
	Failed []Measure
	// Liveness is measured only for ForLiveProbe, if the photograph has a
	// template and a liveness network is loaded. It affects neither Quality
	// nor the percentage.
	Liveness Liveness
}

// Extractor makes a template of a photograph. Engine is the real one.
// Implementations are safe for concurrent use.
type Extractor interface {
	// Extract decodes photo (a whole PNG or JPEG file) and processes its face.
	// An error of kind sesuai.KindUnsupportedImage, KindInvalidImage or
	// KindTooLarge is about the photograph. KindOverloaded, or ctx's error,
	// means that ctx ended first. Every other error is a defect.
	Extract(ctx context.Context, photo []byte, use Use) (Extraction, error)
}

// Refusal returns the error for a caller that needs a template, if x has none. It
// is nil for OneFace.
func (x Extraction) Refusal() error {
	switch x.Finding {
	case OneFace:
		return nil
	case NoFace:
		return &sesuai.Error{Kind: sesuai.KindFaceNotDetected}
	case SeveralFaces:
		return &sesuai.Error{Kind: sesuai.KindMultipleFaces}
	default:
		e := &sesuai.Error{Kind: sesuai.KindFaceQuality}
		for _, m := range x.Failed {
			e.Measures = append(e.Measures, string(m))
		}
		return e
	}
}
