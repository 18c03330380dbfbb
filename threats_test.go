package sesuai_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	// folderOrTest matches the folder of a package, or the name of a test.
	folderOrTest = regexp.MustCompile("`([a-z/.-]+)`|\\b((?:Test|Fuzz)[A-Z][A-Za-z0-9]*)\\b")
	// declared matches the declaration of a test.
	declared = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)[A-Za-z0-9]+)\(`)
)

// TestThreats: every test that the threat model names exists in the package that is
// named before it. Each table whose last column is for tests has one in most rows.
func TestThreats(t *testing.T) {
	b, err := os.ReadFile("docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	tests := make(map[string]map[string]bool) // of a folder
	named, rows, without := 0, 0, 0
	tested := false
	for line := range strings.Lines(string(b)) {
		line = strings.TrimSpace(line)
		switch {
		case !strings.HasPrefix(line, "|"):
			tested = false
			continue
		case strings.HasSuffix(line, "| tested by |"):
			tested = true
			continue
		case !tested || strings.HasPrefix(line, "|-"):
			continue
		}
		rows++
		columns := strings.Split(strings.Trim(line, "|"), "|")
		last := columns[len(columns)-1]
		if strings.TrimSpace(last) == "" {
			without++
		}
		folder := ""
		for _, m := range folderOrTest.FindAllStringSubmatch(last, -1) {
			if m[1] != "" {
				folder = m[1]
				if tests[folder] == nil {
					tests[folder] = testsIn(t, folder)
				}
				continue
			}
			named++
			if !tests[folder][m[2]] {
				t.Errorf("docs/security.md names %s, which is not in %q", m[2], folder)
			}
		}
	}
	if named < 40 || rows < 30 {
		t.Errorf("%d tests in %d rows; the pattern misses some", named, rows)
	}
	if without > 3 {
		t.Errorf("%d rows name no test", without)
	}
}

// testsIn returns the names of the tests in a folder.
func testsIn(t *testing.T, folder string) map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	if err != nil || len(files) == 0 {
		t.Errorf("docs/security.md names the folder %s, which has no tests (%v)", folder, err)
	}
	found := make(map[string]bool)
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range declared.FindAllStringSubmatch(string(b), -1) {
			found[m[1]] = true
		}
	}
	return found
}
