package name

import (
	"iter"
	"strings"
)

// grade says how sure it is that words are a title.
type grade uint8

const (
	noTitle grade = iota
	// perhaps is a title that may be part of a name: SE, MA. A name that ends
	// with one is read with and without it, but see Score.
	perhaps
	// surely is a title that is no name (SKOM), or is written like one (S.E.,
	// or SE behind a comma).
	surely
)

// title is a listed title.
type title struct {
	// cuts has bit i set if the title may be parted before its i-th letter.
	cuts uint16
	// bare is the grade of the title in one word, without a dot or a comma.
	bare grade
}

const (
	// maxTitleWords is the greatest number of words in a title, as in
	// SP.T.H.T.B.K.L.
	maxTitleWords = 7
	// maxTitleLetters is the greatest number of letters in a listed title.
	maxTitleLetters = 12
	// maxHeadLetters is the greatest number of letters in the first word of a
	// title of several words (JENDERAL POL; behind the name SUBSP, ASEAN).
	maxHeadLetters, maxTrailingHeadLetters = 8, 5
)

// titleSet finds titles by their letters.
type titleSet map[string]title

// newTitles returns the titles in a list, in which a dot stands wherever a title
// may be parted. doubtful reports whether a title in one word may be part of a
// name where it stands.
func newTitles(list string, doubtful func(word string) bool) titleSet {
	set := make(titleSet)
	for listed := range strings.FieldsSeq(list) {
		letters := strings.ReplaceAll(listed, ".", "")
		t := set[letters]
		n := 0
		for _, part := range strings.Split(listed, ".") {
			t.cuts |= 1 << n
			n += len(part)
		}
		switch {
		case given[letters]:
			t.bare = noTitle
		case doubtful(letters):
			t.bare = perhaps
		default:
			t.bare = surely
		}
		set[letters] = t
	}
	return set
}

// plain are the titles of two letters that are in such use that nobody takes
// them for two initials.
var plain = setOf("DR HJ IR KH LC MH MM MT NN NS NY SH SP SS TN")

// initialsOrName reports whether a title in one word may also be two initials or
// a name.
func initialsOrName(word string) bool {
	return !plain[word] && (len(word) == 2 || surnames[word] || pronounceable(word))
}

// initials reports whether a title in one word may also be two initials, or is
// one of surnames. Before a name there is no other doubt.
func initials(word string) bool { return !plain[word] && (len(word) == 2 || surnames[word]) }

// find returns the grade of words if they are a title of the set. gaps is what
// stands before each of them and behind the last.
func (set titleSet) find(words []string, gaps []gap) grade {
	var buf [maxTitleLetters]byte
	letters := buf[:0]
	cuts := uint16(0)
	for _, w := range words {
		if len(letters)+len(w) > maxTitleLetters {
			return noTitle
		}
		cuts |= 1 << len(letters)
		letters = append(letters, w...)
	}
	t, ok := set[string(letters)]
	switch {
	case !ok || cuts&^t.cuts != 0:
		return noTitle
	case len(words) == 1 && given[words[0]] && gaps[0]&(comma|bracket) != 0:
		return perhaps // LIE, MEI
	case gaps[0]&(comma|bracket) != 0:
		return surely
	case len(words) == 1:
		return t.bare
	}
	// S P, M HAN and S.HAN may be initials and a name. S.P. is a title in use.
	// S PD and M SI are no name.
	dotted := written(gaps)
	best := perhaps
	for _, w := range words {
		switch {
		case syllables[w]:
			return perhaps
		case dotted, len(w) == 2, len(w) > 2 && !pronounceable(w):
			best = surely
		}
	}
	return best
}

// written reports whether the signs before and between words mark them as a
// title: a comma or a bracket before, a dot or a bracket between. A dot behind
// does not: people end names with one.
func written(gaps []gap) bool {
	inside := gap(0)
	for _, g := range gaps[1 : len(gaps)-1] {
		inside |= g
	}
	return (gaps[0]&comma | gaps[0]&bracket | inside&dot | inside&bracket) != 0
}

// parted reports whether a comma parts words, so that they are not one title.
func parted(gaps []gap) bool {
	for _, g := range gaps[1 : len(gaps)-1] {
		if g&comma != 0 {
			return true
		}
	}
	return false
}

// formed returns the grade of words that are no listed title but are formed
// like one, by Permenristekdikti 59/2018, article 20: a head (S., M., A.Md.,
// Sp.) and the initials of a field of study.
func formed(words []string, gaps []gap) grade {
	n := len(words)
	behindComma := gaps[0]&(comma|bracket) != 0
	if n == 1 {
		return abbreviation(words[0], behindComma)
	}
	if n > 2 && (words[0] == "S" || words[0] == "M") && words[1] == "TR" && len(words[n-1]) <= 4 {
		return surely // S TR M
	}
	spaced := false
	for _, g := range gaps[1:n] {
		spaced = spaced || g&space != 0
		if g&(dot|hyphen|bracket) == 0 || spaced && !behindComma {
			return noTitle // S WIBOWO, S. WIBOWO
		}
	}
	head, parts := words[0], words[1:]
	switch first := parts[0]; {
	case head == "SP", head == "SUBSP", head == "STR", head == "MTR", head == "SST", head == "AMD", head == "MSC", head == "BSC",
		n > 2 && (head == "S" || head == "M" || head == "D") && (first == "TR" || first == "ST"),
		n > 2 && head == "A" && first == "MD":
		for _, p := range parts {
			if len(p) > 8 {
				return noTitle
			}
		}
		return surely
	case n > 2 && head == "A" && (first == "P" || first == "M" || first == "MA"),
		head == "D" || head == "B":
		return field(parts, behindComma, behindComma)
	case (head == "S" || head == "M") && spaced:
		return min(field(parts, behindComma, false), perhaps)
	case head == "S" || head == "M":
		return field(parts, behindComma, behindComma || n > 2) // S.A.P.
	case behindComma && (len(strings.Join(words, "")) == n || n == 2 && head == "K" && gaps[1] == hyphen):
		return perhaps // C.H.E., K-GEH
	}
	return noTitle
}

// abbreviation returns the grade of an unknown word: a title if it begins like
// one that is in one word (STRKES, SPKKLP), or stands behind a comma and cannot
// be pronounced (CRMP, FCSI).
func abbreviation(w string, behindComma bool) grade {
	switch {
	case len(w) < 2 || len(w) > 9 || isShortForm(w):
	case behindComma && len(w) <= 6 && !pronounceable(w),
		len(w) > 3 && strings.HasPrefix(w, "SP") && !hasVowel(w),
		len(w) > 3 && (strings.HasPrefix(w, "STR") || strings.HasPrefix(w, "MTR") || strings.HasPrefix(w, "SUBSP")):
		return perhaps
	}
	return noTitle
}

// field returns the grade of the words behind S. and the like. A field of study
// is shortened to at most one syllable (longer ones are listed). More may be the
// name behind an initial (S.WIBOWO), so they count only behind a comma, and only
// if they do not end like names. letters says whether single letters count.
func field(parts []string, behindComma, letters bool) grade {
	best := noTitle
	if letters {
		best = perhaps
	}
	for _, p := range parts {
		switch {
		case len(p) == 1:
		case len(p) > 8 || syllables[p] || !behindComma && isShortForm(p):
			return noTitle
		case len(p) <= 5 && vowels(p) <= 1:
			if best = max(best, perhaps); behindComma || !pronounceable(p) {
				best = surely
			}
		case behindComma && !endsLikeName(p):
			return perhaps
		default:
			return noTitle
		}
	}
	return best
}

// readings is how a text may be read: which of its words are the name, between
// the titles before and behind it.
type readings struct {
	first [2]int // the first word, without the sure titles and without all
	// last has the end of the name, without the sure titles and then without
	// one more title each.
	last []int
}

// titled finds the titles at both ends of a name. It always leaves one word.
func titled(words []string, gaps []gap, last []int) readings {
	r := readings{last: last}
	for n := 0; r.first[1]+1 < len(words); r.first[1] += n {
		var g grade
		n, g = leadingTitle(words[r.first[1]:], gaps[r.first[1]:])
		if n == 0 {
			break
		}
		if g == surely {
			r.first[0] = r.first[1] + n
		}
	}
	end := len(words)
	r.last = append(r.last, end)
	low := r.first[1]
	limit := surely
	if end-low > 2 && gaps[end-1]&comma != 0 && len(words[end-1]) <= 8 {
		if _, g := trailingTitle(words, gaps, low, end); g == noTitle {
			// An unknown word behind a title and a comma: SP.JP, FIHA.
			if start, g := trailingTitle(words, gaps, low, end-1); g == surely && written(gaps[start:end]) {
				limit, end = perhaps, end-1
			}
		}
	}
	for {
		start, g := trailingTitle(words, gaps, low, end)
		if g == noTitle {
			break
		}
		end = start
		if min(g, limit) == surely {
			r.last = r.last[:0]
		}
		r.last = append(r.last, end)
	}
	return r
}

// name returns the name without the sure titles.
func (r readings) name(words []string) []string { return words[r.first[0]:r.last[0]] }

// others yields the name without one or more of the titles that name has kept.
func (r readings) others(words []string) iter.Seq[name] {
	return func(yield func(name) bool) {
		for i, first := range r.first {
			if i == 1 && first == r.first[0] {
				return
			}
			for j, last := range r.last {
				if i == 0 && j == 0 {
					continue
				}
				if !yield(parse(words[first:last])) {
					return
				}
			}
		}
	}
}

// leadingTitle returns the number of words of the longest title that words begin
// with, 0 if there is none. It leaves one word.
func leadingTitle(words []string, gaps []gap) (n int, g grade) {
	for n = min(len(words)-1, maxTitleWords); n > 0; n-- {
		if n > 1 && len(words[0]) > maxHeadLetters || parted(gaps[:n+1]) {
			continue
		}
		g = leadingTitles.find(words[:n], gaps[:n+1])
		if g == noTitle && (written(gaps[:n+1]) || gaps[n]&dot != 0) {
			g = min(leadingInitials.find(words[:n], gaps[:n+1]), perhaps)
		}
		if g == noTitle || g == perhaps && !enough(words[n:], true) {
			continue
		}
		if n+1 < len(words) && gaps[n]&bracket != 0 && gaps[n+1]&bracket != 0 && len(words[n]) <= maxBracket {
			n++ // LETKOL (INF)
		}
		return n, g
	}
	return 0, noTitle
}

// trailingTitle returns the start of the longest title that words[:end] end
// with. It leaves the words up to low, and one more.
func trailingTitle(words []string, gaps []gap, low, end int) (start int, g grade) {
	if end-low > 2 && gaps[end-1]&bracket != 0 && inBrackets(words[end-1], gaps[end-1]) {
		if start, g = trailingTitle(words, gaps, low, end-1); g != noTitle {
			return start, g
		}
	}
	// First the titles that begin where a written word does: M.M. M SI ends
	// with M SI, not with M M SI. A sure one counts more than a longer one.
	best, tight := end, false
	for _, within := range [...]bool{false, true} {
		for start = max(low+1, end-maxTitleWords); start < end; start++ {
			if begins := gaps[start]&(space|comma|bracket) != 0; begins == within {
				tight = tight || !begins
				continue
			}
			switch titleAt(words[low:], gaps[low:], start-low, end-low) {
			case surely:
				return start, surely
			case perhaps:
				best = min(best, start)
			}
		}
		if best < end {
			return best, perhaps
		}
		if !tight {
			break
		}
	}
	return end, noTitle
}

// titleAt returns the grade of words[start:end] as a title behind the words
// before them.
func titleAt(words []string, gaps []gap, start, end int) grade {
	title, between := words[start:end], gaps[start:end+1]
	if len(title) > 1 && len(title[0]) > maxTrailingHeadLetters || parted(between) {
		return noTitle
	}
	g := trailingTitles.find(title, between)
	surname := len(title) == 1 && (surnames[title[0]] || given[title[0]])
	if g == noTitle {
		g, surname = formed(title, between), true
	}
	if g == noTitle && written(between) && leading(title, between) {
		g, surname = perhaps, false // BUDI SANTOSO, DR. H.
	}
	if g == perhaps && !enough(words[:start], surname) {
		return noTitle
	}
	return g
}

// maxBracket is the greatest number of letters in brackets that belong to the
// title before them.
const maxBracket = 5

// inBrackets reports whether a word in brackets belongs to the title before it:
// SP.OG(K), M.SI(HAN).
func inBrackets(w string, before gap) bool {
	switch w {
	case "K", "HONS", "PURN", "CAND":
		return true
	}
	return before&space == 0 && len(w) <= maxBracket
}

// leading reports whether words are titles that usually stand before a name.
func leading(words []string, gaps []gap) bool {
	for len(words) > 0 {
		n := min(len(words), maxTitleWords)
		for n > 0 && leadingTitles.find(words[:n], gaps[:n+1]) == noTitle && leadingInitials.find(words[:n], gaps[:n+1]) == noTitle {
			n--
		}
		if n == 0 {
			return false
		}
		words, gaps = words[n:], gaps[n:]
	}
	return true
}

// enough reports whether the words beside a title are a name without it. One of
// them must be longer than the words of Chinese names, which SE and MAK may be
// part of (LIE SIU MAK), or there must be two and one of more than a syllable.
// surname says that the title is often a family name behind a given name (LINA
// MA), or is not listed: then there must be two words.
func enough(words []string, surname bool) bool {
	if surname && len(words) < 2 {
		return false
	}
	for _, w := range words {
		if len(w) >= 5 || len(words) > 1 && vowelRuns(w) > 1 {
			return true
		}
	}
	return false
}
