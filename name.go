package sesuai

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxNameLength is how many characters a name may have; the population
// registry prints no more on an identity card.
const MaxNameLength = 60

// Name is a person's name as claimed or as recorded. It is private: see
// Reveal.
type Name struct{ private }

// Equal reports whether both are the same name.
func (n Name) Equal(other Name) bool { return n.same(other.private) }

// ParseName trims white space and accepts 1 to MaxNameLength characters of
// valid UTF-8 with at least one letter and no control character. The error has
// kind KindInvalidName and does not repeat the text.
func ParseName(s string) (Name, error) {
	s = strings.TrimSpace(s)
	if !utf8.ValidString(s) || utf8.RuneCountInString(s) > MaxNameLength {
		return Name{}, &Error{Kind: KindInvalidName}
	}
	if !strings.ContainsFunc(s, unicode.IsLetter) || strings.ContainsFunc(s, unicode.IsControl) {
		return Name{}, &Error{Kind: KindInvalidName}
	}
	return Name{hide(s)}, nil
}
