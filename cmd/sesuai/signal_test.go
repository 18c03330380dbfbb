package main

import (
	"os"
	"os/signal"
	"slices"
	"syscall"
	"testing"
)

// TestNohup: a command that was started with SIGHUP ignored keeps ignoring it.
func TestNohup(t *testing.T) {
	signal.Ignore(syscall.SIGHUP)
	defer signal.Reset(syscall.SIGHUP)
	if got := stopSignals(); slices.Contains(got, os.Signal(syscall.SIGHUP)) || !slices.Contains(got, os.Signal(syscall.SIGTERM)) {
		t.Errorf("stopSignals = %v", got)
	}
}
