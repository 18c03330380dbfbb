// Package alerts_test checks the rules for Prometheus, the runbook and the dashboard
// for Grafana against one another and, where there is a Prometheus, against what the
// built program says of itself under a load.
package alerts_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/goccy/go-yaml"
)

const (
	root      = "../.."
	rulesPath = root + "/packaging/prometheus/sesuai.rules.yml"
	testsPath = root + "/packaging/prometheus/sesuai.test.yml"
	boardPath = root + "/packaging/grafana/sesuai.json"
	// runbook is the page with an entry for each alert, as the alerts name it.
	runbook = "docs/operate/alerts.md"
)

// rule is an alert or a recorded expression.
type rule struct {
	Alert, Record, Expr string
	For                 string
	Labels, Annotations map[string]string
}

// readYAML decodes a file and refuses what the type does not have.
func readYAML(t *testing.T, path string, into any) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.UnmarshalWithOptions(b, into, yaml.Strict()); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// readRules returns all rules.
func readRules(t *testing.T) (all []rule) {
	t.Helper()
	var file struct {
		Groups []struct {
			Name  string
			Rules []rule
		}
	}
	readYAML(t, rulesPath, &file)
	for _, g := range file.Groups {
		all = append(all, g.Rules...)
	}
	if len(all) < 20 {
		t.Fatalf("%d rules: they are not read as they are written", len(all))
	}
	return all
}

// expectation is what a test of promtool expects of an alert at a time.
type expectation struct {
	Alertname string
	EvalTime  string `yaml:"eval_time"`
	ExpAlerts []any  `yaml:"exp_alerts"`
}

// readExpectations returns what the tests of promtool expect of each alert.
func readExpectations(t *testing.T) map[string][]expectation {
	t.Helper()
	var file struct {
		RuleFiles          []string `yaml:"rule_files"`
		EvaluationInterval string   `yaml:"evaluation_interval"`
		Tests              []struct {
			Name          string
			Interval      string
			InputSeries   []any         `yaml:"input_series"`
			AlertRuleTest []expectation `yaml:"alert_rule_test"`
		}
	}
	readYAML(t, testsPath, &file)
	all := make(map[string][]expectation)
	for _, test := range file.Tests {
		for _, e := range test.AlertRuleTest {
			all[e.Alertname] = append(all[e.Alertname], e)
		}
	}
	return all
}

// query is an expression of the dashboard, and where it is.
type query struct{ panel, expr string }

// board is the part of the dashboard that asks for data.
type board struct {
	Panels []struct {
		Title   string
		Type    string
		Targets []struct{ Expr string }
	}
	Annotations struct{ List []struct{ Name, Expr string } }
	Templating  struct {
		List []struct{ Name, Type, Definition string }
	}
}

func readBoard(t *testing.T) (b board, queries []query) {
	t.Helper()
	text, err := os.ReadFile(filepath.FromSlash(boardPath))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &b); err != nil {
		t.Fatal(err)
	}
	for _, p := range b.Panels {
		if p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("the panel %q asks for nothing", p.Title)
		}
		for _, target := range p.Targets {
			queries = append(queries, query{p.Title, target.Expr})
		}
	}
	return b, queries
}

// metric matches the name of a metric or of a recorded expression.
var metric = regexp.MustCompile(`[a-z_:]*\b(?:sesuai|process|go)_[a-z_:0-9]+`)
