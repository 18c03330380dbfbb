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
}

// ErrModelDiffers is returned when templates of two models are compared.
var ErrModelDiffers = errors.New("face: templates of different models cannot be compared")

// errNoDirection is returned for a vector that cannot be scaled to unit length.
var errNoDirection = errors.New("face: a template without a direction")

// NewTemplate scales v to unit length in place, and returns it as a template. It
// fails if v does not have TemplateSize components, or has no direction (zero,
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
	return Template{Model: model, Vector: v}, nil
}

// Score returns the comparison score of two templates, their scalar product: the
// cosine of the angle between unit vectors, -1 to 1; higher is more similar. It
// returns ErrModelDiffers if their models differ.
func (t Template) Score(u Template) (float64, error) {
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

// Format implements fmt.Formatter and hides the vector.
func (t Template) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "template("+t.Model+")") }
