package main

import (
	"bufio"
	"bytes"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"

	"github.com/sesuai/sesuai/test/process"
)

// printedAddress matches the addresses that run-dukcapil prints: first that of
// Sesuai, then that of the sandbox.
var printedAddress = regexp.MustCompile(`https?://127\.0\.0\.1:\d+`)

// TestRunDukcapil: one command serves both, SIGTERM stops both, and a second start
// finds the people and the client of the first.
func TestRunDukcapil(t *testing.T) {
	const root = ".."
	process.Program(t, root, "bin/demo", "build/demo/photos/"+selfieOfFirst)
	data := filepath.Join(t.TempDir(), "data")
	c := commandLine{Files: ".", Samples: filepath.Join(root, "build/demo")}
	claim, ok, err := c.firstPerson()
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	photo, err := os.ReadFile(filepath.Join(c.photos(), selfieOfFirst))
	if err != nil {
		t.Fatal(err)
	}
	var known []byte // the credentials of the first start
	for range 2 {
		cmd := exec.Command("bin/demo", "run-dukcapil", "--data", data, "--listen", "127.0.0.1:0", "--sandbox-listen", "127.0.0.1:0")
		cmd.Dir = root
		cmd.Env = append(os.Environ(), "SESUAI_LOG_LEVEL=error")
		var stderr process.Log
		cmd.Stderr = &stderr
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Process.Signal(syscall.SIGTERM) })
		var printed bytes.Buffer
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			printed.WriteString(lines.Text() + "\n")
			if lines.Text() == "Ctrl-C stops both." {
				break
			}
		}
		addresses := printedAddress.FindAllString(printed.String(), -1)
		if len(addresses) < 2 {
			t.Fatalf("it does not serve: %s%s", printed.Bytes(), stderr.String())
		}
		made, err := c.client(t.Context(), data)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := senderTo(addresses[0], made.credentials).Verify(t.Context(), claim, photo)
		if err != nil || answer.Status != 200 || !bytes.Contains(answer.Body, []byte("Verification Success")) {
			t.Errorf("answered %d %s, %v", answer.Status, answer.Body, err)
		}
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v: %s", err, stderr.String())
		}
		for _, address := range addresses[:2] {
			u, err := url.Parse(address)
			if err != nil {
				t.Fatal(err)
			}
			if conn, err := net.Dial("tcp", u.Host); err == nil {
				conn.Close()
				t.Errorf("%s is still served", address)
			}
		}
		now, err := os.ReadFile(made.file)
		if err != nil {
			t.Fatal(err)
		}
		if known != nil && (!bytes.Equal(now, known) || bytes.Contains([]byte(stderr.String()), []byte("enrolling"))) {
			t.Errorf("the second start made something again: %s", stderr.String())
		}
		known = now
	}
}
