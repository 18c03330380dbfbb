package main

import (
	"debug/buildinfo"
	"flag"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sesuai/sesuai/test/process"
)

var update = flag.Bool("update", false, "write licenses.txt")

// licenceFile matches the names of files that have to be handed on with a program.
var licenceFile = regexp.MustCompile(`^(LICEN[CS]E|COPYING|COPYRIGHT|NOTICE|PATENTS)`)

// elsewhere are files that a licence file refers to, by module.
var elsewhere = map[string]string{"github.com/golang/freetype": "licenses/ftl.txt"}

// notGo is what the program consists of, or loads, besides Go modules, and the
// file of its licence in the checkout.
var notGo = map[string]string{
	"ONNX Runtime (loaded from the models folder)":         "third_party/licenses/onnxruntime.txt",
	"libjpeg-turbo (linked if it was there for the build)": "third_party/licenses/libjpeg-turbo.txt",
	"the face models, faceplugin-face-recognition-js":      "models/LICENSE.faceplugin",
	"sesuai": "LICENSE",
}

const licensesHead = `The licences of everything that sesuai consists of, or loads.

This software is based in part on the work of the Independent JPEG Group.
This software is based in part of the work of the FreeType Team.
`

// TestLicenses holds the output of sesuai licenses to what the built program is
// linked with: every module of its build information, and nothing else.
func TestLicenses(t *testing.T) {
	info, err := buildinfo.ReadFile(process.Program(t, root(t)))
	if err != nil {
		t.Fatal(err)
	}
	if setting(info, "CGO_ENABLED") != "1" {
		process.Skip(t, "this test needs a program that was built with cgo: without it a part of what licenses.txt lists is missing")
	}
	linked := make(map[string]bool)
	for _, m := range info.Deps {
		linked[m.Path+" "+m.Version] = true
	}
	texts := map[string][]string{} // the names under which a text is found, by text
	add := func(name, path string) {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		text := strings.TrimSpace(strings.ReplaceAll(string(b), "\r\n", "\n"))
		texts[text] = append(texts[text], name)
	}
	found := make(map[string]bool)
	for name, files := range moduleLicences(t, setting(info, "-tags")) {
		found[name] = true
		if len(files) == 0 {
			t.Errorf("%s has no file with its licence", name)
		}
		for _, file := range files {
			add(name+": "+file.name, file.path)
		}
	}
	if diff := cmp.Diff(linked, found); diff != "" {
		t.Errorf("bin/sesuai is not built from this tree: run make build (-linked +found)\n%s", diff)
	}
	add("Go, the standard library and the runtime: LICENSE", filepath.Join(goEnv(t, "GOROOT"), "LICENSE"))
	for name, path := range notGo {
		add(name, filepath.Join(root(t), path))
	}
	const page = "licenses.txt"
	want := licensesPage(texts)
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, licenses); diff != "" {
		t.Errorf("licenses.txt is not what is linked: run make docs (-linked +page)\n%s", diff)
	}
}

// licensesPage is each text once, under all its names.
func licensesPage(texts map[string][]string) string {
	var sections []string
	for text, names := range texts {
		slices.Sort(names)
		sections = append(sections, strings.Join(names, "\n")+"\n"+strings.Repeat("-", 80)+"\n"+text+"\n")
	}
	slices.Sort(sections)
	rule := "\n" + strings.Repeat("=", 80) + "\n"
	return licensesHead + rule + strings.Join(sections, rule)
}

// foundFile is a file by its name in its module, and its path.
type foundFile struct{ name, path string }

// moduleLicences returns the licence files of the modules that the program is
// linked with: those in the folders of the linked packages and above them.
func moduleLicences(t *testing.T, tags string) map[string][]foundFile {
	t.Helper()
	list := exec.Command("go", "list", "-deps", "-tags="+tags, "-f",
		`{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}}|{{.Path}}|{{.Dir}}|{{$.Dir}}{{end}}{{end}}`, "./cmd/sesuai")
	list.Dir = root(t)
	list.Env = append(os.Environ(), "CGO_ENABLED=1")
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	files := make(map[string]map[string]foundFile)
	for line := range strings.Lines(string(out)) {
		fields := strings.Split(strings.TrimSpace(line), "|")
		if len(fields) != 4 {
			continue
		}
		name, path, top := fields[0], fields[1], fields[2]
		if files[name] == nil {
			files[name] = make(map[string]foundFile)
			if other := elsewhere[path]; other != "" {
				files[name][other] = foundFile{other, filepath.Join(top, other)}
			}
		}
		for dir := fields[3]; strings.HasPrefix(dir, top); dir = filepath.Dir(dir) {
			entries, err := os.ReadDir(dir)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range entries {
				if !e.IsDir() && licenceFile.MatchString(strings.ToUpper(e.Name())) && !strings.HasSuffix(e.Name(), ".go") {
					relative, err := filepath.Rel(top, filepath.Join(dir, e.Name()))
					if err != nil {
						t.Fatal(err)
					}
					files[name][relative] = foundFile{relative, filepath.Join(dir, e.Name())}
				}
			}
		}
	}
	found := make(map[string][]foundFile)
	for name, byName := range files {
		found[name] = slices.Collect(maps.Values(byName))
	}
	return found
}

func setting(info *debug.BuildInfo, key string) string {
	for _, s := range info.Settings {
		if s.Key == key {
			return s.Value
		}
	}
	return ""
}

func goEnv(t *testing.T, key string) string {
	t.Helper()
	out, err := exec.Command("go", "env", key).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}
