package name

import (
	"slices"
	"strings"
)

// kind is how two words are related, from not at all to wholly.
type kind uint8

const (
	different   kind = iota
	doubtful         // as often two names as a slip
	abbreviated      // an initial and a word that begins with it
	misspelt         // one word with a slip in it
	homophone        // spellings that sound the same, or a J that may be a Y
	same             // equal, spelling reforms aside
)

// likeness is the outcome of comparing two words.
type likeness struct {
	kind kind
	// agreement is what the pair adds to the agreement of the names, in
	// thousandths of a word.
	agreement int
}

// What a pair adds where Jaro-Winkler does not say.
const (
	// initialAgreement lets a name pass with one initial for every two
	// telling words: (2 + 0.6) / 3 = 87 %.
	initialAgreement   = 600
	homophoneAgreement = 950
	sameAgreement      = 1000
)

// compare tells how two words are related.
func compare(a, b word) likeness {
	switch {
	case a.same(b):
		return likeness{same, sameAgreement}
	case a.maybeSame(b):
		// Either one name, wholly, or two: as it is passed, it agrees in full.
		return likeness{homophone, sameAgreement}
	case a.abbreviates(b) || b.abbreviates(a):
		return likeness{abbreviated, initialAgreement}
	case a.short() || b.short():
		return likeness{different, 0}
	case a.heard == b.heard:
		return likeness{homophone, homophoneAgreement}
	}
	// One liberty at a time: a slip must be one as written or in the one
	// spelling, not as heard. SAFITRI is no slip for SAPUTRI by way of SAPITRI.
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

// endings are what tells a man's name (left) from a woman's of the same stem.
var endings = [...][2]string{
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
	return slices.ContainsFunc(endings[:], func(e [2]string) bool {
		return differBy(a, b, e[0], e[1]) || differBy(b, a, e[0], e[1])
	})
}

// differBy reports whether a and b are one stem with two endings.
func differBy(a, b, endA, endB string) bool {
	stemA, okA := strings.CutSuffix(a, endA)
	stemB, okB := strings.CutSuffix(b, endB)
	return okA && okB && stemA == stemB
}

// The letters that both words must have. A short word has too many neighbours
// that are names (DEWI, DEDI, DEVI).
const (
	shortestDoubt    = 5
	shortestSlip     = 6
	shortestLastSlip = 7 // with the last letter in it: HENDRA is not HENDRO
	longWord         = 9
)

// slip classes the difference of two words: misspelt if it is a slip of the
// pen, doubtful if it may be, different if it is too large or the words too
// short.
//
// Names in use lie close to one another. They differ in a consonant (SUKARDI,
// SUPARDI, SUHARDI, SUNARDI), in a vowel (SUDARMAN, SUDIRMAN), in the first and
// the last letters (HAMDAN, RAMDAN; RAHMAN, RAHMAT; SUYANTO, SUYATNO). What is
// left for a slip is one error that seldom leads to another name.
func slip(a, b []rune) kind {
	if len(a) > len(b) {
		a, b = b, a
	}
	if len(a) < shortestDoubt {
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
		excusable = related(x[0], y[0]) && (tail > 0 || len(a) >= shortestLastSlip)
	case len(x) == 2 && len(y) == 2 && x[0] == y[1] && x[1] == y[0]: // two transposed
		excusable = tail > 1
	default:
		if len(a) >= longWord && damerauLevenshtein(a, b) <= 2 {
			return doubtful
		}
		return different
	}
	if excusable && head > 0 && len(a) >= shortestSlip {
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

// weak reports whether the letter w[i], neither first nor last, is easily left
// out: a vowel between consonants, the glides after a vowel, H after a vowel or
// C (CHANDRA), and in a long word any letter beside a consonant. A vowel beside
// a vowel is not, as MARIANA and MARINA are two names; nor a consonant between
// vowels, as SYARIFUDIN and SYAIFUDIN are; nor a glide after a consonant, as
// SURYONO and SURONO are.
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
