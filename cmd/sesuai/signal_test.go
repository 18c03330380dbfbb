package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestHangUp: SIGHUP ends a command, has a service read its files again, and does
// nothing to what was started with it ignored.
func TestHangUp(t *testing.T) {
	if signal.Ignored(syscall.SIGHUP) {
		t.Skip("this test needs SIGHUP, which whoever started it ignores, as nohup does")
	}
	ctx, stop, hangUps := signals(t.Context(), true)
	defer stop()
	hangUp(t)
	<-hangUps
	if ctx.Err() != nil {
		t.Error("it ends a service")
	}
	stop()
	signal.Reset(syscall.SIGHUP)

	ctx, stop, hangUps = signals(t.Context(), false)
	defer stop()
	hangUp(t)
	<-ctx.Done()
	if hangUps != nil {
		t.Error("a command reads its files again")
	}
	stop()

	signal.Ignore(syscall.SIGHUP)
	defer signal.Reset(syscall.SIGHUP)
	for _, reloads := range []bool{true, false} {
		_, stop, hangUps := signals(t.Context(), reloads)
		defer stop()
		if hangUps != nil || !signal.Ignored(syscall.SIGHUP) {
			t.Errorf("reloads %v: it is no longer ignored", reloads)
		}
	}
}

// hangUp sends SIGHUP to this process, which must have it handled.
func hangUp(t *testing.T) {
	t.Helper()
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
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
