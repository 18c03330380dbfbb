// Package attribute compares the claimed value of an attribute with the recorded
// one: numbers, categories, places and addresses as Indonesian forms and identity
// cards write them.
//
// It is pure: no I/O, no clock, no configuration and no state. Names are compared
// by package name. It leaves it to its callers to reveal the values, and which
// attributes a client may ask about.
//
// A claim that leaves open which of two people or places is meant does not match:
// who made it can complete it. testdata/decisions.txtar shows case by case what
// that means.
package attribute

import (
	"strings"
	"unicode"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/name"
)

// Threshold is the lowest Score of a match. It is the default threshold of names.
const Threshold = name.DefaultThreshold

// The scores. Values that differ get the similarity of their letters, which is
// at most differing.
const (
	equal     = 100           // equal but for how they are written
	misspelt  = 90            // equal but for a slip in one word
	differing = Threshold - 6 // another value, as in package name
)

// Compare returns Match if the claimed value agrees with the recorded one,
// NonMatch if it does not, and NotCompared if one of the two has no content: a
// record that holds a dash holds no value.
func Compare(a sesuai.Attribute, claimed, recorded string) sesuai.Outcome {
	if !hasContent(claimed) || !hasContent(recorded) {
		return sesuai.NotCompared
	}
	return sesuai.OutcomeOf(Score(a, claimed, recorded) >= Threshold)
}

// Score returns how well the claimed value agrees with the recorded one, from 0
// to 100. It is symmetric. Values that only agree or differ, such as numbers and
// categories, have the score 100 or 0. A value without content scores 0.
func Score(a sesuai.Attribute, claimed, recorded string) int {
	if !hasContent(claimed) || !hasContent(recorded) {
		return 0
	}
	switch a {
	case sesuai.FamilyCardNumber:
		return scoreOf(digits(claimed) == digits(recorded))
	case sesuai.MotherMaidenName:
		return name.Score(claimed, recorded)
	case sesuai.Gender:
		return scoreOf(sameGender(claimed, recorded))
	case sesuai.MaritalStatus:
		return scoreOf(sameMaritalStatus(claimed, recorded))
	case sesuai.JobType:
		return scoreOf(sameJob(claimed, recorded))
	case sesuai.RT, sesuai.RW:
		return scoreOf(number(a, claimed) == number(a, recorded))
	case sesuai.Address:
		return scoreAddress(claimed, recorded)
	default:
		return scorePlace(a, claimed, recorded)
	}
}

// Graded reports whether Score has values between 0 and 100 for the attribute.
func Graded(a sesuai.Attribute) bool {
	switch a {
	case sesuai.FamilyCardNumber, sesuai.Gender, sesuai.MaritalStatus, sesuai.JobType, sesuai.RT, sesuai.RW:
		return false
	default:
		return true
	}
}

func scoreOf(same bool) int {
	if same {
		return equal
	}
	return 0
}

// digits returns a number without the signs between its digits.
func digits(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || strings.ContainsRune(".-", r) {
			return -1
		}
		return r
	}, text)
}

// number returns the number of a neighbourhood without the word and the zeros before
// it: 3 of RT. 003.
func number(a sesuai.Attribute, text string) string {
	w := words(text)
	if len(w) > 1 && w[0] == strings.ToUpper(string(a)) {
		w = w[1:]
	}
	return strings.Join(w, " ")
}
