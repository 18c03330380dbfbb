package app_test

import (
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sesuai/sesuai/internal/app"
)

// TestReadme holds the configuration table of README.md to the keys that there
// are, in their order, with their defaults.
func TestReadme(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(readme), "\n## Configuration\n")
	if !found {
		t.Fatal("README.md has no section about the configuration")
	}
	section, _, _ = strings.Cut(section, "\n## ")

	type line struct{ key, shown string }
	var table []line
	for _, cells := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\| ([^|]*) \\| ([^|]+) \\|$").FindAllStringSubmatch(section, -1) {
		table = append(table, line{cells[1], strings.TrimSpace(cells[2])})
	}
	c := app.DefaultConfig()
	defaults := defaultsByKey(reflect.ValueOf(c), "")
	var got, want []string
	for _, l := range table {
		got = append(got, l.key)
	}
	for _, k := range c.Keys() {
		want = append(want, k.Name)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("the keys in README.md (-the code's +README.md's):\n%s", diff)
	}
	for _, l := range table {
		if !sameDefault(l.shown, defaults[l.key]) {
			t.Errorf("README.md shows %q as the default of %s, which is %v", l.shown, l.key, defaults[l.key])
		}
	}
	for _, variable := range regexp.MustCompile("SESUAI_[A-Z_]+").FindAllString(section, -1) {
		if variable == "SESUAI_CONFIG" || variable == app.EnvPrefix {
			continue
		}
		if _, err := app.LoadConfig("", []string{variable + "=1"}); err != nil {
			t.Errorf("README.md speaks of %s: %v", variable, err)
		}
	}
}

// defaultsByKey reads the values of the fields by their dotted yaml names,
// apart from how Config.Keys does it.
func defaultsByKey(v reflect.Value, prefix string) map[string]any {
	found := make(map[string]any)
	for i := range v.NumField() {
		name := prefix + v.Type().Field(i).Tag.Get("yaml")
		if v.Field(i).Kind() == reflect.Struct {
			for k, value := range defaultsByKey(v.Field(i), name+".") {
				found[k] = value
			}
			continue
		}
		found[name] = v.Field(i).Interface()
	}
	return found
}

// sameDefault reports whether what is shown means the value. A text that is
// empty stands for what the table says in words.
func sameDefault(shown string, value any) bool {
	first, _, _ := strings.Cut(shown, ":") // "0: one per core"
	switch v := value.(type) {
	case string:
		return shown == v || (v == "" && strings.Contains(shown, " "))
	case time.Duration:
		d, err := time.ParseDuration(shown)
		return err == nil && d == v
	case float64:
		f, err := strconv.ParseFloat(shown, 64)
		return err == nil && f == v
	default:
		return first == fmt.Sprint(v)
	}
}

// TestReadmeCalibration holds README.md and the code to one rule of what
// face.calibration may be.
func TestReadmeCalibration(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	const rule = "| `face.calibration` | that of the manifest | id of a shipped calibration (`internal/face/calibrations`), or path of a " +
		"file made by `sesuai face calibrate`: with a `/` in it or ending in `.json` |"
	if !strings.Contains(string(readme), rule) {
		t.Errorf("README.md does not say of face.calibration:\n%s", rule)
	}
	for named, file := range map[string]bool{
		"asia-2026-11": false, "general-2026-11": false, "json": false,
		"own.json": true, "./own": true, "/etc/sesuai/calibration": true, "calibrations/asia-2026-11.json": true,
	} {
		if app.IsCalibrationFile(named) != file {
			t.Errorf("%s is taken for a file: %v", named, !file)
		}
	}
}
