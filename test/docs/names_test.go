package docs_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/sesuai/sesuai/test/process"
)

var (
	// named matches a command of the program, and its flags before the command.
	named = regexp.MustCompile(`^(?:sudo -u sesuai (?:env )?)?(?:[A-Z_]+=\S+ )*(?:/\S+/)?sesuai((?: --\S+ [^-\s]\S*)*)((?: [a-z-]*[a-z])+)`)
	// made matches a target of the Makefile.
	made = regexp.MustCompile(`^(?:[A-Z_]+=\S+ )*make ([a-z-]+)`)
)

// TestNames: every command of the program and every target of make that any page
// names exists.
func TestNames(t *testing.T) {
	program := process.Program(t, root)
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	known := make(map[string]bool) // commands, and whether they exist
	targets := 0
	for path, text := range everyPage(t) {
		lines := inlineCommands(text)
		for _, block := range blocks(text) {
			lines = append(lines, strings.Split(block, "\n")...)
		}
		for _, line := range lines {
			if m := made.FindStringSubmatch(line); m != nil {
				targets++
				if !strings.Contains(string(makefile), "\n"+m[1]+":") {
					t.Errorf("%s: %s: the Makefile has no target %s", path, line, m[1])
				}
			}
			m := named.FindStringSubmatch(line)
			if m == nil {
				continue
			}
			name := commandOf(strings.Fields(m[2]))
			exists, asked := known[name]
			if !asked {
				exists = exec.Command(program, append(strings.Fields(name), "--help")...).Run() == nil
				known[name] = exists
			}
			if !exists {
				t.Errorf("%s: %s: there is no command %s", path, line, name)
			}
		}
	}
	t.Logf("%d commands and %d mentions of targets", len(known), targets)
	if len(known) < 20 || targets < 10 {
		t.Error("the pattern of commands misses some")
	}
}

// commandOf takes off what is an argument: no command has more than three words,
// and only commands of model have three.
func commandOf(words []string) string {
	groups := map[string]bool{
		"person": true, "client": true, "face": true, "face model": true, "dukcapil": true, "audit": true, "keys": true, "migrate": true, "limits": true,
	}
	n := 1
	for n < len(words) && groups[strings.Join(words[:n], " ")] {
		n++
	}
	return strings.Join(words[:n], " ")
}

// everyPage returns README.md and the pages of docs by their paths.
func everyPage(t *testing.T) map[string]string {
	pages := make(map[string]string)
	read := func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".md" {
			return err
		}
		b, err := os.ReadFile(path)
		pages[path] = string(b)
		return err
	}
	for _, top := range []string{filepath.Join(root, "README.md"), filepath.Join(root, "docs")} {
		if err := filepath.WalkDir(top, read); err != nil {
			t.Fatal(err)
		}
	}
	return pages
}
