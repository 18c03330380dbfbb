package name

// maxUnpaired is how many words of a name may be without an equal word in the
// other for align to search for the best pairing. Names with more such words
// differ however they are paired.
const maxUnpaired = 5

// align pairs the words of two names. It returns the ceiling that the worst
// difference sets, and the agreement in percent. Equal words are paired first,
// the others in the way that scores highest.
func align(a, b []word) (ceiling, agreement int) {
	al := alignment{slots: max(len(a), len(b))}
	al.a, al.b = al.pairUp(a, b, word.same)
	al.a, al.b = al.pairUp(al.a, al.b, word.maybeSame)
	if len(al.a) > len(al.b) {
		al.a, al.b = al.b, al.a
	}
	if len(al.b) > maxUnpaired {
		al.found.words[different] += len(al.b)
		return al.found.ceiling(), al.found.agreement(al.slots)
	}
	for i, v := range al.a {
		for j, w := range al.b {
			al.pairs[i][j] = compare(v, w)
		}
	}
	al.search(0, 0, al.found)
	return al.ceiling, al.agreement
}

// alignment is the search for the best pairing.
type alignment struct {
	a, b  []word // the words without an equal; len(a) <= len(b)
	pairs [maxUnpaired][maxUnpaired]likeness
	slots int   // words of the longer name
	found tally // the sum of the equal words

	ceiling, agreement int // of the best pairing so far
}

// pairUp counts the words that have an equal word in the other name, and
// returns the others.
func (al *alignment) pairUp(a, b []word, equal func(v, w word) bool) (restA, restB []word) {
	restB = append(restB, b...)
next:
	for _, v := range a {
		for j, w := range restB {
			if equal(v, w) {
				al.found.add(v, w, compare(v, w))
				restB = append(restB[:j], restB[j+1:]...)
				continue next
			}
		}
		restA = append(restA, v)
	}
	return restA, restB
}

// search tries every partner for the words of al.a from the i-th on. The bits
// of taken stand for the words of al.b that have a partner. The result depends
// only on the set of pairings, not on their order, so scores are symmetric.
func (al *alignment) search(i int, taken uint, t tally) {
	if i == len(al.a) {
		for j, w := range al.b {
			if taken&(1<<j) == 0 {
				t.addUnpaired(w)
			}
		}
		ceiling, agreement := t.ceiling(), t.agreement(al.slots)
		if ceiling > al.ceiling || ceiling == al.ceiling && agreement > al.agreement {
			al.ceiling, al.agreement = ceiling, agreement
		}
		return
	}
	for j, w := range al.b {
		if taken&(1<<j) == 0 {
			next := t
			next.add(al.a[i], w, al.pairs[i][j])
			al.search(i+1, taken|1<<j, next)
		}
	}
}

// tally is the sum over the pairs of a pairing.
type tally struct {
	words       [same + 1]int // pairs of each kind; an unpaired word is different
	full        int           // words that agree and are not initials
	distinctive int           // those of them that are distinctive
	initials    int           // unpaired initials
	sum         int           // agreement, in thousandths of a word
}

// add counts a pair of words.
func (t *tally) add(a, b word, l likeness) {
	t.words[l.kind]++
	t.sum += l.agreement
	if l.kind >= homophone && !a.short() {
		t.full++
		if a.distinctive() && b.distinctive() {
			t.distinctive++
		}
	}
}

// addUnpaired counts a word without a counterpart.
func (t *tally) addUnpaired(w word) {
	if w.short() {
		t.initials++
	} else {
		t.words[different]++
	}
}

// ceiling returns the highest score that the pairs allow.
func (t *tally) ceiling() int {
	// Each word that agrees excuses one misspelt word.
	doubts := t.words[doubtful] + t.initials + max(t.words[misspelt]-t.full, 0)
	switch {
	case t.words[different] > 0,
		t.words[abbreviated]*2 > t.distinctive,
		t.words[doubtful] > t.full,
		doubts > 1:
		return differing
	case doubts == 1:
		return doubted
	}
	return variant
}

// agreement returns the mean over slots words, in percent. Initials count only
// if a whole word agrees too.
func (t *tally) agreement(slots int) int {
	sum := t.sum
	if t.full == 0 {
		sum -= t.words[abbreviated] * initialAgreement
	}
	return (sum + 5*slots) / (10 * slots)
}
