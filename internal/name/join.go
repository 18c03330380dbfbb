package name

import "strings"

// rejoin joins adjacent words that the other name writes as one: ABDUL RAHMAN
// if other has ABDULRAHMAN, and the initials F X if other has FX.
func rejoin(words, other []word) []word {
	for i := 0; i+1 < len(words); i++ {
		joined, n, ok := join(words[i:], other)
		if ok {
			rejoined := append(words[:i:i], joined)
			words = append(rejoined, words[i+n:]...)
		}
	}
	return words
}

// join returns the first n words as one word, if the other name has that word.
func join(words, other []word) (joined word, n int, ok bool) {
	a, b := words[0], words[1]
	if a.initial != 0 && b.initial != 0 {
		return joinInitials(words, other)
	}
	if a.short() || b.short() {
		return word{}, 0, false
	}
	plain := a.plain + b.plain
	for _, w := range other {
		// This saves work: spelling and a typing error change the length by
		// at most 3.
		if off := len(w.plain) - len(plain); off < -3 || off > 3 {
			continue
		}
		// One letter may be lost where the words meet (NUR RAHMAN), but not a
		// word (RISMA AA is not RISMA).
		joined = newWord(plain, false, false)
		if len(joined.canon) >= len(a.canon)+len(b.canon)-1 && compare(joined, w).kind >= misspelt {
			return joined, 2, true
		}
	}
	return word{}, 0, false
}

// joinInitials returns a run of initials as one word, if the other name has it.
// Three letters that could be a name are none: A L I is not ALI.
func joinInitials(words, other []word) (joined word, n int, ok bool) {
	var buf [4]byte
	letters := buf[:0]
	for len(letters) < min(len(words), len(buf)) && words[len(letters)].initial != 0 {
		letters = append(letters, words[len(letters)].initial)
	}
	for n = len(letters); n > 1; n-- {
		for _, w := range other {
			if w.plain == string(letters[:n]) && (n == 2 || !pronounceable(w.plain)) {
				return w, n, true
			}
		}
	}
	return word{}, 0, false
}

// balinese are the words that begin a Balinese name, before the given name: sex,
// descent and birth order, and their short forms.
var balinese = setOf(`I NI IDA ANAK AGUNG AYU BAGUS COKORDA DESAK DEWA GEDE GUSTI ISTRI KADEK KETUT KOMANG LUH MADE NENGAH NGURAH
	NYOMAN PUTU SAGUNG WAYAN BGS DW GD GDE GST KD KDK KMG KT LH MD NGH NGR NYM PT WY WYN`)

// spellOut replaces the initials at the start of a name by the words of the
// other, if these begin a Balinese name: A.A., AA and A A are ANAK AGUNG, IB is
// IDA BAGUS, IGN is I GUSTI NGURAH if other has that.
func spellOut(words, other []word) []word {
	var buf [4]byte
	letters := buf[:0]
	n := 0 // words that the letters are
	if w := words[0].plain; len(w) <= len(buf) && words[0].initial == 0 {
		if len(w) < 2 || w[0] != 'A' && w[0] != 'I' || balinese[w] || strings.IndexByte("ABG", w[1]) < 0 {
			return words
		}
		letters, n = append(letters, w...), 1
	} else {
		for n < min(len(words), len(buf)) && words[n].initial != 0 {
			letters = append(letters, words[n].initial)
			n++
		}
	}
	if len(letters) < 2 {
		return words
	}
	if letters[0] == 'I' && other[0].plain[0] != 'I' {
		letters = letters[1:] // the other's I has been removed as a particle
	}
	if n == len(words) || len(letters) >= len(other) {
		return words
	}
	for i, c := range letters {
		if w := other[i].plain; w[0] != c || len(w) == 1 || !balinese[w] {
			return words
		}
	}
	return append(other[:len(letters):len(letters)], words[n:]...)
}
