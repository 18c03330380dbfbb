package main

import (
	"bufio"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestTail: audit tail prints what is recorded while it runs, each event once, and ends
// with exit status 0 on SIGTERM.
func TestTail(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	add := func(client string) {
		t.Helper()
		if out, err := exec.CommandContext(t.Context(), "sesuai", "--data", data, "client", "add", client).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	add("one")
	add("two")
	tail := exec.CommandContext(t.Context(), "sesuai", "--data", data, "audit", "tail", "--lines", "1", "--json")
	stdout, err := tail.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr strings.Builder
	tail.Stderr = &stderr
	if err := tail.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stdout)
	expect := func(prefix string) {
		t.Helper()
		if !lines.Scan() || !strings.HasPrefix(lines.Text(), prefix) {
			t.Fatalf("%q, want %s: %v, %s", lines.Text(), prefix, lines.Err(), &stderr)
		}
	}
	expect(`{"seq":2,`)
	add("three")
	expect(`{"seq":3,`)
	add("four")
	expect(`{"seq":4,`)
	if err := tail.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if lines.Scan() {
		t.Errorf("after SIGTERM: %s", lines.Text())
	}
	if err := tail.Wait(); err != nil || stderr.Len() > 0 {
		t.Errorf("%v: %s", err, &stderr)
	}
}
