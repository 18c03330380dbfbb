package sesuai_test

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// fakeCompiler finds the library where the file "library" is beside it,
// fakeApt puts it there and leaves a mark, fakeBrokenApt only leaves the mark.
const (
	fakeCompiler  = "#!/bin/sh\ncat >/dev/null\ntest -e \"${0%/*}/library\"\n"
	fakeApt       = "#!/bin/sh\ntouch \"${0%/*}/asked\" \"${0%/*}/library\"\n"
	fakeBrokenApt = "#!/bin/sh\ntouch \"${0%/*}/asked\"\nexit 1\n"
	fakeRoot      = "#!/bin/sh\necho 0\n"
	fakeNobody    = "#!/bin/sh\necho 65534\n"
)

// turbojpeg runs scripts/turbojpeg.sh with fake programs, which decide what is
// installed and who runs it.
type turbojpeg struct{ dir, tags string }

func newTurbojpeg(t *testing.T, id, apt string) turbojpeg {
	t.Helper()
	m := turbojpeg{dir: t.TempDir()}
	m.tags = filepath.Join(m.dir, "tags")
	for name, text := range map[string]string{"gcc": fakeCompiler, "id": id, "apt-get": apt} {
		if err := os.WriteFile(filepath.Join(m.dir, name), []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

func (m turbojpeg) has(name string) bool {
	_, err := os.Stat(filepath.Join(m.dir, name))
	return !errors.Is(err, fs.ErrNotExist)
}

// run runs the script and returns the tags and what it says.
func (m turbojpeg) run(t *testing.T) (tags, says string) {
	t.Helper()
	cmd := exec.Command("scripts/turbojpeg.sh", m.tags)
	cmd.Env = []string{"PATH=" + m.dir + ":" + os.Getenv("PATH")}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	b, err := os.ReadFile(m.tags)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(b)), string(out)
}

// TestTurbojpegComesAndGoes: the tags follow the library. The file keeps its date
// while nothing changes; otherwise every make would rebuild.
func TestTurbojpegComesAndGoes(t *testing.T) {
	m := newTurbojpeg(t, fakeNobody, fakeApt)
	library := filepath.Join(m.dir, "library")
	long := time.Unix(1_000_000_000, 0)
	for _, step := range []struct {
		about   string
		change  func() error
		tags    string
		says    string
		touched bool
	}{
		{"at first there is none", nil, "", "libjpeg-dev is not installed", true},
		{"nor later", nil, "", "", false},
		{"it comes", func() error { return os.WriteFile(library, nil, 0o600) }, "turbojpeg", "", true},
		{"it stays", nil, "turbojpeg", "", false},
		{"it goes", func() error { return os.Remove(library) }, "", "libjpeg-dev is not installed", true},
	} {
		if step.change != nil {
			if err := step.change(); err != nil {
				t.Fatal(err)
			}
		}
		tags, says := m.run(t)
		if tags != step.tags || step.says == "" && says != "" || !strings.Contains(says, step.says) {
			t.Errorf("%s: tags %q, and it says %q", step.about, tags, says)
		}
		info, err := os.Stat(m.tags)
		if err != nil {
			t.Fatal(err)
		}
		if touched := !info.ModTime().Equal(long); touched != step.touched {
			t.Errorf("%s: the file was touched: %t", step.about, touched)
		}
		if err := os.Chtimes(m.tags, long, long); err != nil {
			t.Fatal(err)
		}
	}
	if m.has("asked") {
		t.Error("it was tried to install the library, by somebody who is not root")
	}
}

// TestTurbojpegIsInstalledOnce: the first time, root is told in one line that the
// library is installed, and it is. A library that was removed is not installed
// again.
func TestTurbojpegIsInstalledOnce(t *testing.T) {
	m := newTurbojpeg(t, fakeRoot, fakeApt)
	tags, says := m.run(t)
	if tags != "turbojpeg" || strings.Count(says, "\n") != 1 || !strings.HasPrefix(says, "installing the system package libjpeg-dev with apt-get, for ") {
		t.Errorf("tags %q, and it says %q", tags, says)
	}
	for _, name := range []string{"asked", "library"} {
		if err := os.Remove(filepath.Join(m.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if tags, _ := m.run(t); tags != "" || m.has("asked") {
		t.Errorf("removed: tags %q; installed again: %t", tags, m.has("asked"))
	}

	m = newTurbojpeg(t, fakeRoot, fakeBrokenApt)
	if tags, says := m.run(t); tags != "" || !m.has("asked") || !strings.Contains(says, "\nthe system package libjpeg-dev could not be installed\n") {
		t.Errorf("where nothing can be installed: tags %q, and it says %q", tags, says)
	}
}

// fakePostgresApt puts PostgreSQL where the script looks, and keeps what the
// package would have read about clusters.
const fakePostgresApt = `#!/bin/sh
dir=${0%/*}
if [ "$1" = install ]; then
	cat "$dir"/clusters/* >"$dir/asked"
	mkdir "$dir/bin"
	for name in initdb postgres; do cp "$0" "$dir/bin/$name"; done
fi
`

// TestPostgresIsInstalledOnce: the first time, PostgreSQL is installed for root,
// without a server that starts with the machine. It is not installed again after
// it was removed, nor for another user.
func TestPostgresIsInstalledOnce(t *testing.T) {
	for _, c := range []struct {
		about, id, apt string
		installed      bool
		says           string
	}{
		{"root", fakeRoot, fakePostgresApt, true, "installing the system package postgresql-15 with apt-get, for the tests\n"},
		{
			"root, and it cannot be had", fakeRoot, fakeBrokenApt, false,
			"installing the system package postgresql-15 with apt-get, for the tests\nthe system package postgresql-15 could not be installed\n" +
				"postgresql-15 is not installed: the tests that need it are skipped, or fail if CI is set\n",
		},
		{
			"somebody else", fakeNobody, fakePostgresApt, false,
			"postgresql-15 is not installed: the tests that need it are skipped, or fail if CI is set\n",
		},
	} {
		m := newTurbojpeg(t, c.id, c.apt)
		run := func() string {
			cmd := exec.Command("scripts/postgres.sh", filepath.Join(m.dir, "was here"))
			cmd.Env = []string{
				"PATH=" + m.dir + ":" + os.Getenv("PATH"),
				"POSTGRES=" + filepath.Join(m.dir, "bin"), "POSTGRES_CLUSTERS=" + filepath.Join(m.dir, "clusters"),
			}
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Errorf("%s: %v", c.about, err)
			}
			return string(out)
		}
		if says := run(); says != c.says || m.has("bin/initdb") != c.installed || m.has("was here") != c.installed {
			t.Errorf("%s: it says %q; installed: %t", c.about, says, m.has("bin/initdb"))
		}
		if m.has("clusters/sesuai-none.conf") {
			t.Errorf("%s: later clusters are not made either", c.about)
		}
		if !c.installed {
			continue
		}
		if b, err := os.ReadFile(filepath.Join(m.dir, "asked")); err != nil || string(b) != "create_main_cluster = false\n" {
			t.Errorf("%s: the package reads %q, %v", c.about, b, err)
		}
		if says := run(); says != "" {
			t.Errorf("%s: once it is there, it says %q", c.about, says)
		}
		if err := os.RemoveAll(filepath.Join(m.dir, "bin")); err != nil {
			t.Fatal(err)
		}
		if says := run(); m.has("bin/initdb") || !strings.HasPrefix(says, "postgresql-15 is not installed") {
			t.Errorf("%s: removed: it says %q; installed again: %t", c.about, says, m.has("bin/initdb"))
		}
	}
}

// fakePatroniApt puts the programs where the script looks, with the first package,
// and keeps the policy that packages ask before they start a service.
const fakePatroniApt = `#!/bin/sh
dir=${0%/*}
if [ "$1" = install ]; then
	cp "$dir/policy" "$dir/asked"
	mkdir -p "$dir/bin"
	for name in patroni etcd haproxy ip; do cp "$0" "$dir/bin/$name"; done
fi
`

// TestPatroniIsInstalledOnce: as PostgreSQL. No service may start while the packages
// are installed, or is enabled afterwards.
func TestPatroniIsInstalledOnce(t *testing.T) {
	const missing = "patroni, etcd-server, haproxy or iproute2 is not installed: make failover needs them\n"
	for _, c := range []struct {
		about, id, policy string
		installed         bool
	}{
		{"root", fakeRoot, "", true},
		{"root, with a policy", fakeRoot, "#!/bin/sh\nexit 0\n", true},
		{"somebody else", fakeNobody, "", false},
	} {
		m := newTurbojpeg(t, c.id, fakePatroniApt)
		policy := filepath.Join(m.dir, "policy")
		files := map[string]string{"systemctl": "#!/bin/sh\necho \"$@\" >\"${0%/*}/systemctl ran\"\n"}
		if c.policy != "" {
			files["policy"] = c.policy
		}
		for name, text := range files {
			if err := os.WriteFile(filepath.Join(m.dir, name), []byte(text), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		run := func() string {
			cmd := exec.Command("scripts/patroni.sh", filepath.Join(m.dir, "was here"))
			cmd.Env = []string{
				"PATH=" + m.dir + ":" + os.Getenv("PATH"), "PATRONI_FOLDERS=" + filepath.Join(m.dir, "bin"), "PATRONI_POLICY=" + policy,
			}
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Errorf("%s: %v", c.about, err)
			}
			return string(out)
		}
		says := run()
		if m.has("bin/patroni") != c.installed || m.has("was here") != c.installed || c.installed != (strings.Count(says, "installing the system package ") == 4) {
			t.Errorf("%s: it says %q; installed: %t", c.about, says, m.has("bin/patroni"))
		}
		if b, err := os.ReadFile(policy); string(b) != c.policy || (err == nil) != (c.policy != "") {
			t.Errorf("%s: the policy is %q afterwards, %v", c.about, b, err)
		}
		if !c.installed {
			if says != missing {
				t.Errorf("%s: it says %q", c.about, says)
			}
			continue
		}
		if b, err := os.ReadFile(filepath.Join(m.dir, "asked")); err != nil || string(b) != "#!/bin/sh\nexit 101\n" {
			t.Errorf("%s: the packages ask %q, %v", c.about, b, err)
		}
		if b, err := os.ReadFile(filepath.Join(m.dir, "systemctl ran")); err != nil || string(b) != "disable --quiet patroni etcd haproxy\n" {
			t.Errorf("%s: systemctl ran with %q, %v", c.about, b, err)
		}
		if says := run(); says != "" {
			t.Errorf("%s: once they are there, it says %q", c.about, says)
		}
		if err := os.RemoveAll(filepath.Join(m.dir, "bin")); err != nil {
			t.Fatal(err)
		}
		if says := run(); m.has("bin/patroni") || says != missing {
			t.Errorf("%s: removed: it says %q; installed again: %t", c.about, says, m.has("bin/patroni"))
		}
	}
}
