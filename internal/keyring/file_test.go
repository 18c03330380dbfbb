package keyring_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/keyring"
)

func TestOpenCreatesOnce(t *testing.T) {
	// A folder that does not exist yet, with characters that are special in
	// glob patterns.
	path := filepath.Join(t.TempDir(), "a[b]*", "data", keyring.FileName)
	first, err := keyring.Open(t.Context(), keyring.Options{Path: path, Create: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, create := range []bool{true, false} {
		again, err := keyring.Open(t.Context(), keyring.Options{Path: path, Create: create})
		if err != nil {
			t.Fatal(err)
		}
		if checkOf(t, again, 1) != checkOf(t, first, 1) {
			t.Errorf("opened again (create %v) it is another key", create)
		}
	}
	assertMode(t, path, 0o600)
	assertMode(t, filepath.Dir(path), 0o700)
	assertAlone(t, path)
}

func TestOpenCleansUpAfterADeadProcess(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, keyring.FileName)
	write(t, filepath.Join(dir, "."+keyring.FileName+".ABC.new"), master(1), 0o600)
	if _, err := keyring.Open(t.Context(), keyring.Options{Path: path, Create: true}); err != nil {
		t.Fatal(err)
	}
	assertAlone(t, path)
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	tests := []struct {
		name    string
		content []byte
		mode    os.FileMode
		want    string
	}{
		{"short", master(1)[:31], 0o600, "exactly 32 bytes"},
		{"long", append(master(1), 0), 0o600, "exactly 32 bytes"},
		{"empty", nil, 0o600, "exactly 32 bytes"},
		{"zeros", make([]byte, 32), 0o600, "not random"},
		{"group", master(1), 0o640, "chmod 600"},
		{"world", master(1), 0o604, "chmod 600"},
		{"group-writable", master(1), 0o620, "chmod 600"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(dir, test.name)
			write(t, path, test.content, test.mode)
			for _, create := range []bool{false, true} {
				_, err := keyring.Open(t.Context(), keyring.Options{Path: path, Create: create})
				assertRefused(t, err, path, test.want)
			}
		})
	}
	t.Run("missing", func(t *testing.T) {
		path := filepath.Join(dir, "missing")
		_, err := keyring.Open(t.Context(), keyring.Options{Path: path})
		assertRefused(t, err, path, "is not there")
	})
	t.Run("folder", func(t *testing.T) {
		_, err := keyring.Open(t.Context(), keyring.Options{Path: dir, Create: true})
		assertRefused(t, err, dir, "is not a file")
	})
}

// TestManyFirstStarts starts many processes at once in a folder without a key.
// They must agree on one.
func TestManyFirstStarts(t *testing.T) {
	if path := os.Getenv("SESUAI_TEST_KEY"); path != "" {
		ring, err := keyring.Open(t.Context(), keyring.Options{Path: path, Create: true})
		if err != nil {
			t.Fatal(err)
		}
		check := checkOf(t, ring, 1)
		if err := os.WriteFile(os.Getenv("SESUAI_TEST_OUT"), check[:], 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	for range 3 {
		dir := t.TempDir()
		path := filepath.Join(dir, "data", keyring.FileName)
		out := func(i int) string { return filepath.Join(dir, "check"+string(rune('a'+i))) }
		const processes = 6
		var wg sync.WaitGroup
		for i := range processes {
			wg.Go(func() {
				cmd := exec.Command(os.Args[0], "-test.run=^TestManyFirstStarts$")
				cmd.Env = append(os.Environ(), "SESUAI_TEST_KEY="+path, "SESUAI_TEST_OUT="+out(i))
				if b, err := cmd.CombinedOutput(); err != nil {
					t.Errorf("process %d: %v\n%s", i, err, b)
				}
			})
		}
		wg.Wait()
		ring, err := keyring.Open(t.Context(), keyring.Options{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		for i := range processes {
			check, err := os.ReadFile(out(i))
			if own := checkOf(t, ring, 1); err != nil || !bytes.Equal(own[:], check) {
				t.Errorf("process %d had another key (%v)", i, err)
			}
		}
		assertAlone(t, path)
	}
}

func write(t *testing.T, path string, content []byte, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, content, mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil { // whatever the umask
		t.Fatal(err)
	}
}

func assertMode(t *testing.T, path string, want os.FileMode) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != want {
		t.Errorf("%s has mode %04o, want %04o", filepath.Base(path), got, want)
	}
}

// assertAlone fails if the key's folder holds any other file.
func assertAlone(t *testing.T, path string) {
	t.Helper()
	files, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if f.Name() != filepath.Base(path) {
			t.Errorf("%s was left behind", f.Name())
		}
	}
}

func assertRefused(t *testing.T, err error, path, want string) {
	t.Helper()
	if sesuai.KindOf(err) != sesuai.KindConfiguration {
		t.Fatalf("error %v is not of kind %s", err, sesuai.KindConfiguration)
	}
	if s := err.Error(); !strings.Contains(s, want) || !strings.Contains(s, path) {
		t.Errorf("error %q does not say %q about %s", s, want, path)
	}
}

// checkOf returns the key check value of a ring's key.
func checkOf(t testing.TB, r *keyring.Ring, id byte) [keyring.KeyCheckSize]byte {
	t.Helper()
	k, ok := r.Key(id)
	if !ok {
		t.Fatalf("there is no key %d", id)
	}
	return k.Check()
}

// TestFurtherKeys: further keys are stored beside the first, can be added while
// the ring is open, and stay usable when the first is deleted.
func TestFurtherKeys(t *testing.T) {
	path := filepath.Join(t.TempDir(), keyring.FileName)
	r, err := keyring.Open(t.Context(), keyring.Options{Path: path, Create: true})
	if err != nil {
		t.Fatal(err)
	}
	other, err := keyring.Open(t.Context(), keyring.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	made, err := r.Create(t.Context(), 2)
	if err != nil || made.ID() != 2 {
		t.Fatal(made.ID(), err)
	}
	assertMode(t, path+".2", 0o600)
	if again, err := r.Create(t.Context(), 2); err != nil || again.Check() != made.Check() {
		t.Errorf("created again, it is another key (%v)", err)
	}
	if made.Check() == checkOf(t, r, 1) {
		t.Error("the second key is the first")
	}
	if _, early := other.Key(2); early {
		t.Error("a ring has a key that it has not read")
	}
	if err := other.Refresh(t.Context()); err != nil || checkOf(t, other, 2) != made.Check() {
		t.Errorf("Refresh: %v", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	later, err := keyring.Open(t.Context(), keyring.Options{Path: path})
	if err != nil || len(later.IDs()) != 1 || checkOf(t, later, 2) != made.Check() {
		t.Errorf("without the first: %v, %v", later.IDs(), err)
	}
	write(t, path+".3", master(1)[:31], 0o600)
	assertRefused(t, later.Refresh(t.Context()), path+".3", "exactly 32 bytes")
	if len(later.IDs()) != 1 {
		t.Error("a refused key file has changed the ring")
	}
}
