package sandbox

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

// Quirks are the forms that answers may take. The zero Quirks are those that
// are described most.
type Quirks struct {
	// Shape is how the data check refuses.
	Shape Shape `yaml:"shape"`
	// Unsent is what becomes of elements that were not sent.
	Unsent Unsent `yaml:"unsent"`
	// Scalars is how numbers and truth values are written.
	Scalars Scalars `yaml:"scalars"`
	// Texts is whether texts keep their case and spacing.
	Texts Texts `yaml:"texts"`
}

// Shape is how the data check refuses.
type Shape string

// The shapes of refusals.
const (
	Envelope   Shape = ""       // content[0] has a RESPONSE_CODE
	Respon     Shape = "respon" // {"RESPON":"…"}, as old deployments have it
	MixedShape Shape = "mixed"  // one or the other
)

// Unsent is what becomes of elements that were not sent.
type Unsent string

// What becomes of elements that were not sent.
const (
	Absent      Unsent = ""        // they are left out
	Differs     Unsent = "differs" // "Tidak Sesuai"
	MixedUnsent Unsent = "mixed"   // some this, some that
)

// Scalars is how numbers and truth values are written.
type Scalars string

// How numbers and truth values are written.
const (
	KnownScalars Scalars = ""        // as in the answers that were seen
	Strings      Scalars = "strings" // "8.331", "true"
	Numbers      Scalars = "numbers" // 8.331, true
	MixedScalars Scalars = "mixed"
)

// Texts is whether texts keep their case and spacing.
type Texts string

// Whether texts keep their case and spacing.
const (
	KnownTexts Texts = ""
	MixedTexts Texts = "mixed"
)

func (q Quirks) check() error {
	switch {
	case !slices.Contains([]Shape{Envelope, Respon, MixedShape}, q.Shape):
		return errors.New("the shape of refusals is empty, respon or mixed")
	case !slices.Contains([]Unsent{Absent, Differs, MixedUnsent}, q.Unsent):
		return errors.New("what becomes of unsent elements is empty, differs or mixed")
	case !slices.Contains([]Scalars{KnownScalars, Strings, Numbers, MixedScalars}, q.Scalars):
		return errors.New("how scalars are written is empty, strings, numbers or mixed")
	case !slices.Contains([]Texts{KnownTexts, MixedTexts}, q.Texts):
		return errors.New("how texts are written is empty or mixed")
	}
	return nil
}

// form writes answers in the forms that quirks and chance make of them.
type form struct {
	Quirks
	chance *rand.Rand
}

// respon reports whether a refusal has the old shape.
func (f form) respon() bool {
	return f.Shape == Respon || f.Shape == MixedShape && f.chance.IntN(2) == 0
}

// differs reports whether an unsent element is said to differ.
func (f form) differs() bool {
	return f.Unsent == Differs || f.Unsent == MixedUnsent && f.chance.IntN(2) == 0
}

// asString reports whether a scalar that is known as a string, or not, is
// written as one.
func (f form) asString(known bool) bool {
	switch f.Scalars {
	case Strings:
		return true
	case Numbers:
		return false
	case MixedScalars:
		return f.chance.IntN(2) == 0
	default:
		return known
	}
}

// number is an integer that is known as a number.
func (f form) number(n int) any {
	if f.asString(false) {
		return strconv.Itoa(n)
	}
	return n
}

// digits is a number that is known as a string, by its digits. What is none
// stays a string.
func (f form) digits(s string) any {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || v != v || v-v != 0 || f.asString(true) {
		return s
	}
	return v
}

// truth is a truth value.
func (f form) truth(b bool) any {
	if f.asString(false) {
		return strconv.FormatBool(b)
	}
	return b
}

// text is a text in some case and with some spaces.
func (f form) text(s string) string {
	if f.Texts == KnownTexts {
		return s
	}
	switch f.chance.IntN(4) {
	case 0:
		s = strings.ToUpper(s)
	case 1:
		s = strings.ToLower(s)
	}
	switch f.chance.IntN(5) {
	case 0:
		s = " " + s + " "
	case 1:
		s = strings.ReplaceAll(s, " ", "  ")
	case 2:
		s = strings.ReplaceAll(s, " (", "(")
	}
	return s
}
