package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestNohup: a command that was started with SIGHUP ignored keeps ignoring it.
func TestNohup(t *testing.T) {
	signal.Ignore(syscall.SIGHUP)
	defer signal.Reset(syscall.SIGHUP)
	if got := stopSignals(); slices.Contains(got, os.Signal(syscall.SIGHUP)) || !slices.Contains(got, os.Signal(syscall.SIGTERM)) {
		t.Errorf("stopSignals = %v", got)
	}
}

// interrupt runs a command on a terminal and types ^C once it has asked a question,
// one that ends with [y/N]. Standard output is what the terminal shows after that, and
// the command's exit status.
func interrupt(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: interrupt COMMAND…")
	}
	terminal := exec.Command("script", "-qec", "exec "+strings.Join(args, " "), "/dev/null")
	terminal.Dir = ts.MkAbs(".")
	keyboard, err := terminal.StdinPipe()
	ts.Check(err)
	screen, err := terminal.StdoutPipe()
	ts.Check(err)
	ts.Check(terminal.Start())
	lines := bufio.NewReader(screen)
	asked, err := lines.ReadString(']')
	if err != nil {
		ts.Fatalf("no question in %q: %v", asked, err)
	}
	_, err = io.WriteString(keyboard, "\x03")
	ts.Check(err)
	_, err = io.Copy(ts.Stdout(), lines)
	ts.Check(err)
	fmt.Fprintln(ts.Stdout(), terminal.Wait())
}
