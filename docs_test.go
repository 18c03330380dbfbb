package sesuai_test

import (
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// pages are README.md, README.id.md and everything in docs.
func pages(t *testing.T) map[string]string {
	t.Helper()
	found := make(map[string]string)
	read := func(path string) {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		found[path] = string(b)
	}
	read("README.md")
	read("README.id.md")
	err := filepath.WalkDir("docs", func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".md") {
			read(path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#{1,6} +(.+)$`)
	fence   = regexp.MustCompile("(?ms)^```.*?^```$")
	inText  = regexp.MustCompile(`docs/[a-z/-]+\.md`)
)

// TestLinks: every relative link of a page leads to a file, and to a heading of
// it if it names one.
func TestLinks(t *testing.T) {
	all := pages(t)
	links := 0
	for path, text := range all {
		for _, m := range link.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
			u, err := url.Parse(m[1])
			if err != nil {
				t.Errorf("%s: %s is not a link", path, m[1])
				continue
			}
			if u.Scheme != "" {
				continue
			}
			links++
			target := path
			if u.Path != "" {
				target = filepath.Join(filepath.Dir(path), u.Path)
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s: the link %s leads nowhere", path, m[1])
				continue
			}
			if u.Fragment != "" && !slices.Contains(anchors(all[target]), u.Fragment) {
				t.Errorf("%s: %s has no heading %s", path, target, u.Fragment)
			}
		}
	}
	if links < 20 {
		t.Errorf("%d links were found; the pattern misses them", links)
	}
}

// anchors are the fragments that GitHub makes of a page's headings: lower case,
// without punctuation, and - for spaces.
func anchors(page string) []string {
	var found []string
	for _, m := range heading.FindAllStringSubmatch(fence.ReplaceAllString(page, ""), -1) {
		text := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r > 0x7f && r != '’' && r != '·':
				return r
			default:
				return -1
			}
		}, strings.ToLower(m[1]))
		found = append(found, text)
	}
	return found
}

// TestPagesThatCodeNames: every page that a comment, a message or a script
// names exists.
func TestPagesThatCodeNames(t *testing.T) {
	named := 0
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (path != "." && strings.HasPrefix(d.Name(), ".") || slices.Contains([]string{"build", "models", "data", "bin"}, path)) {
			return filepath.SkipDir
		}
		if d.IsDir() || !slices.Contains([]string{".go", ".txtar", ".sh", ".sql"}, filepath.Ext(path)) {
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, page := range inText.FindAllString(string(b), -1) {
			named++
			if _, err := os.Stat(page); err != nil {
				t.Errorf("%s names %s, which does not exist", path, page)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if named < 20 {
		t.Errorf("%d pages are named; the pattern misses them", named)
	}
}

// TestShelves: every page lies on one of the shelves, and is linked from
// README.md or from another page.
func TestShelves(t *testing.T) {
	all := pages(t)
	linked := make(map[string]bool)
	for path, text := range all {
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			target, _, _ := strings.Cut(m[1], "#")
			if p := filepath.Join(filepath.Dir(path), target); p != path {
				linked[p] = true
			}
		}
	}
	for path := range all {
		if !strings.HasPrefix(path, "docs"+string(filepath.Separator)) || path == filepath.Join("docs", "README.md") {
			continue
		}
		if path == filepath.Join("docs", "security.md") {
			continue // it is about all shelves, and is found where a reviewer looks for it
		}
		shelf := strings.Split(path, string(filepath.Separator))[1]
		if !slices.Contains([]string{"start", "operate", "integrate", "reference", "decisions"}, shelf) {
			t.Errorf("%s is on no shelf", path)
		}
		if !linked[path] {
			t.Errorf("no page links to %s", path)
		}
	}
}
