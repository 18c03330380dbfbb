package attribute

import (
	"slices"
	"strings"

	"github.com/sesuai/sesuai"
)

// address is an address as written, in parts.
type address struct {
	// first is its first word.
	first string
	// names are the names in it, in groups with numbers between them, and numbers
	// what the house, the block and numbered streets are told apart by: numbers and
	// single letters, in their order.
	names   []nameGroup
	numbers []addressWord
	// rt and rw are the numbers of the neighbourhood; empty if there are none, as is
	// postalCode.
	rt, rw, postalCode string
	// localities are the village, district, city and province behind the street.
	localities map[sesuai.Attribute]string
}

// nameGroup is names that follow each other. after is how many numbers stand before
// them; 0 if all names of the address are in one group.
type nameGroup struct {
	after int
	words []addressWord
}

// addressWord is a name or a number in an address.
type addressWord struct {
	// kind is what it is the name or number of: a kind of street or estate, a block,
	// a house. It is empty if none stands before it.
	kind, text string
	// initial is whether it is one letter in front of a name: A. YANI.
	initial bool
}

// parseAddress reads an address.
func parseAddress(text string) address {
	w := words(text)
	a := address{first: w[0]}
	w = a.locality(a.code(a.neighbourhood(w)))
	kind := ""
	for i := 0; i < len(w); i++ {
		s := w[i]
		number, isNumber := numberAt(w, i)
		switch {
		case numberKinds[s] != "":
			kind = numberKinds[s]
		case streetKinds[s] != "":
			kind = streetKinds[s]
		case isNumber:
			a.numbers = append(a.numbers, addressWord{kind: kind, text: number})
			kind = ""
		default:
			// Letters before a name are initials or a title: K.H. AHMAD, A. YANI.
			for len(w[i]) == 1 && i+1 < len(w) && len(w[i+1]) == 1 {
				if _, isNumber := numberAt(w, i+1); isNumber {
					break
				}
				i++
				s += w[i]
			}
			if honorifics[s] && i+1 < len(w) {
				continue
			}
			a.name(kind, s)
			kind = ""
		}
	}
	if len(a.names) == 1 {
		a.names[0].after = 0
	}
	return a
}

// name adds a name.
func (a *address) name(kind, text string) {
	if long, ok := addressWords[text]; ok {
		text = long
	}
	n := len(a.names)
	if n == 0 || a.names[n-1].after != len(a.numbers) {
		a.names, n = append(a.names, nameGroup{after: len(a.numbers)}), n+1
	}
	group := &a.names[n-1]
	if last := len(group.words) - 1; last >= 0 && kind == "" {
		group.words[last].initial = len(group.words[last].text) == 1
	}
	group.words = append(group.words, addressWord{kind: kind, text: text})
}

// numberAt returns the i-th word if it is a number, or a letter or Roman numeral that
// numbers something: of a block or beside a number, or behind a name. A Roman numeral
// comes in Arabic digits. One letter behind a name is one; elsewhere it may be the
// letter of a block or a house, and stays one.
func numberAt(w []string, i int) (string, bool) {
	s := w[i]
	if isNumber(s) {
		return s, true
	}
	if len(s) > 1 && romans[s] == "" {
		return "", false
	}
	last := ""
	if i > 0 {
		last = w[i-1]
	}
	numbered := last != "" && (isNumber(last) || numberKinds[last] != "")
	switch {
	case len(s) > 1 && (numbered || streetKinds[last] != ""):
		return arabic(s), true
	case numbered:
		return s, true
	case romans[s] != "" && len(last) > 1 && streetKinds[last] == "" && !honorifics[last]:
		return arabic(s), true
	case len(s) == 1 && i+1 < len(w) && (isNumber(w[i+1]) || numberKinds[w[i+1]] != ""):
		return s, true
	}
	return "", false
}

// neighbourhood reads RT 1 RW 2, RT/RW 1/2 or RT 1/2, and returns the other words.
func (a *address) neighbourhood(w []string) []string {
	var others []string
	for i := 0; i < len(w); i++ {
		if w[i] != "RT" && w[i] != "RW" {
			others = append(others, w[i])
			continue
		}
		into := []*string{&a.rt, &a.rw}
		if w[i] == "RW" {
			into = into[1:]
		}
		for ; i+1 < len(w); i++ {
			next := w[i+1]
			if isNumber(next) && len(into) > 0 {
				*into[0], into = next, into[1:]
			} else if next != "RW" || len(into) < 2 || w[i] != "RT" { // RT/RW: the numbers follow
				break
			}
		}
	}
	return others
}

// code reads the postal code at the end, and returns the words before it.
func (a *address) code(w []string) []string {
	n := len(w) - 1
	if n > 0 && w[n] == "INDONESIA" {
		n--
	}
	if n > 0 && isNumber(w[n]) && len(w[n]) == 5 && numberKinds[w[n-1]] == "" {
		a.postalCode = w[n]
		return w[:n]
	}
	return w
}

// locality reads the village, district, city and province behind the street, and
// returns the words before them.
func (a *address) locality(w []string) []string {
	start := slices.IndexFunc(w, func(s string) bool { return !isKind(s) }) + 1
	for ; start < len(w) && !behindStreet(w, start); start++ {
	}
	if start >= len(w) {
		return w
	}
	a.localities = make(map[sesuai.Attribute]string)
	for i := start; i < len(w); {
		end := i + 1
		for end < len(w) && localityOf(w[end]) == nil {
			end++
		}
		level := localityOf(w[i]).level
		if level == sesuai.City {
			a.localities[level] = strings.Join(withoutProvince(w[i:end]), " ")
		} else if level != "" {
			a.localities[level] = strings.Join(w[i:end], " ")
		}
		i = end
	}
	return w[:start]
}

// isKind reports whether a word only says of what kind a name or number is.
func isKind(s string) bool { return streetKinds[s] != "" || numberKinds[s] != "" }

// behindStreet reports whether the i-th word starts what stands behind the street. In
// JL BATAS KOTA 5 and PERUM BUKIT KOTA INDAH BLOK A it does not: a number follows, or
// none stands before a word that streets and estates are called too.
func behindStreet(w []string, i int) bool {
	l := localityOf(w[i])
	return l != nil && (l.short || slices.ContainsFunc(w[:i], isNumber)) &&
		!slices.ContainsFunc(w[i+1:], func(s string) bool { return isNumber(s) || numberKinds[s] != "" })
}

// maxProvinceWords is the number of words of the longest name of a province, with the
// word before it.
const maxProvinceWords = 5

// withoutProvince returns the words of a city without those of a province behind it.
func withoutProvince(w []string) []string {
	for i := max(2, len(w)-maxProvinceWords); i < len(w); i++ {
		called := regionsCalled(sesuai.Province, strings.Join(w[i:], " "))
		if slices.ContainsFunc(called, func(code string) bool { return len(code) == 2 }) {
			return w[:i]
		}
	}
	return w
}

// localityWord is a word in front of a place around the street.
type localityWord struct {
	level sesuai.Attribute // empty if the place is not compared
	short bool             // an abbreviation, which is no name of a street
}

// localityOf returns what a word stands in front of; nil for nothing.
func localityOf(s string) *localityWord {
	if l, ok := localities[s]; ok {
		return &l
	}
	return nil
}

var localities = map[string]localityWord{
	"KEL": {sesuai.Subdistrict, true}, "KELURAHAN": {sesuai.Subdistrict, false},
	"KEC": {sesuai.District, true}, "KECAMATAN": {sesuai.District, false},
	"KAB": {sesuai.City, true}, "KABUPATEN": {sesuai.City, false},
	"KOTA": {sesuai.City, false}, "KODYA": {sesuai.City, true}, "KOTAMADYA": {sesuai.City, true},
	"PROV": {sesuai.Province, true}, "PROVINSI": {sesuai.Province, false},
	"KODEPOS": {"", true}, "INDONESIA": {"", false},
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
	numberKinds = map[string]string{
		"NO": "NO", "NOMOR": "NO", "NOMER": "NO", "NMR": "NO", "NR": "NO", "UNIT": "NO",
		"BLOK": "BLOK", "BLK": "BLOK", "BLOCK": "BLOK", "LANTAI": "LANTAI", "LT": "LANTAI",
		"KAV": "KAVLING", "KAVLING": "KAVLING", "KAPLING": "KAVLING", "KM": "KM",
	}
	honorifics = setOf("H,KH,RA,JEND,JENDERAL,JENDRAL,LETJEN,MAYJEN,BRIGJEN,KOLONEL,KOL,KAPTEN,KAPT,MAYOR,LETTU,LETDA,SERSAN,DR,DRS,IR,PROF,HJ,TGK")
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
