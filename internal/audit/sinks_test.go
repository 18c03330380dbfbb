package audit_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/audit/audittest"
	"github.com/sesuai/sesuai/internal/keyring"
)

// hangingSink is a sink that hangs until it is released, and then fails until told not to.
type hangingSink struct {
	release chan struct{}
	fails   atomic.Bool
	written atomic.Int64
}

func (*hangingSink) Name() string { return "hanging" }

func (s *hangingSink) Write(c audit.SignedCheckpoint) error {
	<-s.release
	if s.fails.Load() {
		return errors.New("full")
	}
	s.written.Store(c.Seq)
	return nil
}

// TestSinkThatFails: a sink that hangs or fails keeps neither the check nor other sinks
// waiting. It is tried again at the next check, with the last checkpoint.
func TestSinkThatFails(t *testing.T) {
	d := engines.SQLite(t)
	l := openTrail(t, d, keyring.NewSecret(), keyring.NewSecret())
	folder := t.TempDir()
	sink := &hangingSink{release: make(chan struct{})}
	sink.fails.Store(true)
	c := audit.NewChecker(audit.CheckerOptions{
		Trail: l.Trail, Sinks: []audit.Sink{sink, audit.NewFolderSink(folder)}, CheckpointEvents: 1,
		Log: slog.New(slog.NewTextHandler(new(bytes.Buffer), nil)),
	})
	check := func() {
		t.Helper()
		l.record(t, audittest.Event(t, 1, "a"))
		if err := c.Check(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	check() // while the sink hangs
	check()
	close(sink.release)
	c.Flush(t.Context())
	sink.fails.Store(false)
	check()
	c.Flush(t.Context())
	if seq := sink.written.Load(); seq != 3 {
		t.Errorf("the sink has the checkpoint of event %d, want 3", seq)
	}
	files, err := filepath.Glob(filepath.Join(folder, "*.checkpoint"))
	if err != nil || len(files) == 0 {
		t.Fatalf("the folder has %v, %v", files, err)
	}
	b, err := os.ReadFile(files[len(files)-1])
	if err != nil {
		t.Fatal(err)
	}
	if one, err := audit.OpenCheckpoint(b, l.PublicKey()); err != nil || one.Seq != 3 || !strings.HasPrefix(filepath.Base(files[len(files)-1]), "00000000000000000003-") {
		t.Errorf("%s: %v, %v", files[len(files)-1], one, err)
	}
}

// TestFolderSinkWritesNothingTwice: a file that is there is never written to.
func TestFolderSinkWritesNothingTwice(t *testing.T) {
	sink := audit.NewFolderSink(t.TempDir())
	c := audit.SignedCheckpoint{Signed: []byte("a")}
	if err := errors.Join(sink.Write(c), sink.Write(c)); err != nil {
		t.Errorf("the same checkpoint twice: %v", err)
	}
	c.Signed = []byte("b")
	if err := sink.Write(c); !errors.Is(err, os.ErrExist) {
		t.Errorf("another one under the same name: %v", err)
	}
}

// TestSyslogSink: a server is sent the signed checkpoint in one line.
func TestSyslogSink(t *testing.T) {
	conn, err := (&net.ListenConfig{}).ListenPacket(context.Background(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	sink, err := audit.NewSyslogSink("udp://" + conn.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	if err := sink.Write(audit.SignedCheckpoint{Checkpoint: audit.Checkpoint{Head: audit.Head{Seq: 7}}, Signed: []byte("signed")}); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 2048)
	n, _, err := conn.ReadFrom(b)
	if err != nil || !bytes.Contains(b[:n], []byte("sesuai-audit")) || !bytes.Contains(b[:n], []byte("checkpoint event=7 ")) || !bytes.Contains(b[:n], []byte("signed=c2lnbmVk")) {
		t.Errorf("sent %q, %v", b[:n], err)
	}
	for _, address := range []string{"", "remote", "udp://", "udp://host", "http://host:1"} {
		if _, err := audit.NewSyslogSink(address); err == nil {
			t.Errorf("%q was taken", address)
		}
	}
}
