package name

import "strings"

// canonical returns a folded word in one spelling. It applies the spelling
// reforms of 1947 (oe became u) and 1972 (dj became j, tj became c, j became y,
// ch became kh) and writes doubled letters once. J and Y both become Y, since a
// J may be an old Y: JATI may be YATI. modern distinguishes them where it can.
//
// Only the letters A to Z change. canonical(canonical(w)) is canonical(w).
func canonical(w string) string {
	return article(respell(w, 'Y', 'Y'))
}

// modern is like canonical but keeps J and Y apart, if the word shows which
// spelling it is in. DJ, TJ and SJ occur only in the old spelling: in a word
// with one of them, any other J is an old Y (DJAJA is JAYA). In a word without
// them, J stays J. OE shows nothing, since many people keep it along with the
// new J (SOEHARJO). Words with equal canonical and different modern forms may
// be one name in two spellings, or two names.
func modern(w string) string {
	j := byte('J')
	if strings.Contains(w, "DJ") || strings.Contains(w, "TJ") || strings.Contains(w, "SJ") {
		j = 'Y'
	}
	return article(respell(w, 'J', j))
}

// article drops the L of ABDUL where it is assimilated to the next letter: the
// L is pronounced like that letter, so ABDULRAHMAN is also written ABDURRAHMAN.
func article(w string) string {
	const article = "ABDUL"
	if len(w) > len(article) && strings.HasPrefix(w, article) && strings.IndexByte("DNRSTZ", w[len(article)]) >= 0 {
		return w[:len(article)-1] + w[len(article):]
	}
	return w
}

// respell applies the spelling reforms and writes doubled letters once. It
// writes DJ as dj and any other J as j. It works on bytes; those of letters
// other than A to Z pass through.
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
	// A for AA would be read as an initial.
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

// sound returns a folded word as it is pronounced: letters that Indonesian
// speakers write for one another become one letter. Words of the same sound
// count as spellings of one name, but not as equal, because this goes beyond
// the spelling reforms.
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
