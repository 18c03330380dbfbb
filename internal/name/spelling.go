package name

import "strings"

// canonical brings a folded word into one spelling. It undoes the reforms of
// 1947 (oe became u) and 1972 (dj became j, tj became c, j became y, ch became
// kh) and writes doubled letters once. J and Y become one letter, Y, since a J
// does not always tell whether it is an old one: JATI may be YATI. What can be
// told of it says modern.
//
// Only A to Z are touched. canonical(canonical(w)) is canonical(w).
func canonical(w string) string {
	return article(respell(w, 'Y', 'Y'))
}

// modern is canonical with J and Y kept apart where a word shows by itself
// which spelling it is in. DJ, TJ and SJ are not in the new one: beside them
// any other J is an old one (DJAJA is JAYA), and where they are missing it is
// taken as it stands. OE shows nothing, as many have kept it with the new J
// (SOEHARJO). Words that are one by canonical and two by modern may be one name
// in two spellings, or two names of today.
func modern(w string) string {
	j := byte('J')
	if strings.Contains(w, "DJ") || strings.Contains(w, "TJ") || strings.Contains(w, "SJ") {
		j = 'Y'
	}
	return article(respell(w, 'J', j))
}

// article brings words with the Arabic article into one form.
func article(w string) string {
	// The article is pronounced as the letter that follows it, so ABDULRAHMAN
	// is also written ABDURRAHMAN.
	const article = "ABDUL"
	if len(w) > len(article) && strings.HasPrefix(w, article) && strings.IndexByte("DNRSTZ", w[len(article)]) >= 0 {
		return w[:len(article)-1] + w[len(article):]
	}
	return w
}

// respell applies the spelling pairs and writes doubled letters once; an old DJ
// is written as dj, any other J as j. It works on bytes: those of other letters
// than A to Z are passed through.
func respell(w string, dj, j byte) string {
	var buf [64]byte
	out := buf[:0]
	for i := range len(w) {
		c, last := w[i], byte(0)
		if len(out) > 0 {
			last = out[len(out)-1]
		}
		switch {
		case c == 'E' && last == 'O':
			out, c = out[:len(out)-1], 'U'
		case c == 'J' && last == 'D':
			out, c = out[:len(out)-1], dj
		case c == 'J' && last == 'T':
			out, c = out[:len(out)-1], 'C'
		case c == 'J':
			c = j
		case c == 'H' && last == 'C':
			out = appendOnce(out[:len(out)-1], 'K')
		}
		out = appendOnce(out, c)
	}
	// AA would be taken for an initial.
	if len(out) == 1 && len(w) > 1 {
		return w
	}
	if string(out) == w {
		return w
	}
	return string(out)
}

// appendOnce appends c unless it would double a letter from A to Z.
func appendOnce(out []byte, c byte) []byte {
	if len(out) > 0 && out[len(out)-1] == c && 'A' <= c && c <= 'Z' {
		return out
	}
	return append(out, c)
}

// sound is a folded word as it is heard: letters that Indonesian speakers write
// for one another become one. Words of the same sound are taken for spellings
// of one another. As this goes beyond the spelling reforms, it never makes
// names equal.
func sound(w string) string {
	w = respell(w, 'J', 'J')
	var buf [64]byte
	out := buf[:0]
	for i := range len(w) {
		c, last, next := w[i], byte(0), byte(0)
		if i > 0 {
			last = w[i-1]
		}
		if i+1 < len(w) {
			next = w[i+1]
		}
		switch c {
		case 'F', 'V': // SAEFUL, SAEPUL
			c = 'P'
		case 'Q':
			c = 'K'
		case 'Z': // FAIZAL, FAISAL
			c = 'S'
		case 'X':
			out, c = append(out, 'K'), 'S'
		case 'D':
			if next == 'Z' { // DZAKI
				continue
			}
			if next == 0 && len(w) > 2 { // RAHMAD, RAHMAT
				c = 'T'
			}
		case 'B':
			if next == 0 && len(w) > 2 { // AYUB, AYUP
				c = 'P'
			}
		case 'K':
			// RAKHMAT, RAHMAT. At the start, KH may stand for the CH of CHANDRA.
			if next == 'H' && i > 0 {
				continue
			}
		case 'H':
			if strings.IndexByte("BDGPST", last) >= 0 { // BUDHI, BUDI
				continue
			}
			if next == 0 && last == 'A' && len(w) > 3 { // FATIMAH, FATIMA
				continue
			}
		case 'E':
			if last == 'A' { // ZAENAL, ZAINAL
				c = 'I'
			}
			if last == 'I' && next != 'L' { // ARIEF, ARIF; but ARIEL is not ARIL
				continue
			}
		case 'Y':
			switch {
			case !vowel(next): // RIZKY, RAYHAN
				c = 'I'
			case last == 0 || vowel(last) && last != 'I': // YUSUF, WIJAYA
			case last == 'I' || last == 'S': // SUPRIYADI, SYARIF
				continue
			default: // SETYAWAN
				c = 'I'
			}
		}
		out = append(out, c)
	}
	if string(out) != w {
		w = string(out)
	}
	return respell(w, 'J', 'J')
}

func vowel[C byte | rune](c C) bool {
	switch c {
	case 'A', 'E', 'I', 'O', 'U':
		return true
	}
	return false
}
