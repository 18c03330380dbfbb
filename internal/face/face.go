// Package face is the face pipeline in pure Go: decode a photograph, turn it
// upright, find the face, align it, make a template, compare two templates and
// say what the score means. It must not know where photographs come from,
// where templates go, or how a network is run: that is behind Network.
package face

import (
	"context"

	"github.com/sesuai/sesuai"
)

// Finding is what a photograph was found to hold. Anything but OneFace is an
// unfavourable answer, not an error.
type Finding uint8

const (
	// OneFace: exactly one face, or one that dominates all others.
	OneFace Finding = iota
	// NoFace: no face was found.
	NoFace
	// SeveralFaces: more than one face of comparable size.
	SeveralFaces
	// LowQuality: one face, but not good enough to compare; see
	// Extraction.Failed.
	LowQuality
)

// String names the finding.
func (f Finding) String() string {
	return [...]string{"one face", "no face", "several faces", "low quality"}[f]
}

// Use is what a photograph is for.
type Use uint8

const (
	// ForProbe: a photograph to be compared with a reference.
	ForProbe Use = iota
	// ForReference: a photograph to be enrolled. Its template is averaged
	// with that of its mirror image, which is paid once and lowers FNMR.
	ForReference
	// ForLiveProbe: as ForProbe, and Extraction.Liveness is measured. The
	// template is the same to the bit.
	ForLiveProbe
)

// Probe is the sample of a person who is to be verified.
type Probe struct {
	Template Template
	// Signature tells the photograph again.
	Signature Signature
	// Picture is the photograph itself, for a registry that compares by a
	// matcher of its own; nil if there is none.
	Picture Picture
}

// Picture is the photograph of a probe. It is safe for concurrent use.
type Picture interface {
	// JPEG is the face with what surrounds it, upright and without metadata,
	// as a JPEG of at most maxBytes bytes. An error is ctx's or a defect.
	JPEG(ctx context.Context, maxBytes int) ([]byte, error)
}

// Extraction is all that Extract found in a photograph.
type Extraction struct {
	Finding Finding
	// Template is set only when Finding is OneFace.
	Template Template
	// Signature tells the photograph again; set when Template is.
	Signature Signature
	// Picture is the photograph itself; set when Template is.
	Picture Picture
	// Box is the face's square in the upright photograph, in pixels; zero if
	// there is none.
	Box Box
	// Eyes are the centres of the left and right eye as seen in the upright
	// photograph, in pixels; set if the face was aligned.
	Eyes [2]Point
	// Faces is how many faces were found.
	Faces int
	// Quality holds what was measured; the zero Quality if there is no face.
	Quality Quality
	// Failed names the quality measures under their limit, in the order of
	// QualityMeasures.
	Failed []Measure
	// Liveness is measured only for ForLiveProbe, of a photograph with a
	// template, where a network for it is loaded. It is no part of Quality and
	// of no percentage.
	Liveness Liveness
}

// Extractor turns a photograph into a template. Engine is the real one.
// Implementations are safe for concurrent use.
type Extractor interface {
	// Extract decodes photo (PNG or JPEG, whole file) and looks for its face.
	// Errors: sesuai.KindUnsupportedImage, KindInvalidImage and KindTooLarge
	// are the photograph's, KindOverloaded and ctx's error mean that there
	// was no time; anything else is a defect.
	Extract(ctx context.Context, photo []byte, use Use) (Extraction, error)
}

// Refusal turns an unfavourable finding into the error that a caller who needs
// a template gets; nil for OneFace.
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
