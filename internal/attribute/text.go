package attribute

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/sesuai/sesuai/internal/name"
)

// words splits a text into upper-case words and numbers. Letters lose their
// accents and numbers their leading zeros. Apostrophes are removed. Every other
// sign separates words, and so does the change from letters to digits: NO.012A
// becomes NO, 12 and A.
func words(text string) []string {
	var out []string
	var word strings.Builder
	digits := false
	end := func() {
		if w := word.String(); w != "" {
			if digits {
				w = strings.TrimLeft(w[:len(w)-1], "0") + w[len(w)-1:]
			}
			out = append(out, w)
			word.Reset()
		}
	}
	for _, r := range norm.NFKD.String(text) {
		switch {
		case unicode.Is(unicode.Mn, r), strings.ContainsRune("'`’‘ʼ", r):
		case unicode.IsLetter(r), unicode.IsDigit(r):
			if unicode.IsDigit(r) != digits {
				end()
				digits = !digits
			}
			word.WriteRune(unicode.ToUpper(r))
		default:
			end()
		}
	}
	end()
	return out
}

// hasContent reports whether a text has a letter or a digit.
func hasContent(text string) bool { return len(words(text)) > 0 }

// isNumber reports whether a word of words is a number.
func isNumber(word string) bool { return word[0] >= '0' && word[0] <= '9' }

// romans are the Roman numerals that streets and places are numbered with. I is
// among them: no place is called I.
var romans = map[string]string{
	"I": "1", "II": "2", "III": "3", "IV": "4", "V": "5", "VI": "6", "VII": "7", "VIII": "8", "IX": "9", "X": "10",
	"XI": "11", "XII": "12", "XIII": "13", "XIV": "14", "XV": "15", "XVI": "16", "XVII": "17", "XVIII": "18", "XIX": "19", "XX": "20",
}

// arabic returns a word with a Roman numeral in Arabic digits.
func arabic(word string) string {
	if n, ok := romans[word]; ok {
		return n
	}
	return word
}

// likeness says how two words agree.
type likeness int

const (
	different likeness = iota
	slipped            // equal but for one slip that is hardly another word
	same
)

// compareWords compares two words, or several that were written as one.
//
// A slip is one letter doubled or not, or I for E, or U for O, in a word of
// at least five letters: MULYO, MULLYO. In a word of at least eight, a letter
// that is missing inside is one too. A wrong letter never is: SUKAMAJU and SUKARAJU
// are two villages. Digits have no slips.
func compareWords(a, b string) likeness {
	if a == b {
		return same
	}
	// Most pairs end here.
	if a == "" || b == "" || a[0] != b[0] {
		return different
	}
	x, y := []rune(a), []rune(b)
	if len(x) > len(y) {
		x, y = y, x
	}
	if len(x) < 5 || len(y)-len(x) > 1 || strings.ContainsFunc(a+b, unicode.IsDigit) {
		return different
	}
	i := 0 // the first letter that differs
	for i < len(x) && x[i] == y[i] {
		i++
	}
	switch {
	case i == 0:
		return different
	case len(x) == len(y):
		if i < len(x)-1 && vowels(x[i], y[i]) && slices.Equal(x[i+1:], y[i+1:]) {
			return slipped
		}
	case slices.Equal(x[i:], y[i+1:]):
		doubled := y[i] == y[i-1]
		if doubled || len(x) >= 7 && i < len(x) {
			return slipped
		}
	}
	return different
}

// vowels reports whether two letters are vowels that are heard alike.
func vowels(a, b rune) bool {
	pair := string([]rune{min(a, b), max(a, b)})
	return pair == "EI" || pair == "OU"
}

// unlike returns the score of values that differ.
func unlike(a, b []string) int {
	return min(differing, name.Ratio(strings.Join(a, " "), strings.Join(b, " ")))
}
