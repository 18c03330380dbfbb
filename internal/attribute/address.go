package attribute

import (
	"slices"
	"strings"
)

// address is an address as written, in parts.
type address struct {
	// words are the names in it, and numbers what the house, the block and numbered
	// streets are told apart by: numbers and single letters, in their order.
	words   []addressWord
	numbers []string
	// rt and rw are the numbers of the neighbourhood; empty if there are none.
	rt, rw string
}

// addressWord is a word of an address, and the kind of street or estate that it is
// the name of; empty if none stands before it.
type addressWord struct{ kind, text string }

// scoreAddress compares two addresses. They match if they have the same names, in
// any order, and the same numbers in the same order. A kind of street that only
// one of them has does not count, nor does a neighbourhood (RT, RW), a title of
// somebody a street is called after, or what other attributes say: village,
// district, city, postal code.
//
// An address without its house number does not match one that has it.
func scoreAddress(claimed, recorded string) int {
	x, y := parseAddress(claimed), parseAddress(recorded)
	if !slices.Equal(x.numbers, y.numbers) || !agree(x.rt, y.rt) || !agree(x.rw, y.rw) {
		return unlike(words(claimed), words(recorded))
	}
	if len(x.words) == 0 && len(x.numbers) == 0 && words(claimed)[0] != words(recorded)[0] {
		return unlike(words(claimed), words(recorded))
	}
	rest := slices.Clone(y.words)
	score := equal
	for _, wanted := range []likeness{same, slipped} {
		x.words = slices.DeleteFunc(x.words, func(v addressWord) bool {
			at := slices.IndexFunc(rest, func(w addressWord) bool { return v.like(w) == wanted })
			if at < 0 {
				return false
			}
			rest = slices.Delete(rest, at, at+1)
			if wanted == slipped {
				score = misspelt
			}
			return true
		})
	}
	// What remains may be written in one word here and two there.
	if len(x.words)+len(rest) == 0 {
		return score
	}
	switch joinedWords(x.words).like(joinedWords(rest)) {
	case same:
		return score
	case slipped:
		return misspelt
	default:
		return unlike(words(claimed), words(recorded))
	}
}

// agree reports whether two numbers are equal, or one is not given.
func agree(a, b string) bool { return a == "" || b == "" || a == b }

func (w addressWord) like(v addressWord) likeness {
	switch short, long := shorter(w.text, v.text); {
	case !agree(w.kind, v.kind):
		return different
	case len(short) == 1 && len(long) > 1 && long[0] == short[0]:
		return slipped // an initial
	default:
		return compareWords(w.text, v.text)
	}
}

// shorter returns two texts, the shorter one first.
func shorter(a, b string) (short, long string) {
	if len(a) > len(b) {
		return b, a
	}
	return a, b
}

// joinedWords returns several words as one.
func joinedWords(all []addressWord) addressWord {
	var one addressWord
	for _, w := range all {
		if one.kind == "" {
			one.kind = w.kind
		}
		one.text += w.text
	}
	return one
}

// parseAddress reads an address.
func parseAddress(text string) address {
	var a address
	w := withoutLocality(words(text))
	kind := ""
	for i := 0; i < len(w); i++ {
		s := w[i]
		switch {
		case s == "RT" || s == "RW":
			i = a.neighbourhood(w, i)
			kind = ""
		case numberWords[s]:
			kind = ""
		case streetKinds[s] != "":
			kind = streetKinds[s]
		case numbers(w, i):
			a.numbers = append(a.numbers, arabic(s))
		default:
			// Letters before a name are initials or a title: K.H. AHMAD, A. YANI.
			for len(w[i]) == 1 && i+1 < len(w) && len(w[i+1]) == 1 && !numbers(w, i+1) {
				i++
				s += w[i]
			}
			if honorifics[s] && i+1 < len(w) {
				continue
			}
			if long, ok := addressWords[s]; ok {
				s = long
			}
			a.words = append(a.words, addressWord{kind, s})
			kind = ""
		}
	}
	return a
}

// numbers reports whether the i-th word is a number, or a letter or Roman
// numeral that numbers something: of a block or beside a number, or behind a name.
func numbers(w []string, i int) bool {
	s := w[i]
	if isNumber(s) {
		return true
	}
	if len(s) > 1 && romans[s] == "" {
		return false
	}
	before := i > 0 && (isNumber(w[i-1]) || numberWords[w[i-1]])
	beside := before || len(s) == 1 && i+1 < len(w) && (isNumber(w[i+1]) || numberWords[w[i+1]])
	behindName := i > 0 && romans[s] != "" && len(w[i-1]) > 1 && streetKinds[w[i-1]] == "" && !honorifics[w[i-1]]
	return beside || behindName
}

// neighbourhood reads RT 1 RW 2, RT/RW 1/2 or RT 1/2 from the i-th word on, and
// returns the index of the last word that it has read.
func (a *address) neighbourhood(w []string, i int) int {
	into := []*string{&a.rt, &a.rw}
	if w[i] == "RW" {
		into = into[1:]
	}
	for j := i + 1; j < len(w); j++ {
		switch {
		case w[j] == "RW" && len(into) == 2 && !isNumber(w[j-1]):
			// RT/RW: the numbers follow.
		case isNumber(w[j]) && len(into) > 0:
			*into[0] = w[j]
			into = into[1:]
		default:
			return j - 1
		}
	}
	return len(w) - 1
}

// withoutLocality returns the words before the first that names a village,
// district or city, unless the address begins with it, and without a postal code.
func withoutLocality(w []string) []string {
	for i := 1; i < len(w); i++ {
		if localities[w[i]] {
			w = w[:i]
			break
		}
	}
	if n := len(w); n > 1 && isNumber(w[n-1]) && len(w[n-1]) == 5 {
		w = w[:n-1]
	}
	return w
}

// The words of an address that are not names.
var (
	streetKinds = map[string]string{
		"JL": "JALAN", "JLN": "JALAN", "JALAN": "JALAN", "JALUR": "JALUR",
		"GG": "GANG", "GANG": "GANG", "LR": "LORONG", "LRG": "LORONG", "LORONG": "LORONG",
		"KP": "KAMPUNG", "KAMP": "KAMPUNG", "KPG": "KAMPUNG", "KAMPUNG": "KAMPUNG",
		"DSN": "DUSUN", "DUSUN": "DUSUN", "DS": "DESA", "DESA": "DESA",
		"LINGK": "LINGKUNGAN", "LINGKUNGAN": "LINGKUNGAN", "LK": "LINGKUNGAN", "LINK": "LINGKUNGAN",
		"PERUM": "PERUMAHAN", "PRM": "PERUMAHAN", "PERUMAHAN": "PERUMAHAN", "PERUMNAS": "PERUMAHAN",
		"KOMP": "PERUMAHAN", "KOMPLEK": "PERUMAHAN", "KOMPLEKS": "PERUMAHAN", "KPLK": "PERUMAHAN",
		"ASRAMA": "ASRAMA", "ASR": "ASRAMA",
		"APT": "APARTEMEN", "APARTEMEN": "APARTEMEN", "APARTEMENT": "APARTEMEN", "RUSUN": "RUSUN",
	}
	numberWords = setOf("NO,NOMOR,NOMER,NMR,NR,BLOK,BLK,BLOCK,LANTAI,LT,UNIT,KAV,KAVLING,KAPLING,KM")
	localities  = setOf("KEL,KELURAHAN,KEC,KECAMATAN,KAB,KABUPATEN,KOTA,KODYA,KOTAMADYA,PROV,PROVINSI,KODEPOS,INDONESIA")
	honorifics  = setOf("H,KH,RA,JEND,JENDERAL,JENDRAL,LETJEN,MAYJEN,BRIGJEN,KOLONEL,KOL,KAPTEN,KAPT,MAYOR,LETTU,LETDA,SERSAN,DR,DRS,IR,PROF,HJ,RADEN,TEUKU,TGK")
)

// addressWords are abbreviations of words in the names of streets.
var addressWords = map[string]string{
	"UTR": "UTARA", "UT": "UTARA", "SLT": "SELATAN", "SEL": "SELATAN", "BRT": "BARAT", "TMR": "TIMUR", "TIM": "TIMUR", "TGH": "TENGAH",
	"DLM": "DALAM", "LAMA": "LAMA", "BR": "BARU", "RY": "RAYA", "MOH": "MUHAMMAD", "MOHAMMAD": "MUHAMMAD", "MUH": "MUHAMMAD", "MOHD": "MUHAMMAD", "MUHAMAD": "MUHAMMAD",
	"KEBON": "KEBUN", "KB": "KEBUN", "PS": "PASAR", "PSR": "PASAR", "TJ": "TANJUNG", "TG": "TANJUNG", "TNJ": "TANJUNG", "KR": "KARANG", "BT": "BATU",
}

// setOf returns the words of a list that are separated by commas.
func setOf(list string) map[string]bool {
	set := make(map[string]bool)
	for word := range strings.SplitSeq(list, ",") {
		set[word] = true
	}
	return set
}
