package app_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/audit"
	keys "github.com/sesuai/sesuai/internal/config"
)

// TestReadmeSettings holds the settings in README.md and README.id.md to the keys that exist and
// their defaults.
func TestReadmeSettings(t *testing.T) {
	for _, name := range []string{"README.md", "README.id.md"} {
		t.Run(name, func(t *testing.T) { checkSettings(t, name) })
	}
}

func checkSettings(t *testing.T, name string) {
	readme, err := os.ReadFile(filepath.Join("../..", name))
	if err != nil {
		t.Fatal(err)
	}
	c := app.DefaultConfig()
	all := c.Keys()
	rows := regexp.MustCompile("(?m)^\\| `([^`]+)` \\| ([^|]*) \\| [^|]+ \\|$").FindAllStringSubmatch(string(readme), -1)
	if len(rows) != 12 {
		t.Errorf("%d settings, not twelve", len(rows))
	}
	for _, row := range rows {
		i := slices.IndexFunc(all, func(k keys.Key) bool { return k.Name == row[1] })
		if i < 0 {
			t.Errorf("%s is not a key", row[1])
			continue
		}
		if value := all[i].Value(); !sameDefault(row[2], value) {
			t.Errorf("%q is the default of %s, which is %v", row[2], row[1], value)
		}
	}
}

// sameDefault reports whether a table shows the value. It shows an empty text
// in words, and may say after a colon what a value means.
func sameDefault(shown string, value any) bool {
	first, _, _ := strings.Cut(shown, ":")
	switch v := value.(type) {
	case string:
		return shown == v || v == "" && strings.Contains(shown, " ")
	case time.Duration:
		d, err := time.ParseDuration(first)
		return err == nil && d == v
	default:
		return first == fmt.Sprint(v)
	}
}

// docsPages are README.md and the pages of docs, except that of the sandbox's
// own settings.
func docsPages(t *testing.T) []string {
	t.Helper()
	paths := []string{"../../README.md", "../../README.id.md"}
	for _, shelf := range []string{"start", "operate", "integrate", "reference", "decisions"} {
		found, err := filepath.Glob("../../docs/" + shelf + "/*.md")
		if err != nil || found == nil {
			t.Fatalf("docs/%s: %v", shelf, err)
		}
		paths = append(paths, found...)
	}
	return slices.DeleteFunc(paths, func(path string) bool { return path == "../../docs/reference/dukcapil-sandbox.md" })
}

// TestPagesNameKeys: every dotted key and every environment variable that a page
// names exists. Scopes of clients look like keys.
func TestPagesNameKeys(t *testing.T) {
	c := app.DefaultConfig()
	names, variables, sections := make(map[string]bool), make(map[string]bool), make(map[string]bool)
	for _, k := range c.Keys() {
		names[k.Name], variables[k.Variable(app.EnvPrefix)] = true, true
		for name := k.Name; strings.Contains(name, "."); {
			name = name[:strings.LastIndex(name, ".")]
			sections[name] = true
		}
	}
	for _, scope := range access.Scopes {
		names[string(scope)] = true
	}
	for _, action := range []audit.Action{audit.TrailExported, audit.EventsRemoved, audit.LimitsReset} {
		names[string(action)] = true
	}
	var top []string
	for section := range sections {
		if !strings.Contains(section, ".") {
			top = append(top, section)
		}
	}
	key := regexp.MustCompile("`((" + strings.Join(top, "|") + `)(\.[a-z_]+)+)[:` + "`]")
	variable := regexp.MustCompile(`SESUAI_[A-Z_]+`)
	found := 0
	for _, path := range docsPages(t) {
		page, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range key.FindAllStringSubmatch(string(page), -1) {
			found++
			if !names[m[1]] && !sections[m[1]] && !slices.Contains([]string{".db", ".go", ".crt"}, filepath.Ext(m[1])) {
				t.Errorf("%s names %s, which is not a key", path, m[1])
			}
		}
		for _, v := range variable.FindAllString(string(page), -1) {
			if !variables[v] && v != "SESUAI_" && v != "SESUAI_CONFIG" {
				t.Errorf("%s names %s, which is not a variable", path, v)
			}
		}
	}
	if found < 20 {
		t.Errorf("%d keys are named; the pattern misses them", found)
	}
}

// TestCalibrationFile: what the comment of face.calibration says of a path.
func TestCalibrationFile(t *testing.T) {
	for named, file := range map[string]bool{
		"asia-2026-11": false, "general-2026-11": false, "json": false,
		"own.json": true, "./own": true, "/etc/sesuai/calibration": true, "calibrations/asia-2026-11.json": true,
	} {
		if app.IsCalibrationFile(named) != file {
			t.Errorf("%s is taken for a file: %v", named, !file)
		}
	}
}
