package name

// word is one word of a name.
type word struct {
	plain string // the folded word; an abbreviation is expanded
	canon string // canonical(plain)
	today string // modern(plain)
	heard string // sound(plain)
	// initial is the letter that stood for the word, 0 if it was written out.
	initial byte
}

// abbreviations may stand anywhere in a name. ABDUR, ABDUS and so on are how
// ABDUL is pronounced before some letters.
var abbreviations = map[string]string{
	"ABD": "ABDUL", "ABDU": "ABDUL", "ABDUD": "ABDUL", "ABDUN": "ABDUL",
	"ABDUR": "ABDUL", "ABDUS": "ABDUL", "ABDUT": "ABDUL", "ABDUZ": "ABDUL",
}

// leadingAbbreviations count only as the first of several words. HM is Haji
// Muhammad; ST is Siti in Sulawesi and further east.
var leadingAbbreviations = map[string]string{
	"M": muhammad, "HM": muhammad, "MD": muhammad, "ST": "SITI", "NILUH": "LUH",
}

// muhammad is the one spelling to which all forms of Muhammad are reduced.
const muhammad = "MUHAMAD"

// muhammads are the canonical spellings of Muhammad. canonical reduces
// MOCHAMMAD, MOECHAMAD, MUCHAMMAD and other forms to these.
var muhammads = map[string]bool{
	"MUHAMAD": true, "MUHAMED": true, "MUHAMAT": true, "MUHAMET": true, "MUHAMADH": true,
	"MOHAMAD": true, "MOHAMED": true, "MOHAMAT": true, "MOHAMADH": true,
	"MUKHAMAD": true, "MUKHAMED": true, "MUKHAMAT": true,
	"MOKHAMAD": true, "MOKHAMED": true, "MOKHAMAT": true,
	"MUH": true, "MUHD": true, "MUHM": true, "MUKH": true, "MUKHD": true,
	"MOH": true, "MOHD": true, "MOHM": true, "MOKH": true, "MOKHD": true,
	"MHD": true, "MHMD": true, "MUHAMD": true, "MOHAMD": true,
}

// heads are words that begin so many names that sharing one says little. They
// are canonical spellings.
var heads = map[string]bool{
	muhammad: true, "AHMAD": true, "AHMAT": true, "AHMED": true, "AKHMAD": true, "ABDUL": true,
	"SITI": true, "NUR": true, "SRI": true,
}

// newWord makes a word of a folded text. first says that it is the first of
// several.
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

// same reports whether two words are equal apart from their spelling.
func (w word) same(v word) bool { return w.canon == v.canon && w.today == v.today }

// maybeSame reports whether two words are equal if a J may be an old Y. It
// includes same.
func (w word) maybeSame(v word) bool { return w.canon == v.canon }

// short reports whether only an initial of the word is known.
func (w word) short() bool { return len(w.canon) == 1 }

// distinctive reports whether sharing the word is evidence of the same person.
func (w word) distinctive() bool { return !w.short() && !heads[w.canon] }

// abbreviates reports whether w is an initial of v.
func (w word) abbreviates(v word) bool {
	if w.initial == 0 || v.short() {
		return false
	}
	return w.initial == v.plain[0] || canonical(string(w.initial)) == v.canon[:1]
}

// rejoin joins adjacent words that the other name writes as one: ABDUL RAHMAN
// if other has ABDULRAHMAN.
func rejoin(words, other []word) []word {
	for i := 0; i+1 < len(words); i++ {
		if joined, ok := join(words[i], words[i+1], other); ok {
			rejoined := append(words[:i:i], joined)
			words = append(rejoined, words[i+2:]...)
		}
	}
	return words
}

// join returns a and b as one word, if the other name has that word.
func join(a, b word, other []word) (joined word, ok bool) {
	if a.short() || b.short() {
		return word{}, false
	}
	plain := a.plain + b.plain
	for _, w := range other {
		// This saves work: spelling and a typing error change the length by
		// at most 3.
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
