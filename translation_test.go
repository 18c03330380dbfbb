package sesuai_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// part is what a page has from one heading to the next, in whatever language.
type part struct {
	Level   int      // of the heading: the number of its #
	Code    []string // the lines of blocks of code
	Columns []int    // of each row of a table
	Spans   []string // code within sentences
	Links   []string // the pages that it leads to, without fragments
}

// TestIndonesian holds README.id.md and the Indonesian pages of docs/integrate to the
// English ones: the same headings, and under each the same code, tables of the same
// size, and the same pages, in Indonesian where they are. Each page leads to the other
// language in its third line.
func TestIndonesian(t *testing.T) {
	english, err := filepath.Glob("docs/integrate/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range append(english, "README.md") {
		if strings.HasSuffix(path, ".id.md") {
			if !slices.Contains(english, englishOf(path)) {
				t.Errorf("%s has no page in English", path)
			}
			continue
		}
		other := strings.TrimSuffix(path, ".md") + ".id.md"
		page, translated := readPage(t, path), readPage(t, other)
		for text, line := range map[string]string{
			page: "**English** · [Bahasa Indonesia](" + filepath.Base(other) + ")", translated: "[English](" + filepath.Base(path) + ") · **Bahasa Indonesia**",
		} {
			if lines := strings.SplitN(text, "\n", 4); len(lines) < 4 || lines[2] != line {
				t.Errorf("the third line of a page of %s and %s is not %s", path, other, line)
			}
		}
		for _, m := range link.FindAllStringSubmatch(translated, -1) {
			target, _, _ := strings.Cut(m[1], "#")
			own := strings.TrimSuffix(filepath.Join(filepath.Dir(path), target), ".md") + ".id.md"
			if _, err := os.Stat(own); err == nil && target != filepath.Base(path) {
				t.Errorf("%s leads to %s, which is %s in Indonesian", other, target, own)
			}
		}
		want, got := partsOf(page), partsOf(translated)
		for i := range min(len(want), len(got)) {
			if diff := cmp.Diff(want[i], got[i]); diff != "" {
				t.Errorf("part %d of %s (-) and %s (+):\n%s", i, path, other, diff)
				break // what follows may be shifted
			}
		}
		if len(want) != len(got) {
			t.Errorf("%s has %d headings, and %s %d", path, len(want), other, len(got))
		}
	}
}

func readPage(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

var (
	span     = regexp.MustCompile("`[^`]+`")
	levelled = regexp.MustCompile(`^(#{1,6}) `)
)

// partsOf returns the parts of a page.
func partsOf(page string) []part {
	var all []part
	texts := make(map[int]string) // of each part, without blocks of code
	fenced := false
	for line := range strings.Lines(page) {
		line = strings.TrimRight(line, "\n")
		if m := levelled.FindStringSubmatch(line); m != nil && !fenced {
			all = append(all, part{Level: len(m[1])})
		}
		if len(all) == 0 {
			all = append(all, part{})
		}
		p := &all[len(all)-1]
		fence := strings.HasPrefix(strings.TrimLeft(line, " "), "```")
		if fence {
			fenced = !fenced
		}
		if fence || fenced || strings.HasPrefix(line, "    ") {
			p.Code = append(p.Code, line)
			continue
		}
		if strings.HasPrefix(line, "|") {
			p.Columns = append(p.Columns, strings.Count(span.ReplaceAllString(line, ""), "|"))
		}
		texts[len(all)-1] += line + " "
	}
	for i := range all {
		p := &all[i]
		p.Spans = span.FindAllString(texts[i], -1)
		for _, m := range link.FindAllStringSubmatch(texts[i], -1) {
			target, _, _ := strings.Cut(m[1], "#")
			p.Links = append(p.Links, englishOf(target))
		}
		for _, list := range []*[]string{&p.Spans, &p.Links} { // the order of a sentence is the language's
			slices.Sort(*list)
			*list = slices.Compact(*list)
		}
	}
	return all
}

// englishOf returns the path of a page in English.
func englishOf(path string) string {
	if page, ok := strings.CutSuffix(path, ".id.md"); ok {
		return page + ".md"
	}
	return path
}
