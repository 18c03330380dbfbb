package attribute

import (
	"slices"
	"strings"
	"sync"

	"github.com/sesuai/sesuai"
)

// place is a place as written: the kind that stands before its name, and the name.
// kind is empty if none stands there, or if it does not distinguish places.
type place struct {
	kind  string
	words []string
}

// joined returns the name without spaces: PARE PARE and PAREPARE are one place.
func (p place) joined() string { return strings.Join(p.words, "") }

// scorePlace compares two places by name or by the code of the Ministry of Home
// Affairs.
//
// A regency and a city may share a name. KOTA BANDUNG and KABUPATEN BANDUNG
// differ; BANDUNG agrees with both. A code that is not known, which those of
// districts and villages are, agrees only with itself.
func scorePlace(a sesuai.Attribute, claimed, recorded string) int {
	x, y := namesOf(claimed), namesOf(recorded)
	best := 0
	for _, m := range x {
		for _, n := range y {
			for _, p := range readings(a, m) {
				for _, q := range readings(a, n) {
					best = max(best, p.score(q))
				}
			}
		}
	}
	if best == misspelt && twoRegions(a, claimed, recorded) {
		return differing
	}
	return best
}

// namesOf returns the names of the region whose code the text is, or the text. A
// code of which no names are known is returned without dots.
func namesOf(text string) []string {
	code := RegionCode(text)
	switch {
	case code == "":
		return []string{text}
	case regions[code] != nil:
		return regions[code]
	default:
		return []string{code}
	}
}

func (p place) score(q place) int {
	if p.kind != "" && q.kind != "" && p.kind != q.kind {
		return unlike(append([]string{p.kind}, p.words...), append([]string{q.kind}, q.words...))
	}
	switch compareWords(p.joined(), q.joined()) {
	case same:
		return equal
	case slipped:
		return misspelt
	default:
		return unlike(p.words, q.words)
	}
}

// readings returns the place that a text names: with the kind of place taken off
// its front, and as it stands, since KOTA BARU is a regency called so.
func readings(a sesuai.Attribute, text string) []place {
	w := words(text)
	for i, s := range w {
		if long, ok := shortPlaceWords[s]; ok {
			w[i] = long
		}
		if i > 0 && w[i-1] != "D" { // not the I of D.I. ACEH
			w[i] = arabic(w[i])
		}
	}
	w = longPlace(a, w)
	whole := place{words: w}
	for n := min(3, len(w)-1); n > 0; n-- {
		if kind, ok := placeKinds[a][strings.Join(w[:n], " ")]; ok {
			return []place{{kind: kind, words: longPlace(a, w[n:])}, whole}
		}
	}
	return []place{whole}
}

// longPlace returns the words of the province or city that those of a short or
// former name stand for.
func longPlace(a sesuai.Attribute, w []string) []string {
	if a == sesuai.District || a == sesuai.Subdistrict {
		return w
	}
	if long, ok := shortPlaces[strings.Join(w, " ")]; ok {
		return words(long)
	}
	return w
}

// twoRegions reports whether two texts are the names of two provinces, regencies or
// cities. Such a text is no misspelling.
func twoRegions(a sesuai.Attribute, claimed, recorded string) bool {
	x, y := regionsCalled(a, claimed), regionsCalled(a, recorded)
	return len(x) > 0 && len(y) > 0 && !slices.ContainsFunc(x, func(code string) bool { return slices.Contains(y, code) })
}

// regionsCalled returns the codes of the regions with a name.
func regionsCalled(a sesuai.Attribute, text string) []string {
	var codes []string
	for _, p := range readings(a, text) {
		for _, r := range regionNames()[a][p.joined()] {
			if agree(p.kind, r.kind) {
				codes = append(codes, r.code)
			}
		}
	}
	return codes
}

// namedRegion is a region, and the kind that stands before its name.
type namedRegion struct{ kind, code string }

// regionNames returns the regions by what they are called, without spaces, as each of
// the attributes reads it. Comparing with every region anew would take longer than
// everything else that a data verification does.
var regionNames = sync.OnceValue(func() map[sesuai.Attribute]map[string][]namedRegion {
	all := make(map[sesuai.Attribute]map[string][]namedRegion)
	for a := range placeKinds {
		all[a] = make(map[string][]namedRegion)
		for code, names := range regions {
			for _, n := range names {
				for _, p := range readings(a, n) {
					all[a][p.joined()] = append(all[a][p.joined()], namedRegion{p.kind, code})
				}
			}
		}
	}
	return all
})

// placeKinds are the words for kinds of place, by attribute, and the kind that
// they mean. Of the kinds of districts and villages one is as good as another:
// a village that becomes part of a city changes its kind and keeps its name.
var placeKinds = func() map[sesuai.Attribute]map[string]string {
	kinds := func(any, regency, city string) map[string]string {
		all := make(map[string]string)
		for kind, list := range map[string]string{"": any, "KABUPATEN": regency, "KOTA": city} {
			for word := range strings.SplitSeq(list, ",") {
				if word != "" {
					all[word] = kind
				}
			}
		}
		return all
	}
	regency := "KABUPATEN,KAB,KABUPATEN ADMINISTRASI,KAB ADM,KAB ADMINISTRASI,KABUPATEN ADM"
	city := "KOTA,KODYA,KOTAMADYA,KOTA MADYA,KOTIF,KOTA ADMINISTRASI,KOTA ADM"
	return map[sesuai.Attribute]map[string]string{
		sesuai.Province:     kinds("PROVINSI,PROPINSI,PROV,PROP", "", ""),
		sesuai.City:         kinds("", regency, city),
		sesuai.PlaceOfBirth: kinds("", regency, city),
		sesuai.District:     kinds("KECAMATAN,KEC,DISTRIK,KAPANEWON,KEMANTREN", "", ""),
		sesuai.Subdistrict:  kinds("KELURAHAN,KEL,DESA,DS,KALURAHAN,NAGARI,GAMPONG,GP,PEKON,KAMPUNG,KP,KAMP,LEMBANG,NEGERI", "", ""),
	}
}()

// shortPlaceWords are abbreviations of words in the names of places.
var shortPlaceWords = map[string]string{
	"KEP": "KEPULAUAN", "SUMATRA": "SUMATERA", "KALIMATAN": "KALIMANTAN", "JKT": "JAKARTA", "DKJ": "DKI",
	"SEL": "SELATAN", "UT": "UTARA", "UTR": "UTARA", "TIM": "TIMUR", "TMR": "TIMUR", "BAR": "BARAT", "BRT": "BARAT", "TGH": "TENGAH", "PUS": "PUSAT",
}

// shortPlaces are other names of provinces and cities.
var shortPlaces = map[string]string{
	"DKI": "JAKARTA", "DKI JAKARTA": "JAKARTA", "DAERAH KHUSUS IBUKOTA JAKARTA": "JAKARTA", "DAERAH KHUSUS IBU KOTA JAKARTA": "JAKARTA", "DAERAH KHUSUS JAKARTA": "JAKARTA",
	"DIY": "YOGYAKARTA", "DI YOGYAKARTA": "YOGYAKARTA", "D I YOGYAKARTA": "YOGYAKARTA", "DAERAH ISTIMEWA YOGYAKARTA": "YOGYAKARTA", "JOGJA": "YOGYAKARTA", "JOGJAKARTA": "YOGYAKARTA",
	"NAD": "ACEH", "NANGGROE ACEH DARUSSALAM": "ACEH", "DI ACEH": "ACEH", "DAERAH ISTIMEWA ACEH": "ACEH",
	"SUMUT": "SUMATERA UTARA", "SUMBAR": "SUMATERA BARAT", "SUMSEL": "SUMATERA SELATAN", "BABEL": "KEPULAUAN BANGKA BELITUNG", "BANGKA BELITUNG": "KEPULAUAN BANGKA BELITUNG", "KEPRI": "KEPULAUAN RIAU",
	"JABAR": "JAWA BARAT", "JATENG": "JAWA TENGAH", "JATIM": "JAWA TIMUR", "NTB": "NUSA TENGGARA BARAT", "NTT": "NUSA TENGGARA TIMUR",
	"KALBAR": "KALIMANTAN BARAT", "KALTENG": "KALIMANTAN TENGAH", "KALSEL": "KALIMANTAN SELATAN", "KALTIM": "KALIMANTAN TIMUR", "KALTARA": "KALIMANTAN UTARA",
	"SULUT": "SULAWESI UTARA", "SULTENG": "SULAWESI TENGAH", "SULSEL": "SULAWESI SELATAN", "SULTRA": "SULAWESI TENGGARA", "SULBAR": "SULAWESI BARAT", "MALUT": "MALUKU UTARA",
	"JAKPUS": "KOTA JAKARTA PUSAT", "JAKUT": "KOTA JAKARTA UTARA", "JAKBAR": "KOTA JAKARTA BARAT", "JAKSEL": "KOTA JAKARTA SELATAN", "JAKTIM": "KOTA JAKARTA TIMUR", "TANGSEL": "KOTA TANGERANG SELATAN",
	"UJUNG PANDANG": "MAKASSAR", "UJUNGPANDANG": "MAKASSAR", "SOLO": "SURAKARTA",
}
