package name_test

import (
	"testing"

	"github.com/sesuai/sesuai/internal/name"
)

func TestDamerauLevenshtein(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		a, b string
		want int
	}{
		{"", "", 0},
		{"", "BUDI", 4},
		{"BUDI", "BUDI", 0},
		{"BUDI", "BUDA", 1},       // a letter wrong
		{"BUDI", "BUI", 1},        // missing
		{"BUDI", "BUDDI", 1},      // too many
		{"BUDI", "BDUI", 1},       // two transposed
		{"CA", "ABC", 3},          // 2 in the unrestricted form, with B between A and C
		{"KITTEN", "SITTING", 3},  // the usual example
		{"SANTOSO", "SUSANTO", 4}, // letters in common, in other places
		{"陈伟", "陈强", 1},           // characters, not bytes
	} {
		if got := name.DamerauLevenshtein(tt.a, tt.b); got != tt.want {
			t.Errorf("%q, %q: %d, want %d", tt.a, tt.b, got, tt.want)
		}
		if got := name.DamerauLevenshtein(tt.b, tt.a); got != tt.want {
			t.Errorf("%q, %q: %d, want %d", tt.b, tt.a, got, tt.want)
		}
	}
}

// The first rows are the examples in Winkler's papers.
func TestJaroWinkler(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		a, b string
		want int // thousandths
	}{
		{"MARTHA", "MARHTA", 961},
		{"DIXON", "DICKSONX", 813},
		{"DWAYNE", "DUANE", 840},
		{"SHACKLEFORD", "SHACKELFORD", 982},
		{"BUDI", "BUDI", 1000},
		{"BUDI", "ASEP", 0},
		{"", "BUDI", 0},
		{"", "", 0},
	} {
		if got := name.JaroWinkler(tt.a, tt.b); got != tt.want {
			t.Errorf("%q, %q: %d, want %d", tt.a, tt.b, got, tt.want)
		}
		if got := name.JaroWinkler(tt.b, tt.a); got != tt.want {
			t.Errorf("%q, %q: %d, want %d", tt.b, tt.a, got, tt.want)
		}
	}
}

func TestRatio(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		a, b string
		want int
	}{
		{"", "", 0},
		{"BUDI", "", 0},
		{"BUDI", "BUDI", 100},
		{"BUDI SANTOSA", "BUDI SANTOSO", 92},
	} {
		if got := name.Ratio(tt.a, tt.b); got != tt.want {
			t.Errorf("%q, %q: %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
}
