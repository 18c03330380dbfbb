package name

import "strings"

// vowelRuns returns the number of runs of vowels in a word, which is about the
// number of its syllables.
func vowelRuns(w string) int {
	n := 0
	for i := range len(w) {
		if vowel(w[i]) && (i == 0 || !vowel(w[i-1])) {
			n++
		}
	}
	return n
}

// vowels returns the number of vowels in a word, with Y.
func vowels(w string) int {
	n := 0
	for i := range len(w) {
		if vowel(w[i]) || w[i] == 'Y' {
			n++
		}
	}
	return n
}

// endsLikeName reports whether a word of several syllables ends as most names
// do: with a vowel or Y, or like HASAN, FATIMAH, RAHMAT, SALIM, YUSUF. Words that
// are shortened to initials of a field end in the middle of one.
func endsLikeName(w string) bool {
	if last := w[len(w)-1]; vowel(last) || last == 'Y' {
		return true
	}
	return nameSuffixes[w[len(w)-2:]]
}

func hasVowel(w string) bool { return strings.ContainsAny(w, "AEIOU") }

// pronounceable reports whether a word is built like a name: vowels, and between
// them the consonants that Indonesian names have.
func pronounceable(w string) bool {
	if !hasVowel(w) {
		return false
	}
	start := 0 // of the consonants since the last vowel
	for i := 0; i <= len(w); i++ {
		if i < len(w) && !vowel(w[i]) {
			continue
		}
		run := w[start:i]
		start = i + 1
		switch {
		case len(run) < 2 || digraphs[run]:
		case i == len(run): // at the start
			if !onsets[run] {
				return false
			}
		case i == len(w):
			if !strings.ContainsRune("LNRS", rune(run[0])) || len(run) > 2 {
				return false
			}
		case len(run) > 3:
			return false
		}
	}
	return true
}

var (
	digraphs     = setOf(`BH CH DH DJ GH KH NG NY PH RH SH SJ SY TH TJ`)
	nameSuffixes = setOf(`AB AD AH AL AM AN AR AS AT EF EH EL EN EP ER ES ET ID IF IH IK IL IM IN IQ IR IS IT NG OH ON TH UD UF UH UL UN UR
		US UT`)
	onsets = setOf(`BL BR DR DW FL FR GL GR KL KR KW PL PR SL SR ST SW TR`)
)
