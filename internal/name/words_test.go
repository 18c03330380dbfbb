package name_test

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sesuai/sesuai/internal/name"
)

const wordsFile = "testdata/words.txtar"

// readWords reads the words file: names in use, and the pairs of them that may
// pass for one another.
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

// TestWordsInUse compares all names in use with one another, so that no rule
// can quietly make two of them one.
func TestWordsInUse(t *testing.T) {
	t.Parallel()
	words, want := readWords(t)
	var got [][2]string
	for i, v := range words {
		for _, w := range words[i+1:] {
			if name.Score("BUDI "+v, "BUDI "+w) >= name.PassMark {
				got = append(got, [2]string{v, w})
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the pairs that pass are not those in %s (-file +pass):\n%s", wordsFile, diff)
	}
}

// TestWordsInUseAreNotEqual: the one pair of names in use that a client who
// asks for equal names takes for one is a name in two spellings. J and Y are
// not enough: JATI and YATI are two people's.
func TestWordsInUseAreNotEqual(t *testing.T) {
	t.Parallel()
	words, _ := readWords(t)
	want := [][2]string{{"ICHSAN", "IKHSAN"}}
	for _, first := range []string{"", "BUDI "} {
		var got [][2]string
		for i, v := range words {
			for _, w := range words[i+1:] {
				if name.Score(first+v, first+w) >= name.HighestPassMark {
					got = append(got, [2]string{v, w})
				}
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("after %q, pairs that are equal (-want +got):\n%s", first, diff)
		}
	}
}
