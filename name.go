package sesuai

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxNameLength is the greatest number of characters in a name. New names have
// at most 60 (Permendagri 73/2022, article 4), but the population registry keeps
// up to 100, and longer ones than 60 are on record.
const MaxNameLength = 100

// Name is a person's name, claimed or on record. It is private: only Reveal
// returns its text.
type Name struct{ private }

// Equal reports whether n and other have the same text.
func (n Name) Equal(other Name) bool { return n.same(other.private) }

// ParseName trims white space and accepts 1 to MaxNameLength characters of
// valid UTF-8 with at least one letter and no control character. Its error has
// kind KindInvalidName and does not contain s.
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
