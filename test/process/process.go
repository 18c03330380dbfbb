// Package process runs the built program in tests, as an operator does: it
// starts, stops and kills the program, and keeps its output. It also has what
// several of these tests need to ask it as a client does, and says what a test needs
// besides the checkout. It leaves the meaning of commands and answers to the tests.
package process

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// Need skips the test if one of these files, which make test builds or fetches, is
// missing. If the variable CI is set, the test fails instead.
func Need(t testing.TB, files ...string) {
	t.Helper()
	for _, file := range files {
		if _, err := os.Stat(file); err != nil {
			missing(t, err, "make test builds or fetches it")
		}
	}
}

// Slow skips a test with -short. make test runs packages of long tests twice: in
// full, and with -short under the race detector, which makes computing ten times
// slower. A test that does one thing after another has no race to find.
func Slow(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip("this test takes long: it needs a run without -short")
	}
}

// Faces returns the folder of the development photographs, which is beside the
// checkout. If it is missing, the test is skipped or fails, as by Need. root is the
// path of the module's folder.
func Faces(t testing.TB, root string) string {
	t.Helper()
	folder := filepath.Join(root, "..", "shared", "faces")
	if _, err := os.Stat(folder); err != nil {
		missing(t, err, "these are the development photographs, beside the checkout")
	}
	return folder
}

func missing(t testing.TB, err error, what string) {
	t.Helper()
	Skip(t, fmt.Sprintf("this test needs a file that is missing: %v: %s", err, what))
}

// Skip skips a test that needs what this machine does not have. With the environment
// variable CI set, where everything is there, the test fails.
func Skip(t testing.TB, needs string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatal(needs)
	}
	t.Skip(needs)
}

// NeedCommand skips a test that needs a command that is not installed. Without go or
// node, which make test needs too, it fails as Skip does. make installs no others, so
// these may be missing in CI.
func NeedCommand(t testing.TB, name string) {
	t.Helper()
	if _, err := exec.LookPath(name); err == nil {
		return
	}
	needs := "this test needs the command " + name
	if name == "go" || name == "node" {
		Skip(t, needs)
	}
	t.Skip(needs)
}

// Program returns the path of the built program, which the test needs: see Need.
// root is the path of the module's folder. needs are the paths of further files in
// it that the test needs.
func Program(t testing.TB, root string, needs ...string) string {
	t.Helper()
	for _, file := range append([]string{"bin/sesuai", "models/libonnxruntime.so.1"}, needs...) {
		Need(t, filepath.Join(root, file))
	}
	p, err := filepath.Abs(filepath.Join(root, "bin/sesuai"))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Runner runs the program's commands with one configuration.
type Runner struct {
	Program string
	// Args are appended to every command, Env is added to the environment.
	Args, Env []string
	// User is the id of the user and group that the program runs as; those of
	// the test if 0. Only root can set it.
	User uint32
}

// Command returns a command that prints JSON. It is not started yet.
func (r Runner) Command(args ...string) *exec.Cmd {
	cmd := exec.Command(r.Program, append(append(args, r.Args...), "--json")...)
	cmd.Env = append(append(os.Environ(), "SESUAI_MODELS="+filepath.Join(filepath.Dir(r.Program), "..", "models")), r.Env...)
	if r.User != 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: r.User, Gid: r.User}}
	}
	return cmd
}

// Run runs a command, which must succeed. It parses the JSON that the command
// prints into into, unless that is nil.
func (r Runner) Run(t testing.TB, into any, args ...string) {
	t.Helper()
	cmd := r.Command(args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("sesuai %s: %v: %s%s", strings.Join(args, " "), err, out, stderr.Bytes())
	}
	if into == nil {
		return
	}
	if err := json.Unmarshal(out, into); err != nil {
		t.Fatalf("sesuai %s: %v in %s", strings.Join(args, " "), err, out)
	}
}

// Process is a command that runs until it is stopped.
type Process struct {
	cmd *exec.Cmd
	// Log is its standard error.
	Log *Log
	end func() error
}

// Start starts a command and waits for its first line of output, which it parses
// as JSON into into. The command is killed when the test ends, unless it has
// ended before.
func (r Runner) Start(t testing.TB, into any, args ...string) *Process {
	t.Helper()
	p := &Process{cmd: r.Command(args...), Log: &Log{}}
	p.cmd.Stderr = p.Log
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(stdout)
	p.end = sync.OnceValue(func() error {
		_, _ = io.Copy(io.Discard, lines)
		return p.cmd.Wait()
	})
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		_ = p.end()
	})
	line, err := lines.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, into)
	}
	if err != nil {
		t.Fatalf("sesuai %s did not start: %v: %s%s", strings.Join(args, " "), err, line, p.Log)
	}
	return p
}

// PID returns the process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Stop sends SIGTERM and waits. The process must end without an error.
func (p *Process) Stop(t testing.TB) {
	t.Helper()
	p.Signal(t, syscall.SIGTERM)
	if err := p.end(); err != nil {
		t.Errorf("it ended with %v: %s", err, p.Log)
	}
}

// Signal sends a signal.
func (p *Process) Signal(t testing.TB, signal os.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
}

// Kill sends SIGKILL and waits.
func (p *Process) Kill(t testing.TB) {
	t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = p.end()
}

// Abort sends SIGQUIT and waits. The process prints the stacks of all goroutines,
// as in a crash.
func (p *Process) Abort(t testing.TB) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGQUIT); err != nil {
		t.Fatal(err)
	}
	_ = p.end()
}

// Log is a buffer that is safe for concurrent use.
type Log struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer.
func (l *Log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

// String returns everything that was written.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// FreeAddress returns an address of this machine that nothing listens on.
func FreeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
