package enrol_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/enrol"
	"github.com/sesuai/sesuai/internal/registry/registrytest"
)

// headerSize is how long a journal without a row is, in bytes.
const headerSize = 48

// noted is what a journal holds.
func noted(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Error(err)
	}
	return b
}

// journaled imports n people with a journal, and stops after so many
// extractions; never if that is 0.
func journaled(t *testing.T, memory *registrytest.Memory, path string, n, stop int) (enrol.Summary, int) {
	t.Helper()
	journal, err := enrol.OpenJournal(path, [32]byte{1})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	x := &extractor{hook: func(ctx context.Context, call int) error {
		if call == stop {
			for len(noted(t, path)) <= headerSize { // until something is
				runtime.Gosched()
			}
			cancel()
		}
		return ctx.Err()
	}}
	job := enrol.Import{
		Enroller: newEnroller(memory, x), People: strings.NewReader(rows(n)), Photos: enrol.Folder(photos(t, n)), Journal: journal,
	}
	summary, err := job.Run(ctx)
	if (err != nil) != (stop > 0) {
		t.Fatalf("%+v, %v", summary, err)
	}
	if err := journal.Close(err == nil); err != nil {
		t.Fatal(err)
	}
	return summary, int(x.calls.Load())
}

// TestJournal: what an earlier run has done is not looked at again; a journal
// that lost its end, or was damaged there, costs only the rows it lost.
func TestJournal(t *testing.T) {
	const n = 300
	for name, harm := range map[string]func(b []byte) []byte{
		"whole":                func(b []byte) []byte { return b },
		"half a record":        func(b []byte) []byte { return b[:len(b)-7] },
		"a damaged end":        func(b []byte) []byte { b[len(b)-10] ^= 1; return b },
		"nothing but its name": func([]byte) []byte { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			memory, path := registrytest.NewMemory(), filepath.Join(t.TempDir(), "journal")
			first, _ := journaled(t, memory, path, n, 100)
			b := noted(t, path)
			if bytes.Contains(b, []byte("9999")) || bytes.Contains(b, []byte("Wirasaba")) {
				t.Error("the journal holds something of a row")
			}
			if err := os.WriteFile(path, harm(b), 0o600); err != nil {
				t.Fatal(err)
			}
			second, calls := journaled(t, memory, path, n, 0)
			if second.Rows != n || second.Added+second.Unchanged+second.Before != n || count(t, memory) != n {
				t.Errorf("%+v and then %+v; %d on record", first, second, count(t, memory))
			}
			if name == "whole" && (second.Before != first.Added || calls != n-first.Added) {
				t.Errorf("%d done before, %d extracted, of %d that were added", second.Before, calls, first.Added)
			}
			if _, err := os.Stat(path); err == nil {
				t.Error("the journal is left behind")
			}
		})
	}
}

func TestJournalRefuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	journal, err := enrol.OpenJournal(path, [32]byte{1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := enrol.OpenJournal(path, [32]byte{1}); sesuai.KindOf(err) != sesuai.KindConflict || !strings.Contains(err.Error(), "another process") {
		t.Errorf("a second process: %v", err)
	}
	if err := journal.Close(false); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a journal with nothing in it is left behind")
	}
	journaled(t, registrytest.NewMemory(), path, 300, 100)
	if _, err := enrol.OpenJournal(path, [32]byte{2}); sesuai.KindOf(err) != sesuai.KindConflict || !strings.Contains(err.Error(), "another import") {
		t.Errorf("another import: %v", err)
	}
	if _, err := enrol.OpenJournal(filepath.Join(path, "x"), [32]byte{}); err == nil {
		t.Error("a journal beneath a file")
	}
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, special := range []string{pipe, "/dev/full"} {
		if _, err := enrol.OpenJournal(special, [32]byte{}); err == nil || !strings.Contains(err.Error(), "regular file") {
			t.Errorf("%s as a journal: %v", special, err)
		}
	}
}

// TestArchives: a photograph is read from an archive as from a folder, what an
// archive has beside photographs is not there, and a damaged one is refused.
func TestArchives(t *testing.T) {
	dir := t.TempDir()
	content := bytes.Repeat([]byte("photo"), 1000)
	large := make([]byte, enrol.MaxPhotoSize+1)
	var tarred, zipped bytes.Buffer
	tw, zw := tar.NewWriter(&tarred), zip.NewWriter(&zipped)
	for name, b := range map[string][]byte{"a.jpg": content, "sub/b.jpg": content[:7], "./c.jpg": content, "empty.jpg": nil, "large.jpg": large} {
		if err := tw.WriteHeader(&tar.Header{Name: name, Size: int64(len(b)), Mode: 0o600}); err != nil {
			t.Fatal(err)
		}
		if _, err := tw.Write(b); err != nil {
			t.Fatal(err)
		}
		w, err := zw.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	if err := tw.WriteHeader(&tar.Header{Name: "link.jpg", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}); err != nil {
		t.Fatal(err)
	}
	if err := tw.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	write := func(name string, b []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, path := range []string{write("photos.tar", tarred.Bytes()), write("photos.zip", zipped.Bytes())} {
		photos, err := enrol.OpenPhotographs(path)
		if err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]string{
			"a.jpg": "", "./a.jpg": "", "sub/b.jpg": "", "c.jpg": "", "sub/../a.jpg": "",
			"none.jpg": "NO_FILE", "link.jpg": "NO_FILE", "../a.jpg": "NO_FILE", "/etc/passwd": "NO_FILE", "empty.jpg": "NO_FILE", "large.jpg": "TOO_LARGE",
		} {
			b, err := photos.Photo(name)
			switch {
			case want == "" && (err != nil || !bytes.HasPrefix(content, b) || len(b) == 0):
				t.Errorf("%s of %s: %d bytes, %v", name, path, len(b), err)
			case want != "" && string(sesuai.KindOf(err)) != want:
				t.Errorf("%s of %s: %v, want %s", name, path, err, want)
			}
		}
		if err := photos.Close(); err != nil {
			t.Error(err)
		}
	}
	for i, path := range []string{
		write("cut.tar", tarred.Bytes()[:100_000]), write("cut.zip", zipped.Bytes()[:100]), write("none.zip", nil),
		write("text.tar", []byte(strings.Repeat("canary ", 200))), write("photos.rar", content),
	} {
		photos, err := enrol.OpenPhotographs(path)
		if sesuai.KindOf(err) != sesuai.KindMalformed {
			t.Errorf("%d: opened as %v, %v", i, photos, err)
		}
	}
	if _, err := enrol.OpenPhotographs(filepath.Join(dir, "nowhere")); err == nil {
		t.Error("opened what is not there")
	}
}
