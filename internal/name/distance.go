package name

// Ratio returns the similarity of two texts in percent: 1 minus their
// Damerau-Levenshtein distance divided by the length of the longer one.
func Ratio(a, b string) int {
	x, y := []rune(a), []rune(b)
	n := max(len(x), len(y))
	if n == 0 {
		return 0
	}
	return (100*(n-damerauLevenshtein(x, y)) + n/2) / n
}

// damerauLevenshtein returns the number of single errors between a and b: a
// letter wrong, missing or surplus, or two neighbours transposed. (F. J.
// Damerau, A technique for computer detection and correction of spelling
// errors, CACM 7(3), 1964; V. I. Levenshtein, Soviet Physics Doklady 10(8),
// 1966.) It is the restricted form of the distance, in which no letter takes
// part in two errors. Texts have at most 32,767 characters.
func damerauLevenshtein(a, b []rune) int {
	// Three rows of the matrix: d[i][j] is the distance of a[:i] and b[:j].
	var buf [3][maxLength + 1]int16
	before, last, row := grow(buf[0][:], len(b)), grow(buf[1][:], len(b)), grow(buf[2][:], len(b))
	for j := range last {
		last[j] = int16(j)
	}
	for i := 1; i <= len(a); i++ {
		row[0] = int16(i)
		for j := 1; j <= len(b); j++ {
			wrong := last[j-1]
			if a[i-1] != b[j-1] {
				wrong++
			}
			row[j] = min(wrong, last[j]+1, row[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return int(last[len(b)])
}

// grow returns n+1 elements of buf, or a new slice if buf is too short.
func grow(buf []int16, n int) []int16 {
	if n < len(buf) {
		return buf[:n+1]
	}
	return make([]int16, n+1)
}

// jaroWinkler returns the similarity of two words in thousandths: Jaro's
// measure, plus a bonus for up to four letters in common at the start, where
// errors are rarer. (W. E. Winkler, String comparator metrics and enhanced
// decision rules in the Fellegi-Sunter model of record linkage, ASA Survey
// Research Methods, 1990; M. A. Jaro, JASA 84(406), 1989.) The bonus per letter
// is a tenth of 1 minus Jaro's measure. Below a measure of 0.7 there is none.
func jaroWinkler(a, b []rune) int {
	j := jaro(a, b)
	if j < 0.7 {
		return int(j*1000 + 0.5)
	}
	prefix := 0
	for prefix < min(4, len(a), len(b)) && a[prefix] == b[prefix] {
		prefix++
	}
	return int((j+float64(prefix)*0.1*(1-j))*1000 + 0.5)
}

// jaro returns the mean of three shares: of a's letters found in b, of b's
// found in a, and of the found letters that are in the same order. A letter is
// found if its position in the other word is less than half the length of the
// longer word away.
func jaro(a, b []rune) float64 {
	if len(a) == 0 || len(b) == 0 {
		return 0
	}
	window := max(max(len(a), len(b))/2-1, 0)
	var buf [2][32]bool // so that words of up to 32 letters need no heap
	foundA, foundB := append(buf[0][:0], make([]bool, len(a))...), append(buf[1][:0], make([]bool, len(b))...)
	found := 0
	for i, r := range a {
		for j := max(i-window, 0); j < min(i+window+1, len(b)); j++ {
			if !foundB[j] && b[j] == r {
				foundA[i], foundB[j] = true, true
				found++
				break
			}
		}
	}
	if found == 0 {
		return 0
	}
	misplaced, j := 0, 0
	for i, r := range a {
		if !foundA[i] {
			continue
		}
		for !foundB[j] {
			j++
		}
		if b[j] != r {
			misplaced++
		}
		j++
	}
	m := float64(found)
	return (m/float64(len(a)) + m/float64(len(b)) + (m-float64(misplaced)/2)/m) / 3
}
