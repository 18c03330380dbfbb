// Package name compares a claimed name with the name on record. It knows how
// Indonesian names are written: with and without titles, in the old and the new
// spelling, with more than twenty forms of Muhammad, with initials, and often
// as a single word.
//
// It is pure: no I/O, no clock, no configuration and no state. It leaves it to
// its callers to reveal the names and to apply the client's threshold to the
// score.
//
// The hard case is siblings. Twins share a date of birth and nearly a face, and
// parents often give them similar names, so the name has to tell SUPARDI from
// SUKARDI and SUSANTO from SUSANTI. If a difference may be a typing error or
// another person's name, the comparison fails: an honest person can type the
// name again. testdata/decisions.txtar shows case by case what that means. It
// is written for a risk officer to review.
package name

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sesuai/sesuai"
)

// Thresholds of Score: a claimed name matches the recorded one if its score is
// at or above the client's threshold.
const (
	// DefaultThreshold is the threshold of a client that is given none.
	DefaultThreshold = 85
	// MinThreshold is the lowest that a client may be given. It accepts one
	// doubt, which DefaultThreshold refuses. Names that differ score lower.
	MinThreshold = 80
	// MaxThreshold accepts only names that are equal apart from titles and
	// spelling.
	MaxThreshold = 100
)

// The ceilings of a score. The worst difference between two names sets the
// ceiling, however similar the names are otherwise. Without it, a long word in
// common would outweigh a short one that differs (MUHAMMAD ALI, MUHAMMAD ADI).
const (
	equal     = 100                  // the same words in the same order
	variant   = equal - 1            // the same words, misspelt or in another order
	cut       = 90                   // one is the other cut short
	doubted   = DefaultThreshold - 1 // may be one person or two
	differing = MinThreshold - 1     // another person, at any threshold
)

// maxLength is the number of characters up to which names are scored. Longer
// ones are only tested for equality, which bounds the cost of a comparison. It
// is twice sesuai.MaxNameLength because folding turns some characters into
// several.
const maxLength = 2 * sesuai.MaxNameLength

// Score returns how well the claimed name agrees with the recorded one, from 0
// to 100. It is symmetric. A name without a letter scores 0.
//
// The score is 100 if the names are equal after folding, without titles and in
// one spelling. Otherwise it is the greater of two measures, limited by a
// ceiling. The first measure is the Damerau-Levenshtein ratio of the sorted
// words. The second is the mean, over the words of the longer name, of how well
// each agrees with its counterpart (by Jaro-Winkler if it is misspelt). The
// ceiling is
//
//   - 99 if every word has a counterpart, which may be misspelt, moved, or
//     written with a J that may be an old Y;
//   - 84 if there is one doubt: a difference that is sometimes a typing error
//     and sometimes another person, or one surplus initial;
//   - 79 if there are two doubts, if a word is missing or is another word, if
//     an initial stands for a word without two distinctive words beside it, if
//     only one of the names is a single word, or if one is a man's and the
//     other a woman's.
//
// A name that is the other cut short scores 90: see cutShort.
//
// A word that may be a title or a part of the name (BUDI SANTOSO SE, LIE SIU SE)
// is left out of one name only, and only if that scores higher.
func Score(claimed, recorded string) int {
	if claimed == recorded && strings.ContainsFunc(claimed, unicode.IsLetter) {
		return equal
	}
	var gaps [2][maxGaps]gap
	foldedA, gapsA := split(claimed, gaps[0][:0])
	foldedB, gapsB := split(recorded, gaps[1][:0])
	if foldedA == "" || foldedB == "" {
		return 0
	}
	if foldedA == foldedB {
		return equal
	}
	if utf8.RuneCountInString(foldedA) > maxLength || utf8.RuneCountInString(foldedB) > maxLength {
		return 0
	}
	var last [2][4]int
	a := strings.Fields(foldedA)
	b := strings.Fields(foldedB)
	readA, readB := titled(a, gapsA, last[0][:0]), titled(b, gapsB, last[1][:0])
	nameA, nameB := parse(readA.name(a)), parse(readB.name(b))
	best := score(nameA, nameB)
	for other := range readA.others(a) {
		best = max(best, score(other, nameB))
	}
	for other := range readB.others(b) {
		best = max(best, score(nameA, other))
	}
	if best < cut && (readA.cutShort(a, nameA, nameB) || readB.cutShort(b, nameB, nameA)) {
		return cut
	}
	return best
}

// maxGaps is the number of words in most names, and one more. It only saves
// memory.
const maxGaps = 16

// score compares two names without titles, as Score does but for those cut short.
func score(a, b name) int {
	if a.equal(b) {
		return equal
	}
	a.words, b.words = spellOut(a.words, b.words), spellOut(b.words, a.words)
	a.words, b.words = rejoin(a.words, b.words), rejoin(b.words, a.words)
	if a.equal(b) {
		return equal
	}
	ceiling, agreement := align(a.words, b.words)
	if a.contradicts(b) {
		ceiling = differing
	}
	return min(ceiling, max(agreement, Ratio(sorted(a.words), sorted(b.words))))
}

// name is a parsed name.
type name struct {
	words []word
	sex   sex
}

// parse parses the words of a folded name without titles. It removes particles,
// expands abbreviations, and writes each word in one spelling.
func parse(fields []string) name {
	var n name
	fields, n.sex = trimParticles(fields)
	n.words = make([]word, len(fields))
	for i, field := range fields {
		n.words[i] = newWord(field, i == 0 && len(fields) > 1, i == len(fields)-1)
	}
	return n
}

// equal reports whether two names have the same words in the same order.
func (n name) equal(m name) bool {
	return !n.contradicts(m) && slices.EqualFunc(n.words, m.words, word.same)
}

// contradicts reports whether one name is a man's and the other a woman's.
func (n name) contradicts(m name) bool {
	return n.sex != unknown && m.sex != unknown && n.sex != m.sex
}

// minCut is the least number of characters of a name that counts as cut short.
// Cards and the systems of banks cut names at 25 or 30 characters; the last of
// 25 may have been a space.
const minCut = 24

// cutShort reports whether the name n, which the words are read as, is m cut
// short: at least minCut characters, the same words in the same order, and the
// last the same or the start of one. What looks like a title behind n counts as
// a word, since it may be the start of one (IR of IRAWAN).
func (r readings) cutShort(words []string, n, m name) bool {
	words = words[r.first[0]:]
	if length(words) < minCut || n.words[0].canon[0] != m.words[0].canon[0] || n.contradicts(m) {
		return false
	}
	if r.last[0] < r.first[0]+len(words) {
		n = parse(words)
	}
	n.words, m.words = rejoin(n.words, m.words), rejoin(m.words, n.words)
	last := len(n.words) - 1
	if last >= len(m.words) || !slices.EqualFunc(n.words[:last], m.words[:last], word.same) {
		return false
	}
	v, w := n.words[last], m.words[last]
	return strings.HasPrefix(w.plain, v.plain) || strings.HasPrefix(w.canon, v.canon) || v.same(w)
}

// length returns the number of characters of words one space apart.
func length(words []string) int {
	n := len(words) - 1
	for _, w := range words {
		n += utf8.RuneCountInString(w)
	}
	return n
}

// sorted returns the words' canonical spellings in alphabetical order.
func sorted(words []word) string {
	texts := make([]string, len(words))
	for i, w := range words {
		texts[i] = w.canon
	}
	slices.Sort(texts)
	return strings.Join(texts, " ")
}
