package attribute_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/attribute"
)

// TestDecisions holds the package to testdata/decisions.txtar.
func TestDecisions(t *testing.T) {
	file, err := txtar.ParseFile("testdata/decisions.txtar")
	if err != nil {
		t.Fatal(err)
	}
	decided := make(map[sesuai.Attribute]bool)
	for _, group := range file.Files {
		a := sesuai.Attribute(group.Name)
		if !slices.Contains(sesuai.Attributes[:], a) {
			t.Errorf("there is no attribute %s", a)
		}
		decided[a] = true
		for row := range strings.Lines(string(group.Data)) {
			columns := strings.Split(strings.TrimSpace(row), " | ")
			if len(columns) != 4 || columns[2] != "match" && columns[2] != "differ" {
				t.Errorf("%s: not a row: %s", a, row)
				continue
			}
			want := sesuai.OutcomeOf(columns[2] == "match")
			for range 2 {
				claimed, recorded := columns[0], columns[1]
				if got := attribute.Compare(a, claimed, recorded); got != want {
					t.Errorf("%s: %s | %s: %s, want %s because: %s (score %d)", a, claimed, recorded, got, want, columns[3], attribute.Score(a, claimed, recorded))
				}
				columns[0], columns[1] = recorded, claimed
			}
		}
	}
	for _, a := range sesuai.Attributes {
		if !decided[a] {
			t.Errorf("no decisions about %s", a)
		}
	}
}
