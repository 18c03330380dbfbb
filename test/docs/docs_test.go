// Package docs_test runs the commands of README.md, of docs/start, of
// docs/integrate/api.md, client.md and sandbox.md, and of some pages of docs/operate as they stand, and compares what they print with what the pages
// say.
package docs_test

import (
	"bytes"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sesuai/sesuai/test/process"
)

const root = "../.."

// notRun are the commands that are not run, and why.
var notRun = map[string]string{
	"npm install @glair/vision@0.0.1-beta.9": "it needs npm's registry; build/sdk has the same package, by its digest",
	"systemctl stop sesuai":                  "it needs systemd; nothing serves then",
	"systemctl start sesuai":                 "it needs systemd",
}

// TestCommands runs the pages one after another in one folder, as from one terminal.
// What a page starts serves the pages after it, until a page starts its own. That
// about the sandbox of the API and those of docs/operate come last, when nothing serves.
func TestCommands(t *testing.T) {
	process.Program(t, root, "bin/demo", "build/demo/photos/ayu-selfie.jpg", "build/sdk/node_modules/@glair/vision")
	for _, address := range []string{"127.0.0.1:8080", "127.0.0.1:8643", "127.0.0.1:8644"} {
		l, err := net.Listen("tcp", address)
		if err != nil {
			process.Skip(t, "this test needs the addresses that the pages name: "+err.Error())
		}
		l.Close()
	}
	s := session{dir: checkout(t), count: make(map[string]int), metricsAddress: process.FreeAddress(t)}
	t.Cleanup(func() { s.stop(t) })
	start, err := filepath.Glob(filepath.Join(root, "docs/start/*.md"))
	if err != nil {
		t.Fatal(err)
	}
	pages := slices.Concat([]string{filepath.Join(root, "README.md")}, start, []string{filepath.Join(root, "docs/integrate/api.md"), filepath.Join(root, "docs/integrate/client.md")})
	for _, path := range pages {
		t.Run(filepath.Base(path), func(t *testing.T) { s.page(t, path) })
	}
	t.Run("metrics", func(t *testing.T) { s.metrics(t) })
	s.stop(t)
	t.Run("sandbox of the API", func(t *testing.T) { s.page(t, filepath.Join(root, "docs/integrate/sandbox.md")) })
	s.stop(t)
	for _, path := range []string{"upgrade.md", "restore.md"} {
		t.Run(path, func(t *testing.T) { s.page(t, filepath.Join(root, "docs/operate", path)) })
	}
	t.Logf("%d commands: %d run, %d of them compared, %d not run", s.count["all"], s.count["run"], s.count["compared"], s.count["not run"])
	for _, line := range slices.Sorted(maps.Keys(notRun)) {
		t.Logf("not run: %s: %s", line, notRun[line])
	}
	if s.count["run"] < 15 || s.count["compared"] < 4 {
		t.Error("the pattern of commands misses some")
	}
}

// checkout makes a folder that has what make run leaves in a checkout, without
// its data, and the reader's own photographs.
func checkout(t *testing.T) string {
	dir := t.TempDir()
	top, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	for from, to := range map[string]string{
		"bin": "bin", "build": "build", "demo": "demo", "examples": "examples", "models": "models", "build/sdk/node_modules": "node_modules",
		"build/demo/photos/ayu-reference.jpg": "card.jpg", "build/demo/photos/ayu-selfie.jpg": "selfie.jpg",
	} {
		if err := os.Symlink(filepath.Join(top, from), filepath.Join(dir, to)); err != nil {
			t.Fatal(err)
		}
	}
	install(t, top, dir)
	if err := os.Mkdir(filepath.Join(dir, "path"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, script := range map[string]string{
		// What make would build is there: this runs the last command of the recipe.
		"make": fmt.Sprintf("set -e\nrecipe=$(%s --no-print-directory -n -C %s \"$@\" | tail -1)\nexec $recipe\n", located(t, "make"), top),
		// All users are the one that the test runs as.
		"sudo": "[ \"$1 $2\" = '-u sesuai' ] && shift 2 && exec \"$@\"\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, "path", name), []byte("#!/bin/sh\n"+script), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// installed returns text with the paths of docs/operate/systemd.md in a folder. What
// is in /var/lib/sesuai is in the folder itself.
func installed(dir, text string) string {
	return strings.NewReplacer("/var/lib/sesuai", dir, "/opt/sesuai", dir+"/opt/sesuai", "/etc/sesuai", dir+"/etc/sesuai").Replace(text)
}

// configuration matches the file sesuai.yaml of docs/operate/systemd.md.
var configuration = regexp.MustCompile("(?ms)`/etc/sesuai/sesuai.yaml`:\n\n^```yaml\n(.*?)^```$")

// install installs the program of the checkout top in a folder, as
// docs/operate/systemd.md says, and once more as the new program.
func install(t *testing.T, top, dir string) {
	page, err := os.ReadFile(filepath.Join(top, "docs/operate/systemd.md"))
	if err != nil {
		t.Fatal(err)
	}
	m := configuration.FindSubmatch(page)
	if m == nil {
		t.Fatal("docs/operate/systemd.md has no sesuai.yaml")
	}
	for _, folder := range []string{"etc/sesuai", "opt/sesuai", "opt/sesuai-new"} {
		if err := os.MkdirAll(filepath.Join(dir, folder), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "etc/sesuai/sesuai.yaml"), []byte(installed(dir, string(m[1]))), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, program := range []string{"opt/sesuai", "opt/sesuai-new"} {
		for _, part := range []string{"bin", "models"} {
			if err := os.Symlink(filepath.Join(top, part), filepath.Join(dir, program, part)); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// located is the path of a program.
func located(t *testing.T, name string) string {
	path, err := exec.LookPath(name)
	if err != nil {
		process.Skip(t, err.Error())
	}
	return path
}

// session runs pages.
type session struct {
	dir   string
	held  []*exec.Cmd // what goes on
	count map[string]int
	// exports are the commands that set variables.
	exports string
	// metricsAddress is that of the metrics of what serves.
	metricsAddress string
}

// page runs the commands of a page.
func (s *session) page(t *testing.T, path string) {
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	p := parsePage(string(text))
	for name, content := range p.files {
		if err := os.WriteFile(filepath.Join(s.dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, step := range p.steps {
		s.count["all"]++
		switch {
		case notRun[step.line] != "":
			s.count["not run"]++
			continue
		case strings.HasPrefix(step.line, "export "):
			s.exports += step.line + "\n"
		case step.holds():
			s.hold(t, step.line)
		default:
			s.run(t, step)
		}
		s.count["run"]++
	}
}

// shell returns a shell in the folder that runs a script.
func (s *session) shell(script string) *exec.Cmd {
	cmd := exec.Command("sh", "-ec", installed(s.dir, s.exports+script))
	cmd.Dir = s.dir
	cmd.Env = slices.DeleteFunc(os.Environ(), func(pair string) bool {
		return strings.HasPrefix(pair, "MAKE") || strings.HasPrefix(pair, "MFLAGS=")
	})
	cmd.Env = append(cmd.Env, "PATH="+filepath.Join(s.dir, "path")+":"+os.Getenv("PATH"), "SESUAI_LOG_LEVEL=error", "SESUAI_ADMIN_LISTEN="+s.metricsAddress)
	return cmd
}

// run runs a command, which must succeed and print, at the end, what the page says.
// On the page … stands for anything.
func (s *session) run(t *testing.T, step step) {
	t.Helper()
	cmd := s.shell(step.line)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s%s", step.line, err, stdout.Bytes(), stderr.Bytes())
	}
	if step.output == "" {
		return
	}
	s.count["compared"]++
	want := strings.ReplaceAll(regexp.QuoteMeta(step.output), "…", ".+")
	if got := strings.TrimSpace(stdout.String()); !regexp.MustCompile(`(^|\n)` + want + "$").MatchString(got) {
		t.Errorf("%s\nprints   %s\nthe page %s", step.line, got, step.output)
	}
}

// ready is what a command that goes on prints when it serves.
var ready = regexp.MustCompile(`Ctrl-C stops|serving on`)

// hold starts a command that goes on. make run-dukcapil stops those of the pages before.
func (s *session) hold(t *testing.T, script string) {
	t.Helper()
	if strings.HasPrefix(script, "make run-dukcapil") {
		s.stop(t)
	}
	cmd := s.shell(script)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var log process.Log
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s.held = append(s.held, cmd)
	for end := time.Now().Add(time.Minute); !ready.MatchString(log.String()); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s does not serve\n%s", script, log.String())
		}
	}
}

// stop stops what goes on, as Ctrl-C does.
func (s *session) stop(t *testing.T) {
	for _, cmd := range s.held {
		if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGINT); err != nil {
			t.Error(err)
		}
		_ = cmd.Wait() // which also ends by the signal
	}
	s.held = nil
}

// metric matches the name of a metric, or of what a rule records.
var metric = regexp.MustCompile(`[a-z_:]*\b(?:sesuai|process|go)_[a-z_:0-9]+`)

// aboutMetrics are the files that say what to watch.
var aboutMetrics = []string{"docs/operate/alerts.md", "packaging/prometheus/sesuai.rules.yml", "packaging/grafana/sesuai.json"}

// afterAnEvent are the metrics that are there once something has happened, or if data are
// returned, or with TLS or traces. The tests of their packages count them, and make
// alerts has them all but for those that it names.
var afterAnEvent = map[string]bool{
	"sesuai_dukcapil_unexpected_total": true, "sesuai_dukcapil_file_failures_total": true, "sesuai_dukcapil_ledger_failures_total": true,
	"sesuai_dukcapil_turned_away_total": true, "sesuai_dukcapil_disagreements_total": true,
	"sesuai_balikan_oldest_seconds": true, "sesuai_balikan_pending": true, "sesuai_limit_refusals_total": true,
	"sesuai_tls_certificate_not_after_seconds": true, "sesuai_tls_reload_failures_total": true, "sesuai_trace_export_failures_total": true,
}

// metrics asks what serves, which is in front of the sandbox, for every metric that
// is to be watched.
func (s *session) metrics(t *testing.T) {
	served, err := s.shell("curl -sf http://" + s.metricsAddress + "/metrics").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range aboutMetrics {
		text, err := os.ReadFile(filepath.Join(root, path))
		if err != nil {
			t.Fatal(err)
		}
		names := metric.FindAllString(string(text), -1)
		for _, name := range names {
			histogram := regexp.MustCompile(`_(bucket|sum|count)$`).ReplaceAllString(name, "")
			if !afterAnEvent[name] && !strings.Contains(name, ":") && !bytes.Contains(served, []byte("# TYPE "+name+" ")) &&
				!bytes.Contains(served, []byte("# TYPE "+histogram+" histogram\n")) {
				t.Errorf("%s is about %s, which is not served", path, name)
			}
		}
		if path != "docs/operate/alerts.md" && len(names) < 20 {
			t.Errorf("%s: %d metrics were found; the pattern misses them", path, len(names))
		}
	}
}
