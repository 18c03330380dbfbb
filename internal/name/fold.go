package name

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// fold reduces a text to upper-case letters in words one space apart.
//
// Accents come off Latin letters. Apostrophes vanish, since MA'RUF and MARUF
// are one word; everything else that is not a letter parts words, so that
// ABDUL-RAHMAN is two of them and S.Pd. is the two short words "S PD", by
// which the titles are recognised.
//
// Letters of other scripts stay as they are, and so do their marks, which tell
// words apart where Latin accents do not.
func fold(s string) string {
	if !ascii(s) {
		// What vanishes must not come between a letter and its marks, nor
		// be taken for something else: the acute accent that some type for
		// an apostrophe is, to NFKD, a space with a mark on it. NFKD also
		// brings forth apostrophes and lower-case letters of its own.
		s = norm.NFKD.String(strings.Map(prepare, s))
	}
	var b strings.Builder
	b.Grow(len(s))
	parted := false // something has parted the next letter from the last
	latin := false  // the last letter was Latin
	for _, r := range s {
		switch {
		case vanishes(r):
		case unicode.IsLetter(r):
			if parted && b.Len() > 0 {
				b.WriteByte(' ')
			}
			parted = false
			latin = unicode.Is(unicode.Latin, r)
			writeUpper(&b, r)
		case unicode.IsMark(r):
			if !latin && !parted && b.Len() > 0 {
				b.WriteRune(r)
			}
		default:
			parted = true
		}
	}
	return b.String()
}

// prepare drops what vanishes, for strings.Map, and makes letters upper-case.
func prepare(r rune) rune {
	switch {
	case vanishes(r):
		return -1
	case unicode.IsLetter(r):
		return unicode.ToUpper(r)
	}
	return r
}

// writeUpper writes r in upper case and in letters that a keyboard has, where
// Unicode knows no decomposition.
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

// vanishes reports whether r leaves no trace, not even a gap: the apostrophes
// in use (some are letters to Unicode) and what has no shape of its own.
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
