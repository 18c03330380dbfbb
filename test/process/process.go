// Package process runs the built program as an operator does, for tests: it
// starts, stops and kills it, and keeps what it prints. It must not know what
// the program does.
package process

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// Program is the path of the built program. Where make has not built it, the
// test is skipped; in CI it always has. root is the way to the module's folder,
// needs are the paths of further files in it that the test uses.
func Program(t testing.TB, root string, needs ...string) string {
	t.Helper()
	for _, need := range append([]string{"bin/sesuai", "models/libonnxruntime.so.1"}, needs...) {
		if _, err := os.Stat(filepath.Join(root, need)); err != nil && os.Getenv("CI") == "" {
			t.Skipf("%s is not here: make test builds it", need)
		}
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
	// Args stand behind every command, Env are added to the environment.
	Args, Env []string
}

// Command is a command to be started; it prints JSON.
func (r Runner) Command(args ...string) *exec.Cmd {
	cmd := exec.Command(r.Program, append(append(args, r.Args...), "--json")...)
	cmd.Env = append(append(os.Environ(), "SESUAI_MODELS="+filepath.Join(filepath.Dir(r.Program), "..", "models")), r.Env...)
	return cmd
}

// Run runs a command, which must succeed, and reads the JSON that it prints
// into that, unless it is nil.
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

// Process is a command that goes on until it is stopped.
type Process struct {
	cmd *exec.Cmd
	// Log is what it has written to standard error.
	Log *Log
	end func() error
}

// Start starts a command and waits for its first line of output, JSON that is
// read into that. It is killed at the test's end at the latest.
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

// PID is its process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Stop tells it to stop, which it must do without an error.
func (p *Process) Stop(t testing.TB) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := p.end(); err != nil {
		t.Errorf("it ended with %v: %s", err, p.Log)
	}
}

// Kill is kill -9.
func (p *Process) Kill(t testing.TB) {
	t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = p.end()
}

// Abort has it print what all its goroutines do, as a crash does, and end.
func (p *Process) Abort(t testing.TB) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGQUIT); err != nil {
		t.Fatal(err)
	}
	_ = p.end()
}

// Log is a buffer that may be read while it is written to.
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

// String is all that was written.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
