package batch

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"path"

	"github.com/sesuai/sesuai/internal/rows"
)

// Archive returns a zip archive of the photographs that an upload's rows name, each once,
// to be read while it is made. One that cannot be read is left out: its row is answered
// so. At the end it closes the file of claims. The caller must close the result.
func Archive(u Upload, claims io.Closer) io.ReadCloser {
	read, written := io.Pipe()
	go func() { _ = written.CloseWithError(errors.Join(archive(written, u), claims.Close())) }()
	return read
}

func archive(w io.Writer, u Upload) error {
	reader, err := rows.NewReader(u.Format, u.Claims, u.Columns)
	if err != nil {
		return err
	}
	z := zip.NewWriter(w)
	written := make(map[string]bool)
	for {
		record, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return z.Close()
		}
		if err != nil {
			return err
		}
		name := path.Clean(record.Value(u.PhotoColumn))
		if written[name] || name == "." {
			continue
		}
		written[name] = true
		photo, err := u.Photos.Photo(name)
		if err != nil {
			continue
		}
		// A photograph is compressed already.
		entry, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
		if err == nil {
			_, err = entry.Write(photo)
		}
		if err != nil {
			return fmt.Errorf("packing the photographs: %w", err)
		}
	}
}
