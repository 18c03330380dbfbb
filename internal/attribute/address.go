package attribute

import (
	"slices"

	"github.com/sesuai/sesuai"
)

// scoreAddress compares two addresses. They match if they have the same names, in
// any order, and the same numbers in the same order at the same places. A kind of
// street or number that only one of them has does not count, nor does a title of
// somebody a street is called after. The neighbourhood (RT, RW), the postal code, the
// village, the district, the city and the province behind the street count only if
// both have them.
//
// An address without its house number does not match one that has it.
func scoreAddress(claimed, recorded string) int {
	x, y := parseAddress(claimed), parseAddress(recorded)
	score := 0
	if x.compatible(y) {
		score = scoreNames(x.names, y.names)
	}
	if score == 0 {
		return unlike(words(claimed), words(recorded))
	}
	return score
}

// compatible reports whether all but the names of two addresses agrees.
func (a address) compatible(b address) bool {
	if len(a.names)+len(a.numbers) == 0 && (a.first != b.first || a.rt != b.rt || a.rw != b.rw) {
		return false // one may lack what tells it from the other
	}
	return slices.EqualFunc(a.numbers, b.numbers, func(v, w addressWord) bool { return v.text == w.text && agree(v.kind, w.kind) }) &&
		agree(a.rt, b.rt) && agree(a.rw, b.rw) && agree(a.postalCode, b.postalCode) && sameLocality(a.localities, b.localities) &&
		(includesAll(a.kinds(), b.kinds()) || includesAll(b.kinds(), a.kinds()))
}

// agree reports whether two texts are equal, or one is not given.
func agree(a, b string) bool { return a == "" || b == "" || a == b }

// sameLocality reports whether what both addresses say of the place around the
// street agrees.
func sameLocality(a, b map[sesuai.Attribute]string) bool {
	for level, place := range a {
		if other, ok := b[level]; ok && scorePlace(level, place, other) < Threshold {
			return false
		}
	}
	return true
}

// kinds returns the kinds of the names.
func (a address) kinds() []string {
	var all []string
	for _, group := range a.names {
		for _, w := range group.words {
			if w.kind != "" {
				all = append(all, w.kind)
			}
		}
	}
	return all
}

func includesAll(all, some []string) bool {
	return !slices.ContainsFunc(some, func(s string) bool { return !slices.Contains(all, s) })
}

// scoreNames compares the names of two addresses. It returns 0 if they differ.
func scoreNames(x, y []nameGroup) int {
	if len(x) != len(y) {
		return 0
	}
	score := equal
	for i := range x {
		if x[i].after != y[i].after {
			return 0
		}
		score = min(score, scoreWords(x[i].words, y[i].words))
	}
	return score
}

// scoreWords compares names that may be in any order. It returns 0 if they differ.
func scoreWords(x, y []addressWord) int {
	remaining, rest := slices.Clone(x), slices.Clone(y)
	score := equal
	for _, wanted := range []likeness{same, slipped} {
		remaining = slices.DeleteFunc(remaining, func(v addressWord) bool {
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
	if len(remaining)+len(rest) == 0 {
		return score
	}
	// What remains may be written in one word here and two there.
	switch joinedWords(remaining).like(joinedWords(rest)) {
	case same:
		return score
	case slipped:
		return misspelt
	default:
		return 0
	}
}

func (w addressWord) like(v addressWord) likeness {
	if !agree(w.kind, v.kind) {
		return different
	}
	if w.initialOf(v) || v.initialOf(w) {
		return slipped
	}
	return compareWords(w.text, v.text)
}

// initialOf reports whether w is the initial of v.
func (w addressWord) initialOf(v addressWord) bool {
	return w.initial && len(v.text) > 1 && v.text[0] == w.text[0]
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
