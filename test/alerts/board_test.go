package alerts_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sesuai/sesuai/test/process"
)

// noData are the metrics that the load of this test does not make, and why.
var noData = map[string]string{
	"sesuai_dukcapil_ledger_failures_total": "the database would have to fail between a call and its completion; the tests of internal/dukcapil/client do that",
}

// TestPrometheus has a Prometheus scrape two nodes under a load, one with a registry of
// its own and one in front of the sandbox of Dukcapil's services. The rules are evaluated
// without an error, all metrics in them have data, every query of the dashboard has a
// number, and alerts fire about what was done. The load takes ALERTS_MINUTES (make
// alerts: 0.75).
func TestPrometheus(t *testing.T) {
	tool(t, "prometheus")
	lasts, _ := process.Minutes(t, "ALERTS_MINUTES", 45*time.Second)
	own, upstream := startOwn(t), startUpstream(t)
	p := startPrometheus(t, own.metrics, upstream.metrics)
	waitFor(t, "both nodes to be scraped", func() bool {
		up, err := p.query(`sum(up{job="sesuai"}) == 2`, time.Now())
		return err == nil && numbers(up) > 0
	})
	from := time.Now()
	// A counter has to be scraped before its first event, which would be no increase.
	load(t, lasts, own, upstream)
	time.Sleep(3 * scrapeInterval) // the last events are scraped, and evaluated

	t.Run("rules", func(t *testing.T) { checkRules(t, p, from) })
	t.Run("dashboard", func(t *testing.T) { checkBoard(t, p, from) })
}

func checkRules(t *testing.T, p *prometheus, from time.Time) {
	written := readRules(t)
	rules, err := p.rules()
	if err != nil {
		t.Fatal(err)
	}
	if len(rules) != len(written) {
		t.Errorf("%d rules are evaluated, and %d are in the file", len(rules), len(written))
	}
	firing := make(map[string]bool)
	for _, r := range rules {
		if r.Health != "ok" || r.LastError != "" {
			t.Errorf("%s: %s: %s", r.Name, r.Health, r.LastError)
		}
		if r.State == "firing" {
			firing[r.Name] = true
		}
	}
	t.Logf("%d rules are evaluated; these alerts fire: %v", len(rules), firing)
	for _, name := range []string{"SesuaiClientRefused", "SesuaiCertificateEnds", "SesuaiCertificateNotUsed", "DukcapilUnexpected", "DukcapilFiles"} {
		if !firing[name] {
			t.Errorf("%s does not fire", name)
		}
	}
	for _, name := range []string{"SesuaiDown", "SesuaiAuditBroken", "SesuaiAuditNotChecked", "SesuaiRowsChanged"} {
		if firing[name] {
			t.Errorf("%s fires", name)
		}
	}
	checked := make(map[string]bool)
	for _, r := range written {
		if _, err := p.query(r.Expr, from); err != nil {
			t.Errorf("%s%s: %v", r.Alert, r.Record, err)
		}
		for _, name := range metric.FindAllString(r.Expr, -1) {
			if checked[name] {
				continue
			}
			checked[name] = true
			data, err := p.query(name, from)
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			checkData(t, "the rules", name, len(data))
		}
	}
	t.Logf("%d metrics of the rules", len(checked))
}

// checkData fails if there are no data of an expression, or if there are, and noData
// says that there are none.
func checkData(t *testing.T, what, expr string, data int) {
	t.Helper()
	why := ""
	for _, name := range metric.FindAllString(expr, -1) {
		if noData[name] != "" {
			why = noData[name]
		}
	}
	switch {
	case data == 0 && why == "":
		t.Errorf("%s: there are no data of %s", what, expr)
	case data == 0:
		t.Logf("%s: there are no data of %s, as expected: %s", what, expr, why)
	case why != "":
		t.Errorf("%s: there are data of %s: noData must not list it", what, expr)
	}
}

// filled has the variables of the dashboard as it is when it is opened. The interval is
// four scrapes and more, as Grafana chooses it.
var filled = strings.NewReplacer("$__rate_interval", "10s", "$instance", ".*", "$route", ".*", "$client", ".*")

// valuesOf matches the definition of a variable.
var valuesOf = regexp.MustCompile(`^label_values\((.+), (\w+)\)$`)

func checkBoard(t *testing.T, p *prometheus, from time.Time) {
	b, queries := readBoard(t)
	if len(queries) < 30 {
		t.Errorf("%d queries; they are not read as they are written", len(queries))
	}
	total := 0
	for _, q := range queries {
		expr := filled.Replace(q.expr)
		if strings.Contains(expr, "$") {
			t.Errorf("%s: a variable of the dashboard is not known: %s", q.panel, expr)
		}
		all, err := p.query(expr, from)
		if err != nil {
			t.Errorf("%s: %v: %s", q.panel, err, expr)
			continue
		}
		n := numbers(all)
		total += n
		t.Logf("%-50s %2d series, %4d numbers", q.panel, len(all), n)
		checkData(t, q.panel, expr, n)
	}
	for _, a := range b.Annotations.List {
		if _, err := p.query(filled.Replace(a.Expr), from); err != nil {
			t.Errorf("the annotation %s: %v", a.Name, err)
		}
	}
	variables := []string{"datasource"}
	for _, v := range b.Templating.List {
		if v.Type != "query" {
			continue
		}
		variables = append(variables, v.Name)
		m := valuesOf.FindStringSubmatch(v.Definition)
		if m == nil {
			t.Errorf("the variable %s is %q", v.Name, v.Definition)
			continue
		}
		data, err := p.query(m[1], from)
		if err != nil || !slices.ContainsFunc(data, func(s series) bool { return s.Metric[m[2]] != "" }) {
			t.Errorf("the variable %s has no values: %v", v.Name, err)
		}
	}
	t.Logf("%d queries of the dashboard, %d numbers; variables %v", len(queries), total, variables)
}
