package name

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// fold reduces a text to words of upper-case letters, one space apart.
//
// Latin letters lose their accents. Apostrophes are removed, since MA'RUF and
// MARUF are one word. Every other character that is not a letter separates
// words: ABDUL-RAHMAN becomes two words, and S.Pd. becomes "S PD".
//
// Letters of other scripts are kept with their combining marks, since the marks
// distinguish words there.
func fold(s string) string {
	folded, _ := split(s, nil)
	return folded
}

// gap is what stands between two words as written, a set of the constants
// below. It tells S.PD and (SE) from the words S PD and SE.
type gap uint8

const (
	space   gap = 1 << iota // white space, or any sign that is not below
	dot                     // S.PD
	hyphen                  // SP.THT-KL
	bracket                 // SP.OG(K)
	comma                   // a comma, or what stands for one: ; and /
)

// split folds a text and appends to gaps what stands before each word and behind
// the last. What stands before the first word does not count.
func split(s string, gaps []gap) (string, []gap) {
	if !ascii(s) {
		// Apostrophes are removed first. They must not separate a letter
		// from its marks, and NFKD would turn the acute accent that some
		// type as an apostrophe into a space with a mark. NFKD may yield
		// apostrophes and lower-case letters, so both are handled again
		// below.
		s = norm.NFKD.String(strings.Map(prepare, s))
	}
	var b strings.Builder
	b.Grow(len(s))
	parted := gap(0) // what stands between the last letter and the next
	latin := false   // the last letter was Latin
	for _, r := range s {
		switch {
		case vanishes(r):
		case unicode.IsLetter(r):
			switch {
			case b.Len() == 0:
				gaps = append(gaps, 0)
			case parted != 0:
				b.WriteByte(' ')
				gaps = append(gaps, parted)
			}
			parted = 0
			latin = unicode.Is(unicode.Latin, r)
			writeUpper(&b, r)
		case unicode.IsMark(r):
			if !latin && parted == 0 && b.Len() > 0 {
				b.WriteRune(r)
			}
		default:
			parted |= gapOf(r)
		}
	}
	return b.String(), append(gaps, parted)
}

func gapOf(r rune) gap {
	switch r {
	case '.':
		return dot
	case '-', '‐', '‑', '–':
		return hyphen
	case '(', ')', '[', ']':
		return bracket
	case ',', ';', '/':
		return comma
	}
	return space
}

// prepare is for strings.Map: it drops what vanishes and makes letters
// upper-case.
func prepare(r rune) rune {
	switch {
	case vanishes(r):
		return -1
	case unicode.IsLetter(r):
		return unicode.ToUpper(r)
	}
	return r
}

// writeUpper writes r in upper case. Letters that Unicode does not decompose
// are written in letters from A to Z.
func writeUpper(b *strings.Builder, r rune) {
	switch r = unicode.ToUpper(r); r {
	case 'ß', 'ẞ':
		b.WriteString("SS")
	case 'Æ':
		b.WriteString("AE")
	case 'Œ':
		b.WriteString("OE")
	case 'Þ':
		b.WriteString("TH")
	case 'Ø':
		b.WriteByte('O')
	case 'Đ', 'Ð':
		b.WriteByte('D')
	case 'Ł':
		b.WriteByte('L')
	default:
		b.WriteRune(r)
	}
}

// vanishes reports whether r is removed without separating words: the
// apostrophes in use (some are letters to Unicode) and format characters, which
// are invisible.
func vanishes(r rune) bool {
	switch r {
	case '\'', '`', '´', '‘', '’', '‛', '′', 'ʹ', 'ʻ', 'ʼ', 'ʽ', 'ʾ', 'ʿ', 'ˈ':
		return true
	}
	return r >= utf8.RuneSelf && unicode.Is(unicode.Cf, r)
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
