package evaluation

import (
	"math"

	"github.com/sesuai/sesuai/internal/face"
)

// BuiltInFormula returns the formula for the built-in model, as
// docs/decisions/accuracy.md chooses it. Its bounds are those of the lengths of
// LFW's development photographs.
func BuiltInFormula() face.Formula {
	return face.Formula{LengthWeight: 0.03, MinLength: 2.05, MaxLength: 5.49}
}

// FormulaOf returns the formula with that weight, rounded to four decimals, for
// scores of the templates. Its bounds are the least and the greatest of their
// lengths, rounded outwards to two decimals. With a weight of 0, or if no template
// has a length, it is zero.
func FormulaOf(weight float64, t *Templates) face.Formula {
	shortest, longest := math.Inf(1), 0.0
	for _, pair := range t.templates {
		for _, template := range pair {
			if template.Length > 0 {
				shortest, longest = min(shortest, template.Length), max(longest, template.Length)
			}
		}
	}
	if longest == 0 {
		return face.Formula{}
	}
	return weighed(weight, max(math.Floor(shortest*100)/100, 0.01), math.Ceil(longest*100)/100)
}

// weighed returns the formula, which is zero if the rounded weight is.
func weighed(weight, minLength, maxLength float64) face.Formula {
	if weight = decimals(weight); weight == 0 {
		return face.Formula{}
	}
	return face.Formula{LengthWeight: weight, MinLength: minLength, MaxLength: maxLength}
}

// withoutLengthShare is the part of a weight that makes false match rates even
// where the probe's length stands alone (docs/decisions/accuracy.md).
const withoutLengthShare = 1.0 / 3

// WithoutLengths returns the formula for references without a length, if f is that
// for the others.
func WithoutLengths(f face.Formula) face.Formula {
	return weighed(f.LengthWeight*withoutLengthShare, f.MinLength, f.MaxLength)
}
