//go:build cgo

package ort

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sesuai/sesuai"
)

// TestRuntimeDigestsAreTheLocked: what is loaded is what make models fetches.
func TestRuntimeDigestsAreTheLocked(t *testing.T) {
	f, err := os.Open("../../../third_party/models.lock")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	goarch := map[string]string{"x86_64": "amd64", "aarch64": "arm64"}
	locked := 0
	for s := bufio.NewScanner(f); s.Scan(); {
		fields := strings.Fields(s.Text())
		if len(fields) == 3 && strings.HasPrefix(fields[1], "onnxruntime-node@") && fields[1] != "onnxruntime-node@"+Version {
			t.Errorf("Version is %s, and the lock file has %s", Version, fields[1])
		}
		if len(fields) != 5 || fields[0] != "file" || !strings.HasSuffix(fields[4], "/libonnxruntime.so.1") {
			continue
		}
		locked++
		if got := runtimeSHA256[goarch[fields[3]]]; got != fields[2] {
			t.Errorf("the digest for %s is %q, and in the lock file %s", fields[3], got, fields[2])
		}
	}
	if locked != len(runtimeSHA256) {
		t.Errorf("%d digests, %d in the lock file", len(runtimeSHA256), locked)
	}
}

// writeLibrary writes a file that openRuntime accepts with the options.
func writeLibrary(t *testing.T) (o Options, content []byte) {
	t.Helper()
	content = bytes.Repeat([]byte("a library"), 100_000)
	path := filepath.Join(t.TempDir(), "libonnxruntime.so.1")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return Options{Library: path, SHA256: fmt.Sprintf("%X", sha256.Sum256(content))}, content
}

// TestRuntimeCannotBeChangedOnceChecked: writing to the file afterwards, or to the
// copy, does not change what is loaded.
func TestRuntimeCannotBeChangedOnceChecked(t *testing.T) {
	o, content := writeLibrary(t)
	f, err := openRuntime(o)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := os.WriteFile(o.Library, bytes.Repeat([]byte("x"), len(content)), 0o600); err != nil {
		t.Fatal(err)
	}
	// Loaded is the copy, by this name.
	name := fmt.Sprintf("/proc/self/fd/%d", f.Fd())
	again, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if _, err := again.WriteAt([]byte("x"), 0); !errors.Is(err, unix.EPERM) {
		t.Errorf("writing to the copy: %v", err)
	}
	if err := again.Truncate(0); !errors.Is(err, unix.EPERM) {
		t.Errorf("truncating the copy: %v", err)
	}
	if _, err := unix.Mmap(int(again.Fd()), 0, len(content), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err == nil {
		t.Error("the copy can be mapped for writing")
	}
	got, err := os.ReadFile(name)
	if err != nil || !bytes.Equal(got, content) {
		t.Errorf("the copy is not what was checked: %v", err)
	}
}

func TestRuntimeRefused(t *testing.T) {
	for _, test := range []struct {
		about  string
		change func(t *testing.T, o *Options)
		says   string
	}{
		{"one bit changed", func(t *testing.T, o *Options) {
			f, err := os.OpenFile(o.Library, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			_, err = f.WriteAt([]byte("b"), 4500)
			if err := errors.Join(err, f.Close()); err != nil {
				t.Fatal(err)
			}
		}, ": its SHA-256 is "},
		{"another digest", func(_ *testing.T, o *Options) { o.SHA256 = strings.Repeat("0", 64) }, ": its SHA-256 is "},
		{"not the fetched one", func(_ *testing.T, o *Options) { o.SHA256 = "" }, ": its SHA-256 is "},
		{"others may write", func(t *testing.T, o *Options) {
			if err := os.Chmod(o.Library, 0o622); err != nil {
				t.Fatal(err)
			}
		}, ", which may be changed by others (mode 0622)"},
		{"missing", func(_ *testing.T, o *Options) { o.Library += ".2" }, "; make models fetches it"},
		{"a folder", func(_ *testing.T, o *Options) { o.Library = filepath.Dir(o.Library) }, ": it is not a file"},
	} {
		t.Run(test.about, func(t *testing.T) {
			o, _ := writeLibrary(t)
			test.change(t, &o)
			f, err := openRuntime(o)
			if f != nil {
				_ = f.Close()
			}
			e, ok := errors.AsType[*sesuai.Error](err)
			if !ok || e.Kind != sesuai.KindConfiguration || !strings.Contains(e.Detail, o.Library+test.says) {
				t.Errorf("openRuntime = %v, want %q", err, test.says)
			}
		})
	}
}

// TestNoDescriptorIsLeft: a refusal closes what it has opened.
func TestNoDescriptorIsLeft(t *testing.T) {
	o, _ := writeLibrary(t)
	o.SHA256 = strings.Repeat("0", 64)
	count := func() int {
		open, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(open)
	}
	before := count()
	for range 20 {
		if _, err := openRuntime(o); err == nil {
			t.Fatal("it was accepted")
		}
	}
	if after := count(); after >= before+20 {
		t.Errorf("%d descriptors before, %d after 20 refusals", before, after)
	}
}
