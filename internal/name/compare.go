package name

import (
	"slices"
	"strings"
)

// kind says how two words are related. The kinds are in ascending order of
// similarity.
type kind uint8

const (
	different   kind = iota
	doubtful         // two names as often as a typing error
	abbreviated      // an initial and a word that begins with it
	misspelt         // one word with a typing error
	homophone        // spellings that sound the same, or a J that may be a Y
	same             // equal apart from the spelling reforms
)

// likeness is the result of comparing two words.
type likeness struct {
	kind kind
	// agreement is the pair's share in the agreement of the names, in
	// thousandths of a word.
	agreement int
}

// The agreement of pairs that are not measured by Jaro-Winkler.
const (
	// initialAgreement lets a name pass that has one initial for every two
	// distinctive words: (2 + 0.6) / 3 = 87 %.
	initialAgreement   = 600
	homophoneAgreement = 950
	sameAgreement      = 1000
)

// compare returns how two words are related.
func compare(a, b word) likeness {
	switch {
	case a.same(b):
		return likeness{same, sameAgreement}
	case a.maybeSame(b):
		// They are either two spellings of one name or two names. They
		// count as one, which agrees in full.
		return likeness{homophone, sameAgreement}
	case a.abbreviates(b) || b.abbreviates(a):
		return likeness{abbreviated, initialAgreement}
	case a.short() || b.short():
		return likeness{different, 0}
	case a.heard == b.heard:
		return likeness{homophone, homophoneAgreement}
	}
	// A typing error is looked for in the words as written and in the
	// canonical spelling, but not in what they sound like: SAFITRI must not
	// become SAPUTRI by way of SAPITRI.
	best := likeness{different, 0}
	for _, form := range [...][2]string{{a.canon, b.canon}, {a.plain, b.plain}} {
		if sexesDiffer(form[0], form[1]) {
			return likeness{different, 0}
		}
		x, y := []rune(form[0]), []rune(form[1])
		if k := slip(x, y); k > best.kind {
			best = likeness{k, jaroWinkler(x, y)}
		}
	}
	return best
}

// suffixes distinguish a man's name (first) from a woman's of the same stem.
var suffixes = [...][2]string{
	{"O", "I"},                 // SUSANTO, SUSANTI
	{"A", "I"},                 // SAPUTRA, SAPUTRI
	{"", "A"},                  // FARHAN, FARHANA
	{"WAN", "WATI"},            // SETIAWAN, SETIAWATI
	{"DI", "NI"}, {"DI", "TI"}, // SURYADI, SURYANI; SUNARDI, SUNARTI
	{"ANTO", "ANI"}, // SURYANTO, SURYANI
	{"ONO", "INI"},  // HARTONO, HARTINI
}

// sexesDiffer reports whether two words are the forms of one name for a man
// and for a woman.
func sexesDiffer(a, b string) bool {
	return slices.ContainsFunc(suffixes[:], func(e [2]string) bool {
		return differBy(a, b, e[0], e[1]) || differBy(b, a, e[0], e[1])
	})
}

// differBy reports whether a and b are one stem with two suffixes.
func differBy(a, b, endA, endB string) bool {
	stemA, okA := strings.CutSuffix(a, endA)
	stemB, okB := strings.CutSuffix(b, endB)
	return okA && okB && stemA == stemB
}

// The lengths that both words must have. Changing one letter of a short word
// often gives another name (DEWI, DEDI, DEVI).
const (
	minDoubtful     = 5
	minMisspelt     = 6
	minMisspeltLast = 7 // if the last letter differs: HENDRA is not HENDRO
	longWord        = 9
)

// slip classifies the difference of two words: misspelt if it is a typing
// error, doubtful if it may be one, different if it is too large or a word is
// too short.
//
// Many names in use differ by one letter: a consonant (SUKARDI, SUPARDI,
// SUHARDI, SUNARDI), a vowel (SUDARMAN, SUDIRMAN), the first or the last letter
// (HAMDAN, RAMDAN; RAHMAN, RAHMAT), or two that are transposed (SUYANTO,
// SUYATNO). Therefore only a single error counts as a typing error, and only if
// it is of a kind that seldom leads to another name.
func slip(a, b []rune) kind {
	if len(a) > len(b) {
		a, b = b, a
	}
	if len(a) < minDoubtful {
		return different
	}
	head := 0
	for head < len(a) && a[head] == b[head] {
		head++
	}
	tail := 0
	for tail < len(a)-head && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	x, y := a[head:len(a)-tail], b[head:len(b)-tail]

	excusable := false
	switch {
	case len(x) == 0 && len(y) == 1: // a letter missing
		excusable = head > 0 && tail > 0 && weak(b, head)
	case len(x) == 1 && len(y) == 1: // a letter wrong
		excusable = related(x[0], y[0]) && (tail > 0 || len(a) >= minMisspeltLast)
	case len(x) == 2 && len(y) == 2 && x[0] == y[1] && x[1] == y[0]: // two transposed
		excusable = tail > 1
	default:
		if len(a) >= longWord && damerauLevenshtein(a, b) <= 2 {
			return doubtful
		}
		return different
	}
	if excusable && head > 0 && len(a) >= minMisspelt {
		return misspelt
	}
	return doubtful
}

// related reports whether two vowels are written for one another: SANTOSA and
// SANTOSO, SULICHIN and SOLICHIN, MELATI and MILATI.
func related(v, w rune) bool {
	switch {
	case v > w:
		return related(w, v)
	case v == 'A' && w == 'O', v == 'O' && w == 'U', v == 'E' && w == 'I':
		return true
	}
	return false
}

// weak reports whether the letter w[i], neither first nor last, is easily
// omitted: a vowel between consonants, W or Y after a vowel, H after a vowel or
// C (CHANDRA), and in a long word any letter beside a consonant. Omitting other
// letters gives other names: a vowel beside a vowel (MARIANA, MARINA), a
// consonant between vowels (SYARIFUDIN, SYAIFUDIN), W or Y after a consonant
// (SURYONO, SURONO).
func weak(w []rune, i int) bool {
	last, next := w[i-1], w[i+1]
	switch w[i] {
	case 'W', 'Y':
		return vowel(last)
	case 'H':
		return vowel(last) || last == 'C'
	}
	if len(w) > longWord {
		return !vowel(last) || !vowel(next)
	}
	return vowel(w[i]) && !vowel(last) && !vowel(next)
}
