package enrol_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/enrol"
	"github.com/sesuai/sesuai/internal/registry/registrytest"
	"github.com/sesuai/sesuai/internal/rows"
)

// photosFolder makes a folder of photographs, good and bad, beside a file that
// no path may reach.
func photosFolder(t *testing.T) string {
	t.Helper()
	outside := t.TempDir()
	dir := filepath.Join(outside, "photos")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.MkdirAll(filepath.Join(dir, "folder"), 0o700))
	must(os.WriteFile(filepath.Join(outside, "outside.jpg"), []byte("outside"), 0o600))
	for _, name := range []string{"good.jpg", "folder/good.jpg", "with space, comma.jpg", "ünïcode.jpg"} {
		must(os.WriteFile(filepath.Join(dir, name), []byte("photograph "+name), 0o600))
	}
	must(os.WriteFile(filepath.Join(dir, "empty.jpg"), nil, 0o600))
	large := filepath.Join(dir, "large.jpg")
	must(os.WriteFile(large, []byte("x"), 0o600))
	must(os.Truncate(large, rows.MaxPhotoSize+1))
	largest := filepath.Join(dir, "largest.jpg")
	must(os.WriteFile(largest, []byte("x"), 0o600))
	must(os.Truncate(largest, rows.MaxPhotoSize))
	must(os.Symlink("../outside.jpg", filepath.Join(dir, "leads-out.jpg")))
	must(os.Symlink(filepath.Join(outside, "outside.jpg"), filepath.Join(dir, "leads-out-absolutely.jpg")))
	must(os.Symlink("..", filepath.Join(dir, "folder-out")))
	must(os.Symlink("loop.jpg", filepath.Join(dir, "loop.jpg")))
	must(os.Symlink("good.jpg", filepath.Join(dir, "stays-in.jpg")))
	must(syscall.Mkfifo(filepath.Join(dir, "pipe.jpg"), 0o600))
	return dir
}

// TestPhotographs: no path leads out of the folder, and no file is waited for.
func TestPhotographs(t *testing.T) {
	const (
		none     = "NO_FILE: there is no such photograph"
		unopened = "NO_FILE: the photograph cannot be opened"
		noFile   = "NO_FILE: the photograph is not a file"
	)
	dir := photosFolder(t)
	outside := filepath.Join(filepath.Dir(dir), "outside.jpg")
	root := openRoot(t, dir)
	for _, test := range []struct{ photo, why string }{
		{"good.jpg", ""},
		{"./good.jpg", ""},
		{"folder/good.jpg", ""},
		{"folder/../good.jpg", ""},
		{"stays-in.jpg", ""},
		{`"with space, comma.jpg"`, ""},
		{"ünïcode.jpg", ""},
		{"largest.jpg", ""},
		{"", ""},
		{"missing.jpg", none},
		{"missing/good.jpg", none},
		{"GOOD.JPG", none},
		{"../outside.jpg", unopened},
		{"folder/../../outside.jpg", unopened},
		{outside, unopened},
		{"/etc/passwd", unopened},
		{"leads-out.jpg", unopened},
		{"leads-out-absolutely.jpg", unopened},
		{"folder-out/outside.jpg", unopened},
		{"loop.jpg", unopened},
		{"good.jpg/more", unopened},
		{strings.Repeat("x", 300), unopened},
		{"nul\x00.jpg", unopened},
		{"folder", noFile},
		{".", noFile},
		{"folder/", noFile},
		{"pipe.jpg", noFile},
		{"empty.jpg", "NO_FILE: the photograph is empty"},
		{"large.jpg", "TOO_LARGE: a photograph may have 10485760 bytes"},
	} {
		t.Run(test.photo, func(t *testing.T) {
			memory, x := registrytest.NewMemory(), &extractor{}
			summary, rejects, err := run(t.Context(), newEnroller(memory, x), header+"9999000000000001,Galuh,01-02-1990,"+test.photo+"\n", root)
			if err != nil {
				t.Fatal(err)
			}
			want := enrol.Summary{Rows: 1, Added: 1}
			if test.photo == "" {
				want.AddedWithoutPhoto = 1
			}
			var wantRejects []reject
			if test.why != "" {
				want = enrol.Summary{Rows: 1, Rejected: 1}
				wantRejects = []reject{{2, test.why}}
			}
			if diff := cmp.Diff(wantRejects, rejects); diff != "" || summary != want {
				t.Errorf("%+v; rejects (-want +got):\n%s", summary, diff)
			}
			if extracted := x.calls.Load() == 1; extracted != (test.why == "" && test.photo != "") {
				t.Errorf("the photograph was extracted: %v", extracted)
			}
		})
	}
}

// TestArchives: a photograph is read from an archive as from a folder, what an
// archive has beside photographs is not there, and a damaged one is refused.
func TestArchives(t *testing.T) {
	dir := t.TempDir()
	content := bytes.Repeat([]byte("photo"), 1000)
	large := make([]byte, rows.MaxPhotoSize+1)
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
		photos, err := rows.OpenPhotographs(path)
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
		photos, err := rows.OpenPhotographs(path)
		if sesuai.KindOf(err) != sesuai.KindMalformed {
			t.Errorf("%d: opened as %v, %v", i, photos, err)
		}
	}
	if _, err := rows.OpenPhotographs(filepath.Join(dir, "nowhere")); err == nil {
		t.Error("opened what is not there")
	}
}
