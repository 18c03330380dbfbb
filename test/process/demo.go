package process

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Demo is a running service on the demo people, who are in a data folder of the
// test's own.
type Demo struct {
	*Process
	// Sesuai runs the program on the data folder.
	Sesuai Runner
	// Credentials are those of the demo's client, whose name is demo.
	Credentials
	// Address is a URL without a path.
	Address string
	// Data is the data folder.
	Data string
	// Photos is the folder of the demo people's photographs.
	Photos string
	root   string
}

// StartDemo starts the service with liveness switched on, until the test ends. root is
// the path of the module's folder, and flags are further ones of sesuai serve.
func StartDemo(t testing.TB, root string, flags ...string) *Demo {
	t.Helper()
	program := Program(t, root, "bin/demo", "build/demo/photos")
	root, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	d := &Demo{Data: t.TempDir(), Photos: filepath.Join(root, "build/demo/photos"), root: root}
	d.Run(t, "prepare")
	b, err := os.ReadFile(filepath.Join(d.Data, "demo-client.json"))
	if err == nil {
		err = json.Unmarshal(b, &d.Credentials)
	}
	if err != nil {
		t.Fatal(err)
	}
	d.Sesuai = Runner{
		Program: program, Args: []string{"--data", d.Data},
		Env: append(Exact(), "SESUAI_LOG_LEVEL=error", "SESUAI_FACE_LIVENESS=true"),
	}
	var started struct{ Address string }
	d.Process = d.Sesuai.Start(t, &started, append([]string{"serve", "--listen", "127.0.0.1:0"}, flags...)...)
	d.Address = started.Address
	return d
}

// Exact are the variables of a service whose answers are exact after misses, too, however
// many they are: most tests ask about one person again and again.
func Exact() []string {
	return []string{
		"SESUAI_DISCLOSURE_EXACT_MISSES=0", "SESUAI_DISCLOSURE_TENS_MISSES=0",
		"SESUAI_LIMITS_NIK_MISSES_PER_HOUR=0", "SESUAI_LIMITS_NIK_MISSES_PER_DAY=0",
		"SESUAI_LIMITS_NIK_CLIENT_MISSES_PER_HOUR=0", "SESUAI_LIMITS_NIK_CLIENT_MISSES_PER_DAY=0",
		"SESUAI_LIMITS_CLIENT_NON_MATCHES_PER_DAY=0",
	}
}

// Run runs a command of bin/demo on the data folder, which make test builds.
func (d *Demo) Run(t testing.TB, command string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(d.root, "bin/demo"), command, "--data", d.Data)
	cmd.Dir = d.root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("bin/demo %s: %v\n%s", command, err, out)
	}
}
