package subject_test

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sesuai/sesuai/internal/subject"
)

var update = flag.Bool("update", false, "write the table of places in docs/operate/privacy.md")

// TestTable holds the table of docs/operate/privacy.md to Places.
func TestTable(t *testing.T) {
	const path = "../../docs/operate/privacy.md"
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, start := strings.Cut(string(page), "Do not edit it. -->\n\n")
	_, after, end := strings.Cut(rest, "\n<!-- end of the table -->")
	if !start || !end {
		t.Fatalf("%s has no table of places", path)
	}
	want := before + "Do not edit it. -->\n\n" + subject.Table() + "\n<!-- end of the table -->" + after
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(page), want); diff != "" {
		t.Errorf("%s is not what subject.Places says: run make docs (-page +places)\n%s", path, diff)
	}
}
