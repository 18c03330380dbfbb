package name

import "strings"

// shortForm is a word that is short for others.
type shortForm struct {
	first  bool     // it counts only as the first of several words
	full   string   // the word that it always stands for, "" if there is none
	stands []string // the canonical spellings of those that it may stand for
}

// maxShortForm is the greatest length of a short form in bytes.
const maxShortForm = 5

// shortForms are the short forms of words. The registry must not shorten names
// since 2022 (Permendagri 73/2022, article 5), but older records do. Most have no
// vowel, so that they cannot be taken for a word.
//
// = stands before the word that a form is always read as, ~ before those that it
// may stand for. MD is Muhammad or the Balinese Made.
var shortForms = newShortForms(
	// ABDUR, ABDUS and so on are how ABDUL is pronounced before some letters.
	`ABD=ABDUL ABDL=ABDUL ABDU=ABDUL ABDUD=ABDUL ABDUN=ABDUL ABDUR=ABDUL ABDUS=ABDUL ABDUT=ABDUL ABDUZ=ABDUL GDE=GEDE
	MD~MADE,MUHAMAD ACH~ACHMAD,AHMAD AHM~AHMAD,ACHMAD `+
		// Birth order and descent in Bali.
		`BGS~BAGUS CKD~COKORDA COK~COKORDA DSK~DESAK DW~DEWA GD~GEDE GST~GUSTI KD~KADEK KDK~KADEK KMG~KOMANG
	KT~KETUT LH~LUH NGH~NENGAH NGR~NGURAH NYM~NYOMAN PT~PUTU WY~WAYAN WYN~WAYAN `+
		// Descent in Banten, West Java, Palembang, Lombok, Makassar and Aceh.
		`TB~TUBAGUS RD~RADEN KMS~KEMAS KGS~KIAGUS MGS~MASAGUS MSY~MASAYU BQ~BAIQ DG~DAENG TGK~TEUNGKU`,
	// HM is Haji Muhammad. ST is Siti in Sulawesi and further east, and Sutan in
	// West Sumatra.
	`M=MUHAMAD HM=MUHAMAD STI=SITI NILUH=LUH ST~SITI,SUTAN`,
)

// newShortForms returns the short forms of two lists: those that count anywhere,
// and those that count only as the first of several words.
func newShortForms(anywhere, first string) map[string]*shortForm {
	forms := make(map[string]*shortForm)
	add := func(list string, first bool) {
		for entry := range strings.FieldsSeq(list) {
			if short, full, ok := strings.Cut(entry, "="); ok {
				forms[short] = &shortForm{first: first, full: full}
				continue
			}
			short, words, _ := strings.Cut(entry, "~")
			form := &shortForm{first: first}
			for w := range strings.SplitSeq(words, ",") {
				form.stands = append(form.stands, canonical(w))
			}
			forms[short] = form
		}
	}
	add(anywhere, false)
	add(first, true)
	return forms
}

// isShortForm reports whether a folded word is short for a name.
func isShortForm(folded string) bool {
	_, ok := shortForms[folded]
	return ok || muhammads[canonical(folded)]
}
