// Package name compares the name that somebody claims with the name on record,
// the way Indonesian names are written: with and without titles, in the old
// spelling and the new, with Muhammad in more than twenty forms, with initials,
// and often as a single word.
//
// It is pure: no I/O, no clock, no configuration, nothing remembered from one
// call to the next. It must not know whose names it compares, where they come
// from, or what becomes of the score; its callers reveal the names and apply
// the pass mark of the client.
//
// The hard case is not the stranger but the sibling. Twins share a date of
// birth and nearly a face, and their parents gave them names to match, so the
// name has to tell SUPARDI from SUKARDI and SUSANTO from SUSANTI. Where typing
// errors and real names overlap, the matcher therefore sides with the record:
// an honest person can type the name again. What that means case by case is in
// testdata/decisions.txtar, which is written to be read and judged.
package name

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sesuai/sesuai"
)

// Pass marks are scores: a claimed name matches the recorded one if its Score
// is at or above the mark.
const (
	// PassMark is the default.
	PassMark = 85
	// LowestPassMark is the least a client may be given. It admits one doubt
	// of the kinds that PassMark refuses; names that differ stay below it.
	LowestPassMark = 80
	// HighestPassMark admits only names that are equal once titles and
	// spelling are out of the way.
	HighestPassMark = 100
)

// The ceilings of a score. How alike two names look never lifts a score above
// what the worst of their differences allows: otherwise a long word in common
// would pay for a short one that differs (MUHAMMAD ALI, MUHAMMAD ADI).
const (
	equal     = 100                // word by word, in the same order
	variant   = equal - 1          // the same words in another order, or misspelt
	doubted   = PassMark - 1       // as may be one person's as two people's
	differing = LowestPassMark - 1 // another person's, at any pass mark
)

// longest is the number of characters above which names are only tested for
// being equal, so that the cost of a comparison is bounded. It is twice what a
// name may have, because folding turns some characters into several.
const longest = 2 * sesuai.MaxNameLength

// Score tells how well the claimed name agrees with the recorded one, from 0
// to 100. It is symmetric. A name without a letter scores 0.
//
// 100 means equal: after folding, without titles, in one spelling. Otherwise
// the score is the better of two measures, held under a ceiling. One is the
// Damerau-Levenshtein ratio of the sorted words, the other the mean over the
// words of the longer name of how well each agrees with its counterpart (by
// Jaro-Winkler where it is misspelt). The ceiling is
//
//   - 99 if every word has its counterpart, be it misspelt or moved, or written
//     with a J for a Y that may be the old one;
//   - 84 if there is one doubt: a difference that is at times a slip and at
//     times another person, or a lone initial too many;
//   - 79 if there are two doubts, if a word is missing or is another word, if
//     an initial stands for a word without two telling words to back it, if
//     only one of the names is a single word, or if one is a man's and the
//     other a woman's.
func Score(claimed, recorded string) int {
	if claimed == recorded && strings.ContainsFunc(claimed, unicode.IsLetter) {
		return equal
	}
	a, b := parse(fold(claimed)), parse(fold(recorded))
	if len(a.words) == 0 || len(b.words) == 0 {
		return 0
	}
	if a.length > longest || b.length > longest {
		if a.equal(b) {
			return equal
		}
		return 0
	}
	a.words, b.words = rejoin(a.words, b.words), rejoin(b.words, a.words)
	if a.equal(b) {
		return equal
	}
	ceiling, agreement := align(a.words, b.words)
	if a.contradicts(b) {
		ceiling = differing
	}
	return min(ceiling, max(agreement, ratio(sorted(a.words), sorted(b.words))))
}

// name is a name taken apart.
type name struct {
	words  []word
	sex    sex
	length int // characters, as folded
}

// parse takes a folded name apart: titles and particles go, abbreviations are
// written out, every word is brought into one spelling.
func parse(folded string) name {
	n := name{length: utf8.RuneCountInString(folded)}
	fields := strings.Fields(trimTitles(folded))
	fields, n.sex = trimParticles(fields)
	n.words = make([]word, len(fields))
	for i, field := range fields {
		n.words[i] = newWord(field, i == 0 && len(fields) > 1)
	}
	return n
}

// equal reports whether two names have the same words in the same order.
func (n name) equal(m name) bool {
	return !n.contradicts(m) && slices.EqualFunc(n.words, m.words, word.same)
}

// contradicts reports whether one name is a man's and the other a woman's.
func (n name) contradicts(m name) bool {
	return n.sex != unsaid && m.sex != unsaid && n.sex != m.sex
}

// sorted is the words' canonical spellings in alphabetical order.
func sorted(words []word) string {
	texts := make([]string, len(words))
	for i, w := range words {
		texts[i] = w.canon
	}
	slices.Sort(texts)
	return strings.Join(texts, " ")
}
