package kill_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/sesuai/sesuai/test/process"
)

// nobody is the id of a user who owns nothing.
const nobody = 65534

// TestMemoryIsPrivate: the service's memory goes into no core file, and another
// process of the same user cannot read it, unless core_dumps allows both.
func TestMemoryIsPrivate(t *testing.T) {
	r := program(t)
	dir := t.TempDir()
	if os.Geteuid() == 0 { // root reads everything
		r.User = nobody
		for folder, mode := range map[string]os.FileMode{dir: 0o700, filepath.Dir(dir): 0o711} {
			if err := os.Chmod(folder, mode); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Chown(dir, nobody, nobody); err != nil {
			t.Fatal(err)
		}
		if err := as(nobody, "test", "-x", r.Program).Run(); err != nil {
			// The checkout is in a folder that others may not enter.
			if out, err := exec.Command("cp", "-rL", root+"/bin", root+"/models", dir).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			r.Program = filepath.Join(dir, "bin", "sesuai")
		}
	}
	data := filepath.Join(dir, "data")
	r.Run(t, nil, "client", "add", "test", "--data", data)
	for _, test := range []struct {
		allowed bool
		// limits are the soft and the hard limit of core files, in bytes.
		limits string
	}{{false, "0 0"}, {true, "unlimited unlimited"}} {
		t.Run(fmt.Sprint("core_dumps: ", test.allowed), func(t *testing.T) {
			// The service gets a limit that allows core files.
			previous := unlimited(t)
			defer setCore(t, previous)
			served := r
			served.Env = append(served.Env[:len(served.Env):len(served.Env)], fmt.Sprint("SESUAI_CORE_DUMPS=", test.allowed))
			var started struct{ Address string }
			s := served.Start(t, &started, "serve", "--data", data, "--listen", "127.0.0.1:0")
			defer s.Stop(t)

			limits := ""
			for line := range strings.Lines(string(readFile(t, fmt.Sprintf("/proc/%d/limits", s.PID())))) {
				if rest, ok := strings.CutPrefix(line, "Max core file size"); ok {
					limits = strings.Join(strings.Fields(rest)[:2], " ")
				}
			}
			if limits != test.limits {
				t.Errorf("the limits of core files are %q, want %q", limits, test.limits)
			}
			for _, file := range []string{"mem", "environ", "maps"} {
				// Opening is what takes the permission.
				out, err := as(r.User, "dd", "count=0", "status=none", fmt.Sprintf("if=/proc/%d/%s", s.PID(), file)).CombinedOutput()
				if test.allowed && err != nil || !test.allowed && !bytes.Contains(out, []byte("Permission denied")) {
					t.Errorf("opening /proc/PID/%s: %v: %s", file, err, out)
				}
			}
		})
	}
}

// as returns a command that runs as that user; as this process's if it is 0.
func as(user uint32, name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	if user != 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: user, Gid: user}}
	}
	return cmd
}

// unlimited takes the limit of core files off this process, whose children
// inherit it, and returns what it was. Without root the hard limit may forbid
// that.
func unlimited(t *testing.T) (previous syscall.Rlimit) {
	t.Helper()
	if err := syscall.Getrlimit(syscall.RLIMIT_CORE, &previous); err != nil {
		t.Fatal(err)
	}
	const infinity = ^uint64(0)
	if err := syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{Cur: infinity, Max: infinity}); err != nil {
		process.Skip(t, "this test needs the right to raise the limit of core files, as root has it: "+err.Error())
	}
	return previous
}

func setCore(t *testing.T, limit syscall.Rlimit) {
	t.Helper()
	if err := syscall.Setrlimit(syscall.RLIMIT_CORE, &limit); err != nil {
		t.Error(err)
	}
}
