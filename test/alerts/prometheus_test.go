package alerts_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sesuai/sesuai/test/process"
)

// tool returns the path of one of Prometheus's programs, which make alerts unpacks.
func tool(t *testing.T, name string) string {
	t.Helper()
	folder := os.Getenv("PROMETHEUS")
	if folder == "" {
		t.Skip("this test needs Debian's Prometheus: run make alerts")
	}
	path, err := filepath.Abs(filepath.Join(folder, name))
	if err == nil {
		_, err = os.Stat(path)
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// TestPromtool: promtool accepts the rules, and its tests of each alert pass.
func TestPromtool(t *testing.T) {
	for _, args := range [][]string{
		{"check", "rules", "--lint=all", "--lint-fatal", filepath.Base(rulesPath)},
		{"test", "rules", filepath.Base(testsPath)},
	} {
		cmd := exec.CommandContext(t.Context(), tool(t, "promtool"), args...)
		cmd.Dir = filepath.Dir(rulesPath)
		out, err := cmd.CombinedOutput()
		t.Logf("promtool %s\n%s", strings.Join(args, " "), out)
		if err != nil {
			t.Error(err)
		}
	}
}

// patience is how long these tests wait for an event.
const patience = 2 * time.Minute

// scrapeInterval is the interval of scrapes and of the evaluation of rules.
const scrapeInterval = time.Second

// prometheus is a running Prometheus.
type prometheus struct{ url string }

// startPrometheus starts Prometheus with the rules until the test ends. It scrapes these
// addresses, and is ready when it returns.
func startPrometheus(t *testing.T, targets ...string) *prometheus {
	t.Helper()
	dir := t.TempDir()
	rules, err := filepath.Abs(rulesPath)
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(dir, "prometheus.yml")
	text := fmt.Sprintf("global: {scrape_interval: %[1]s, scrape_timeout: %[1]s, evaluation_interval: %[1]s}\nrule_files: [%[2]q]\n"+
		"scrape_configs:\n  - job_name: sesuai\n    static_configs:\n      - targets: [%[3]s]\n", scrapeInterval, rules, strings.Join(targets, ", "))
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	address := process.FreeAddress(t)
	var log process.Log
	cmd := exec.Command(tool(t, "prometheus"), "--config.file="+config, "--storage.tsdb.path="+filepath.Join(dir, "tsdb"),
		"--web.listen-address="+address, "--enable-feature=exemplar-storage", "--log.level=warn")
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("Prometheus says:\n%s", log.String())
		}
	})
	p := &prometheus{"http://" + address}
	waitFor(t, "Prometheus to be ready", func() bool {
		resp, err := http.Get(p.url + "/-/ready")
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	return p
}

// waitFor waits until something has happened.
func waitFor(t *testing.T, what string, happened func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !happened(); time.Sleep(scrapeInterval / 5) {
		if time.Now().After(end) {
			t.Fatalf("waited for %s", what)
		}
	}
}

// get asks the HTTP API and decodes the data of its answer.
func (p *prometheus) get(path string, form url.Values, into any) error {
	resp, err := http.PostForm(p.url+path, form)
	if err == nil && resp.StatusCode == http.StatusMethodNotAllowed {
		resp.Body.Close()
		resp, err = http.Get(p.url + path + "?" + form.Encode())
	}
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	var answer struct {
		Status, Error string
		Data          json.RawMessage
	}
	if err := json.Unmarshal(b, &answer); err != nil {
		return err
	}
	if answer.Status != "success" {
		return errors.New(answer.Error)
	}
	return json.Unmarshal(answer.Data, into)
}

// series is what a query answers: times and values.
type series struct {
	Metric map[string]string
	Values [][2]any
}

// numbers returns the number of values that are numbers.
func numbers(all []series) (n int) {
	for _, s := range all {
		for _, v := range s.Values {
			text, _ := v[1].(string)
			if f, err := strconv.ParseFloat(text, 64); err == nil && !math.IsNaN(f) {
				n++
			}
		}
	}
	return n
}

// query asks for the values of an expression from a time until now.
func (p *prometheus) query(expr string, from time.Time) (all []series, err error) {
	var data struct{ Result []series }
	err = p.get("/api/v1/query_range", url.Values{
		"query": {expr}, "start": {from.Format(time.RFC3339)}, "end": {time.Now().Format(time.RFC3339)}, "step": {scrapeInterval.String()},
	}, &data)
	return data.Result, err
}

// evaluated is a rule as Prometheus has evaluated it.
type evaluated struct {
	Name, Type, Health, State, LastError string
}

// rules returns the rules as they were last evaluated.
func (p *prometheus) rules() (all []evaluated, err error) {
	var data struct {
		Groups []struct{ Rules []evaluated }
	}
	err = p.get("/api/v1/rules", nil, &data)
	for _, g := range data.Groups {
		all = append(all, g.Rules...)
	}
	return all, err
}
