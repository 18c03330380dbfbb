package name

// word is one word of a name.
type word struct {
	plain string // as folded; an abbreviation is written out
	canon string // plain in one spelling: see canonical
	today string // plain in the new spelling, as far as it can be told: see modern
	heard string // plain as it sounds: see sound
	// initial is the letter that stood for the word, 0 if it was written out.
	initial byte
}

// abbreviations may stand anywhere in a name. ABDUR, ABDUS and so on are ABDUL
// as it is pronounced before some letters.
var abbreviations = map[string]string{
	"ABD": "ABDUL", "ABDU": "ABDUL", "ABDUD": "ABDUL", "ABDUN": "ABDUL",
	"ABDUR": "ABDUL", "ABDUS": "ABDUL", "ABDUT": "ABDUL", "ABDUZ": "ABDUL",
}

// leadingAbbreviations are read so only as the first of several words. HM is
// Haji Muhammad written in one; ST is Siti in Sulawesi and further east.
var leadingAbbreviations = map[string]string{
	"M": muhammad, "HM": muhammad, "MD": muhammad, "ST": "SITI", "NILUH": "LUH",
}

// muhammad is how the whole family is spelt for comparison.
const muhammad = "MUHAMAD"

// muhammads are the canonical spellings of Muhammad. The spelling rules bring
// MOCHAMMAD, MOECHAMAD, MUCHAMMAD and the rest down to these.
var muhammads = map[string]bool{
	"MUHAMAD": true, "MUHAMED": true, "MUHAMAT": true, "MUHAMET": true, "MUHAMADH": true,
	"MOHAMAD": true, "MOHAMED": true, "MOHAMAT": true, "MOHAMADH": true,
	"MUKHAMAD": true, "MUKHAMED": true, "MUKHAMAT": true,
	"MOKHAMAD": true, "MOKHAMED": true, "MOKHAMAT": true,
	"MUH": true, "MUHD": true, "MUHM": true, "MUKH": true, "MUKHD": true,
	"MOH": true, "MOHD": true, "MOHM": true, "MOKH": true, "MOKHD": true,
	"MHD": true, "MHMD": true, "MUHAMD": true, "MOHAMD": true,
}

// heads begin so many names that having one in common tells little. They are
// canonical spellings.
var heads = map[string]bool{
	muhammad: true, "AHMAD": true, "AHMAT": true, "AHMED": true, "AKHMAD": true, "ABDUL": true,
	"SITI": true, "NUR": true, "SRI": true,
}

// newWord reads a folded word. first tells that it is the first of several.
func newWord(folded string, first bool) word {
	w := word{plain: folded}
	if len(folded) == 1 {
		w.initial = folded[0]
	}
	if long, ok := abbreviations[folded]; ok {
		w.plain = long
	} else if long, ok := leadingAbbreviations[folded]; ok && first {
		w.plain = long
	}
	w.canon, w.today, w.heard = canonical(w.plain), modern(w.plain), sound(w.plain)
	if muhammads[w.canon] {
		w.canon, w.today = muhammad, muhammad
	}
	return w
}

// same reports whether two words are one, spelling aside.
func (w word) same(v word) bool { return w.canon == v.canon && w.today == v.today }

// maybeSame reports whether two words are one if a J is an old Y, be they the
// same or not.
func (w word) maybeSame(v word) bool { return w.canon == v.canon }

// short reports whether nothing but an initial is known of the word.
func (w word) short() bool { return len(w.canon) == 1 }

// telling reports whether having the word in common says much.
func (w word) telling() bool { return !w.short() && !heads[w.canon] }

// abbreviates reports whether w is an initial of v.
func (w word) abbreviates(v word) bool {
	if w.initial == 0 || v.short() {
		return false
	}
	return w.initial == v.plain[0] || canonical(string(w.initial)) == v.canon[:1]
}

// rejoin writes in one those neighbours among words that the other name writes
// in one: ABDUL RAHMAN if it has ABDULRAHMAN.
func rejoin(words, other []word) []word {
	for i := 0; i+1 < len(words); i++ {
		if joined, ok := join(words[i], words[i+1], other); ok {
			rejoined := append(words[:i:i], joined)
			words = append(rejoined, words[i+2:]...)
		}
	}
	return words
}

// join is a and b written in one, if that reads as one of the other name's
// words.
func join(a, b word, other []word) (joined word, ok bool) {
	if a.short() || b.short() {
		return word{}, false
	}
	plain := a.plain + b.plain
	for _, w := range other {
		// To save work: spelling and a slip do not change the length by more.
		if off := len(w.plain) - len(plain); off < -3 || off > 3 {
			continue
		}
		joined = newWord(plain, false)
		if compare(joined, w).kind >= misspelt {
			return joined, true
		}
	}
	return word{}, false
}
