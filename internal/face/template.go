package face

import (
	"errors"
	"fmt"
	"io"
	"math"
)

// TemplateSize is the number of components of a template, as in ArcFace-like
// models (Deng et al. 2019).
const TemplateSize = 512

// Template is a face as a vector in the space of one model. Templates of
// different models cannot be compared. It is biometric data, so formatters print
// only the model.
type Template struct {
	// Model identifies the network and its pre-processing: see Manifest.Model.
	Model string
	// Vector has TemplateSize components and length 1. That of a probe from a
	// dark photograph is shorter, which lowers its scores: see litLength.
	Vector []float32
	// Length is the length of the network's output before it was scaled to
	// length 1. The better the photograph, the longer it is (Ranjan et al. 2017;
	// Meng et al. 2021). That of a reference is the mean of the face's and of its
	// mirror image's. That of a brightened probe is the network's for the
	// brightened face: litLength does not affect it. It is 0 if it is not known,
	// as for a template that was stored by an early version.
	Length float64
}

// ErrModelDiffers is returned when templates of two models are compared.
var ErrModelDiffers = errors.New("face: templates of different models cannot be compared")

// errNoDirection is returned for a vector that cannot be scaled to unit length.
var errNoDirection = errors.New("face: a template without a direction")

// NewTemplate scales v to unit length in place, and returns it as a template of
// the length that it had. It fails if v does not have TemplateSize components, or has no direction (zero,
// NaN or infinite).
func NewTemplate(model string, v []float32) (Template, error) {
	if len(v) != TemplateSize {
		return Template{}, fmt.Errorf("face: a template has %d components, not %d", TemplateSize, len(v))
	}
	var sum float64
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	norm := math.Sqrt(sum)
	if !(norm > 1e-6) || math.IsInf(norm, 0) {
		return Template{}, errNoDirection
	}
	for i := range v {
		v[i] = float32(float64(v[i]) / norm)
	}
	return Template{Model: model, Vector: v, Length: norm}, nil
}

// Cosine returns the scalar product of two templates: the cosine of the angle
// between unit vectors, -1 to 1; higher is more similar. It returns
// ErrModelDiffers if their models differ.
func (t Template) Cosine(u Template) (float64, error) {
	if t.Model != u.Model {
		return 0, ErrModelDiffers
	}
	if len(t.Vector) != len(u.Vector) || len(t.Vector) == 0 {
		return 0, errors.New("face: comparing an empty template")
	}
	var dot float64
	for i, x := range t.Vector {
		dot += float64(x) * float64(u.Vector[i])
	}
	return min(max(dot, -1), 1), nil
}

// Compare returns what a reference t and a probe have in common, before a
// Calibration makes a score of it. The errors are those of Cosine.
func (t Template) Compare(probe Template) (Similarity, error) {
	cosine, err := t.Cosine(probe)
	return Similarity{cosine, t.Length, probe.Length}, err
}

// Similarity is what the score of a reference and a probe is computed from.
type Similarity struct {
	// Cosine is Template.Cosine of the two.
	Cosine float64
	// Reference and Probe are their Template.Length; 0 if not known.
	Reference, Probe float64
}

// Length returns the shorter of the lengths that are known; +Inf if none is.
func (s Similarity) Length() float64 {
	length := math.Inf(1)
	for _, known := range [...]float64{s.Reference, s.Probe} {
		if known > 0 {
			length = min(length, known)
		}
	}
	return length
}

// Format implements fmt.Formatter and hides the vector.
func (t Template) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "template("+t.Model+")") }
