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

// turbojpeg is scripts/turbojpeg.sh on a machine of which the test decides what
// is installed and who is asking.
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

// TestTurbojpegComesAndGoes: the tags follow the library, and the file keeps
// its date while nothing changes, or every make would build anew.
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
		{"at first there is none", nil, "", "libturbojpeg0-dev is not here", true},
		{"nor later", nil, "", "", false},
		{"it comes", func() error { return os.WriteFile(library, nil, 0o600) }, "turbojpeg", "", true},
		{"it stays", nil, "turbojpeg", "", false},
		{"it goes", func() error { return os.Remove(library) }, "", "libturbojpeg0-dev is not here", true},
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

// TestTurbojpegIsInstalledOnce: root gets the library at the first time and is
// told so in a line; one who removes it does not get it back.
func TestTurbojpegIsInstalledOnce(t *testing.T) {
	m := newTurbojpeg(t, fakeRoot, fakeApt)
	tags, says := m.run(t)
	if tags != "turbojpeg" || strings.Count(says, "\n") != 1 || !strings.HasPrefix(says, "installed the system package libturbojpeg0-dev") {
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
	if tags, says := m.run(t); tags != "" || !m.has("asked") || !strings.HasPrefix(says, "the system package libturbojpeg0-dev could not be installed\n") {
		t.Errorf("where nothing can be installed: tags %q, and it says %q", tags, says)
	}
}
