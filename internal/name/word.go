package name

import "slices"

// word is one word of a name.
type word struct {
	plain string // the folded word; an abbreviation is expanded
	canon string // canonical(plain)
	today string // modern(plain)
	heard string // sound(plain)
	// form is the short form that it is, nil if it is none or is expanded.
	form *shortForm
	// initial is the letter that stood for the word, 0 if it was written out.
	initial byte
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
	"SITI": true, "NUR": true, "SRI": true, "MD": true, "ST": true, "AKH": true, "AHM": true,
}

// newWord makes a word of a folded text. first says that it is the first of
// several, last that it is the last.
func newWord(folded string, first, last bool) word {
	w := word{plain: folded}
	if len(folded) == 1 {
		w.initial = folded[0]
	}
	if len(folded) <= maxShortForm {
		switch form := shortForms[folded]; {
		case form == nil || form.first && !first:
		case form.full != "":
			w.plain = form.full
		case !last:
			w.form = form
		}
	}
	w.canon, w.today, w.heard = canonical(w.plain), modern(w.plain), sound(w.plain)
	if muhammads[w.canon] {
		w.canon, w.today = muhammad, muhammad
	}
	return w
}

// same reports whether two words are equal apart from their spelling, or one is
// a short form of the other.
func (w word) same(v word) bool {
	switch {
	case w.canon == v.canon:
		return w.today == v.today
	case w.form == nil && v.form == nil:
		return false
	}
	return w.standsFor(v) || v.standsFor(w)
}

// standsFor reports whether w is a short form of v, or of what v is short for.
func (w word) standsFor(v word) bool {
	if w.form == nil {
		return false
	}
	return slices.ContainsFunc(w.form.stands, func(full string) bool {
		return full == v.canon || v.form != nil && slices.Contains(v.form.stands, full)
	})
}

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
