package atomicfile_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/sesuai/sesuai/internal/atomicfile"
)

func text(s string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, s)
		return err
	}
}

// assertFile reports a file that is not so, or other files beside it.
func assertFile(t *testing.T, path, content string, perm fs.FileMode) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil || string(b) != content {
		t.Errorf("%q, %v, want %q", b, err, content)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != perm {
		t.Errorf("%v, %v, want %v", info.Mode(), err, perm)
	}
	assertNothingHidden(t, filepath.Dir(path))
}

// TestWrite: a file is replaced whole, and its permissions do not depend on the
// umask or on those of the file before.
func TestWrite(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0o077))
	path := filepath.Join(t.TempDir(), "file")
	for _, step := range []struct {
		content string
		perm    fs.FileMode
	}{{"first", 0o600}, {"a second one", 0o644}, {"", 0o600}} {
		if err := atomicfile.Write(path, step.perm, text(step.content)); err != nil {
			t.Fatal(err)
		}
		assertFile(t, path, step.content, step.perm)
	}
}

// TestWriteFails: the file before stays, and nothing is left beside it. Until
// the file is complete it has another name, in the same folder.
func TestWriteFails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := atomicfile.Write(path, 0o600, text("before")); err != nil {
		t.Fatal(err)
	}
	full := errors.New("full")
	err := atomicfile.Write(path, 0o644, func(w io.Writer) error {
		if err := text("half")(w); err != nil {
			return err
		}
		if b, err := os.ReadFile(path); err != nil || string(b) != "before" {
			t.Errorf("meanwhile the file is %q, %v", b, err)
		}
		entries, err := os.ReadDir(filepath.Dir(path))
		if err != nil || len(entries) != 2 || !strings.HasPrefix(entries[0].Name(), ".file") {
			t.Errorf("meanwhile there are %v, %v", entries, err)
		}
		return full
	})
	if !errors.Is(err, full) {
		t.Errorf("error %v", err)
	}
	assertFile(t, path, "before", 0o600)
}

// TestNowhere: where no file can be made, write is not called.
func TestNowhere(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	called := func(io.Writer) error { t.Error("write is called"); return nil }
	if err := atomicfile.Write(filepath.Join(dir, "nowhere", "file"), 0o600, called); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("in a folder that is not there: %v", err)
	}
	if err := atomicfile.Write(filepath.Join(dir, "folder"), 0o600, text("x")); err == nil {
		t.Error("a folder is replaced")
	}
	assertNothingHidden(t, dir)
}

func assertNothingHidden(t *testing.T, dir string) {
	t.Helper()
	if hidden, err := filepath.Glob(filepath.Join(dir, ".*")); err != nil || len(hidden) != 0 {
		t.Errorf("there are %v: %v", hidden, err)
	}
}

// TestCreate: a file that is there stays, also if it is made meanwhile, and a file that
// cannot be written whole is not made.
func TestCreate(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0o077))
	path := filepath.Join(t.TempDir(), "file")
	full := errors.New("full")
	err := atomicfile.Create(path, 0o600, func(w io.Writer) error { return errors.Join(text("half")(w), full) })
	if _, there := os.Stat(path); !errors.Is(err, full) || !errors.Is(there, fs.ErrNotExist) {
		t.Errorf("Create = %v; %v", err, there)
	}
	assertNothingHidden(t, filepath.Dir(path))
	err = atomicfile.Create(path, 0o600, func(w io.Writer) error {
		return errors.Join(text("late")(w), os.WriteFile(path, []byte("first"), 0o644))
	})
	if !errors.Is(err, fs.ErrExist) {
		t.Errorf("Create = %v", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := atomicfile.Create(path, 0o640, text("first")); err != nil {
		t.Fatal(err)
	}
	if err := atomicfile.Create(path, 0o600, text("second")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("Create = %v", err)
	}
	assertFile(t, path, "first", 0o640)
}
