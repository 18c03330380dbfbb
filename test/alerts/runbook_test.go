package alerts_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// entry matches an entry of the runbook. Only alerts have headings of level 3.
var entry = regexp.MustCompile(`(?m)^### (\w+)\n`)

// parts are what each entry says.
var parts = []string{"Means", "Callers see", "Look at", "Do"}

// TestRunbook: each alert has an entry in the runbook, a severity, a summary and a test
// of promtool in which it fires and one in which it does not, and each entry and each test
// an alert.
func TestRunbook(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(root, runbook))
	if err != nil {
		t.Fatal(err)
	}
	entries := make(map[string]string)
	starts := entry.FindAllStringSubmatchIndex(string(page), -1)
	for i, m := range starts {
		end := len(page)
		if i+1 < len(starts) {
			end = starts[i+1][0]
		}
		entries[string(page[m[2]:m[3]])] = string(page[m[1]:end])
	}
	tests := readExpectations(t)
	for _, r := range readRules(t) {
		if r.Alert == "" {
			continue
		}
		for _, part := range parts {
			if !strings.Contains(entries[r.Alert], "- **"+part+"**: ") {
				t.Errorf("%s: %s has no entry of it that says: %s", r.Alert, runbook, part)
			}
		}
		delete(entries, r.Alert)
		if want := runbook + "#" + strings.ToLower(r.Alert); r.Annotations["runbook"] != want {
			t.Errorf("%s: its runbook is %q, not %s", r.Alert, r.Annotations["runbook"], want)
		}
		if r.Annotations["summary"] == "" || !slices.Contains([]string{"page", "ticket"}, r.Labels["severity"]) {
			t.Errorf("%s: it has no summary, or no severity that the runbook knows: %v, %v", r.Alert, r.Annotations, r.Labels)
		}
		var fires, quiet bool
		for _, e := range tests[r.Alert] {
			fires = fires || len(e.ExpAlerts) > 0
			quiet = quiet || len(e.ExpAlerts) == 0
		}
		if !fires || !quiet {
			t.Errorf("%s: %s has a test in which it fires: %t, and one in which it does not: %t", r.Alert, testsPath, fires, quiet)
		}
		delete(tests, r.Alert)
	}
	for name := range entries {
		t.Errorf("%s has an entry of %s, which is no alert", runbook, name)
	}
	for name := range tests {
		t.Errorf("%s tests %s, which is no alert", testsPath, name)
	}
}

// TestRecorded: whatever the rules and the dashboard read of what is recorded is
// recorded, and all that is recorded is read.
func TestRecorded(t *testing.T) {
	recorded, read := make(map[string]bool), make(map[string]bool)
	_, queries := readBoard(t)
	for _, r := range readRules(t) {
		if r.Record != "" {
			recorded[r.Record] = true
		}
		queries = append(queries, query{expr: r.Expr})
	}
	for _, q := range queries {
		for _, name := range metric.FindAllString(q.expr, -1) {
			if strings.Contains(name, ":") {
				read[name] = true
			}
		}
	}
	for name := range read {
		if !recorded[name] {
			t.Errorf("%s is read, and not recorded", name)
		}
	}
	for name := range recorded {
		if !read[name] {
			t.Errorf("%s is recorded, and not read", name)
		}
	}
	if len(read) == 0 {
		t.Error("the pattern of metrics misses them")
	}
}
