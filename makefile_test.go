package sesuai_test

import (
	"go/ast"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// makeVariable returns the folders that a variable of the Makefile lists.
func makeVariable(t *testing.T, name string) (folders []string) {
	t.Helper()
	b, err := os.ReadFile("Makefile")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if value, ok := strings.CutPrefix(line, name+" := "); ok {
			for _, folder := range strings.Fields(value) {
				folders = append(folders, strings.TrimPrefix(folder, "./"))
			}
		}
	}
	if len(folders) == 0 {
		t.Fatalf("the Makefile does not set %s", name)
	}
	return folders
}

// TestHelp: make help has a line for each target that is not a file, but for those
// that only other targets name.
func TestHelp(t *testing.T) {
	b, err := os.ReadFile("Makefile")
	if err != nil {
		t.Fatal(err)
	}
	help, err := exec.Command("make", "--no-print-directory", "help").Output()
	if err != nil {
		t.Fatalf("this test needs make: %v", err)
	}
	var targets int
	for line := range strings.Lines(string(b)) {
		target, ok := strings.CutPrefix(strings.TrimSpace(line), ".PHONY: ")
		if !ok || target == "FORCE" {
			continue
		}
		targets++
		if !regexp.MustCompile(`(?m)^  make ` + target + ` +[A-Z]`).Match(help) {
			t.Errorf("make help does not list %s", target)
		}
	}
	if targets < 10 {
		t.Errorf("%d targets; the pattern misses some", targets)
	}
}

// TestSequentialPackages: make test runs these packages without the race detector,
// so they must not start goroutines.
func TestSequentialPackages(t *testing.T) {
	found := packages(t)
	for _, folder := range makeVariable(t, "SEQUENTIAL") {
		for _, file := range found[folder] {
			ast.Inspect(file, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.GoStmt:
					t.Errorf("%s starts a goroutine: take it out of SEQUENTIAL in the Makefile", folder)
				case *ast.CallExpr: // of sync.WaitGroup or errgroup.Group
					if method, ok := n.Fun.(*ast.SelectorExpr); ok && method.Sel.Name == "Go" {
						t.Errorf("%s calls a method Go: take it out of SEQUENTIAL in the Makefile", folder)
					}
				}
				return true
			})
		}
	}
}

// TestTaggedPackages: make check lints these packages without build tags as well,
// so they must be all packages that have a tag.
func TestTaggedPackages(t *testing.T) {
	tagged := makeVariable(t, "TAGGED")
	var want []string
	for folder, files := range packages(t) {
		for _, file := range files {
			for _, group := range file.Comments {
				for _, c := range group.List {
					if strings.HasPrefix(c.Text, "//go:build") && strings.Contains(c.Text, "turbojpeg") && !slices.Contains(want, folder) {
						want = append(want, folder)
					}
				}
			}
		}
	}
	slices.Sort(want)
	if !slices.Equal(tagged, want) {
		t.Errorf("TAGGED in the Makefile is %v, want %v", tagged, want)
	}
}
