package name_test

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sesuai/sesuai/internal/name"
)

const wordsFile = "testdata/words.txtar"

// readWords reads the words file: names in use, and the pairs of them that
// match.
func readWords(t testing.TB) (words []string, pairs [][2]string) {
	t.Helper()
	onFile, err := os.ReadFile(wordsFile)
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(onFile), "-- words --\n")
	text, rows, ok := strings.Cut(text, "-- pairs that pass --\n")
	if !ok {
		t.Fatalf("%s: a section is missing", wordsFile)
	}
	for row := range strings.Lines(rows) {
		fields := strings.Split(row, "|")
		if len(fields) != 3 {
			t.Fatalf("not a row of three columns: %q", row)
		}
		pairs = append(pairs, [2]string{strings.TrimSpace(fields[0]), strings.TrimSpace(fields[1])})
	}
	return strings.Fields(text), pairs
}

// TestWordsInUse compares all names in use with one another, so that a new rule
// cannot make two of them match unnoticed.
func TestWordsInUse(t *testing.T) {
	t.Parallel()
	words, want := readWords(t)
	var got [][2]string
	for i, v := range words {
		for _, w := range words[i+1:] {
			if name.Score("BUDI "+v, "BUDI "+w) >= name.DefaultThreshold {
				got = append(got, [2]string{v, w})
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the pairs that pass are not those in %s (-file +pass):\n%s", wordsFile, diff)
	}
}

// TestWordsInUseAreNotEqual: at MaxThreshold only one pair of names in use
// matches, and that is one name in two spellings. JATI and YATI are two names.
func TestWordsInUseAreNotEqual(t *testing.T) {
	t.Parallel()
	words, _ := readWords(t)
	want := [][2]string{{"ICHSAN", "IKHSAN"}}
	for _, first := range []string{"", "BUDI "} {
		var got [][2]string
		for i, v := range words {
			for _, w := range words[i+1:] {
				if name.Score(first+v, first+w) >= name.MaxThreshold {
					got = append(got, [2]string{v, w})
				}
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("after %q, pairs that are equal (-want +got):\n%s", first, diff)
		}
	}
}
