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

// TestPageInIndonesian: the Indonesian part of the page has nothing in English.
func TestPageInIndonesian(t *testing.T) {
	var r subject.Report
	for _, p := range subject.Places {
		if p.Holds != "" {
			r.Tables = append(r.Tables, subject.TableCount{Table: p.Table, Rows: 1})
		}
	}
	var b strings.Builder
	if err := r.WritePage(&b); err != nil {
		t.Fatal(err)
	}
	_, page, _ := strings.Cut(b.String(), `<section lang="id">`)
	page, _, found := strings.Cut(page, "</section>")
	if !found {
		t.Fatal("the page has no Indonesian part")
	}
	for _, p := range subject.Places {
		if p.Holds == "" {
			continue
		}
		texts := []string{p.Holds}
		if !strings.Contains(p.Retention, ".") { // not a key of the configuration
			texts = append(texts, p.Retention)
		}
		for _, text := range texts {
			if strings.Contains(page, "<td>"+text+"</td>") {
				t.Errorf("the Indonesian part says %q of %s: see inIndonesian", text, p.Table)
			}
		}
	}
}
