package sandbox

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

// Quirks are the forms that answers take. The zero Quirks are the forms that
// are described most often.
type Quirks struct {
	// Shape is how the data check refuses: empty for a row with a
	// RESPONSE_CODE, respon for {"RESPON":"…"} as old deployments have it, or
	// mixed.
	Shape Shape `yaml:"shape"`
	// Unsent is what is answered about elements that were not sent: empty for
	// nothing, differs for "Tidak Sesuai", or mixed.
	Unsent Unsent `yaml:"unsent"`
	// Scalars is how numbers and truth values are written: empty for the forms
	// that were seen, strings, numbers, or mixed.
	Scalars Scalars `yaml:"scalars"`
	// Texts is how texts are written: empty for the forms that were seen, or
	// mixed for any case and with more or fewer spaces.
	Texts Texts `yaml:"texts"`
}

// Shape is the shape of the data check's refusals.
type Shape string

// The shapes of refusals.
const (
	Envelope   Shape = ""       // content[0] has a RESPONSE_CODE
	Respon     Shape = "respon" // {"RESPON":"…"}, the form of old deployments
	MixedShape Shape = "mixed"  // either, at random
)

// Unsent says how an answer treats elements that were not sent.
type Unsent string

// The treatments of elements that were not sent.
const (
	Absent      Unsent = ""        // omitted
	Differs     Unsent = "differs" // "Tidak Sesuai"
	MixedUnsent Unsent = "mixed"   // either, at random
)

// Scalars is the JSON type of numbers and truth values.
type Scalars string

// The JSON types of numbers and truth values.
const (
	KnownScalars Scalars = ""        // as in known answers
	Strings      Scalars = "strings" // "8.331", "true"
	Numbers      Scalars = "numbers" // 8.331, true
	MixedScalars Scalars = "mixed"   // either, at random
)

// Texts says whether texts vary in case and spacing.
type Texts string

// The variants of texts.
const (
	KnownTexts Texts = ""      // as in known answers
	MixedTexts Texts = "mixed" // with random case and spacing
)

func (q Quirks) check() error {
	switch {
	case !slices.Contains([]Shape{Envelope, Respon, MixedShape}, q.Shape):
		return errors.New("quirks: shape must be empty, respon or mixed")
	case !slices.Contains([]Unsent{Absent, Differs, MixedUnsent}, q.Unsent):
		return errors.New("quirks: unsent must be empty, differs or mixed")
	case !slices.Contains([]Scalars{KnownScalars, Strings, Numbers, MixedScalars}, q.Scalars):
		return errors.New("quirks: scalars must be empty, strings, numbers or mixed")
	case !slices.Contains([]Texts{KnownTexts, MixedTexts}, q.Texts):
		return errors.New("quirks: texts must be empty or mixed")
	}
	return nil
}

// form writes the values of an answer in the variants that Quirks selects.
type form struct {
	Quirks
	rng *rand.Rand
}

// respon reports whether a refusal has the old shape.
func (f form) respon() bool {
	return f.Shape == Respon || f.Shape == MixedShape && f.rng.IntN(2) == 0
}

// differs reports whether the answer says that an unsent element differs.
func (f form) differs() bool {
	return f.Unsent == Differs || f.Unsent == MixedUnsent && f.rng.IntN(2) == 0
}

// asString reports whether a scalar is written as a string. known says whether
// it is one in known answers.
func (f form) asString(known bool) bool {
	switch f.Scalars {
	case Strings:
		return true
	case Numbers:
		return false
	case MixedScalars:
		return f.rng.IntN(2) == 0
	default:
		return known
	}
}

// number writes an integer that is a number in known answers.
func (f form) number(n int) any {
	if f.asString(false) {
		return strconv.Itoa(n)
	}
	return n
}

// digits writes a number that is a string in known answers. A text that is not a
// number stays a string.
func (f form) digits(s string) any {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || v != v || v-v != 0 || f.asString(true) {
		return s
	}
	return v
}

// truth writes a truth value.
func (f form) truth(b bool) any {
	if f.asString(false) {
		return strconv.FormatBool(b)
	}
	return b
}

// text writes a text, with random case and spacing if Texts is mixed.
func (f form) text(s string) string {
	if f.Texts == KnownTexts {
		return s
	}
	switch f.rng.IntN(4) {
	case 0:
		s = strings.ToUpper(s)
	case 1:
		s = strings.ToLower(s)
	}
	switch f.rng.IntN(5) {
	case 0:
		s = " " + s + " "
	case 1:
		s = strings.ReplaceAll(s, " ", "  ")
	case 2:
		s = strings.ReplaceAll(s, " (", "(")
	}
	return s
}
