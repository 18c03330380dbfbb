package rows_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/rows"
	"github.com/sesuai/sesuai/test/process"
)

// archive makes a zip archive of files with these names and contents. That of large.jpg
// is stated to be too large, whatever it is.
func archive(t testing.TB, files ...[2]string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, f := range files {
		var entry io.Writer
		var err error
		if f[0] == "large.jpg" {
			entry, err = w.CreateRaw(&zip.FileHeader{Name: f[0], CompressedSize64: uint64(len(f[1])), UncompressedSize64: rows.MaxPhotoSize + 1})
		} else {
			entry, err = w.Create(f[0])
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(entry, f[1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func readZip(t testing.TB, b []byte, maxPhotos int) (rows.Photographs, error) {
	t.Helper()
	return rows.ReadZip(bytes.NewReader(b), int64(len(b)), maxPhotos)
}

// TestReadZip: a name that an archive has twice is nobody's, and no photograph is
// larger than it may be, whatever it was compressed to. What is too large is not unpacked.
func TestReadZip(t *testing.T) {
	bomb := strings.Repeat("\x00", rows.MaxPhotoSize+1)
	p, err := readZip(t, archive(t, [2]string{"a.jpg", "one"}, [2]string{"twice.jpg", "two"}, [2]string{"x/../twice.jpg", "three"}, [2]string{"bomb.jpg", bomb}, [2]string{"large.jpg", "x"}), 5)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := p.Photo("./a.jpg"); err != nil || string(b) != "one" {
		t.Errorf("%q, %v", b, err)
	}
	for name, want := range map[string]sesuai.Kind{
		"twice.jpg": sesuai.KindNoFile, "large.jpg": sesuai.KindTooLarge, "../a.jpg": sesuai.KindNoFile, "/etc/passwd": sesuai.KindNoFile, "bomb.jpg": sesuai.KindTooLarge,
	} {
		if _, err := p.Photo(name); sesuai.KindOf(err) != want {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
}

// TestReadZipRefuses what is no archive, and one with more entries than there may be:
// the directory of one with very many is not even read to its end.
func TestReadZipRefuses(t *testing.T) {
	process.Slow(t)
	var files [][2]string
	for n := range 20_000 {
		files = append(files, [2]string{fmt.Sprintf("%0200d.jpg", n), ""})
	}
	for name, test := range map[string]struct {
		archive []byte
		want    sesuai.Kind
	}{
		"nothing":   {nil, sesuai.KindMalformed},
		"text":      {[]byte("nik,name\n"), sesuai.KindMalformed},
		"cut off":   {archive(t, [2]string{"a.jpg", "one"})[:40], sesuai.KindMalformed},
		"many":      {archive(t, files[:11]...), sesuai.KindTooLarge},
		"very many": {archive(t, files...), sesuai.KindTooLarge},
	} {
		if _, err := readZip(t, test.archive, 10); sesuai.KindOf(err) != test.want {
			t.Errorf("%s: %v, want %s", name, err, test.want)
		}
	}
}
