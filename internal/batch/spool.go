package batch

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"

	"filippo.io/age"

	"github.com/sesuai/sesuai"
)

// Spool is a file on disk that only this process can read. It is encrypted under a key
// that is nowhere else, and has no name, so nothing remains of it when the process ends.
type Spool struct {
	file *os.File
	key  *age.X25519Identity
	sum  [sha256.Size]byte
}

// NewSpool writes what r has to a file in folder, or in the system's folder for
// temporary files if that is "". Errors of r are returned as they are; others have kind
// sesuai.KindUnavailable. The caller must close the result.
func NewSpool(folder string, r io.Reader) (_ *Spool, err error) {
	key, err := age.GenerateX25519Identity()
	if err != nil {
		return nil, spooling(err)
	}
	f, err := os.CreateTemp(folder, "sesuai-batch-")
	if err != nil {
		return nil, spooling(err)
	}
	s := &Spool{file: f, key: key}
	defer func() {
		if err != nil {
			_ = f.Close()
		}
	}()
	if err := os.Remove(f.Name()); err != nil {
		return nil, spooling(err)
	}
	w, err := age.Encrypt(f, key.Recipient())
	if err != nil {
		return nil, spooling(err)
	}
	sum := sha256.New()
	source := &failing{r: io.TeeReader(r, sum)}
	if _, err := io.Copy(w, source); err != nil {
		if source.err != nil {
			return nil, source.err
		}
		return nil, spooling(err)
	}
	if err := w.Close(); err != nil {
		return nil, spooling(err)
	}
	sum.Sum(s.sum[:0])
	return s, nil
}

func spooling(err error) error {
	return &sesuai.Error{Kind: sesuai.KindUnavailable, Err: fmt.Errorf("receiving a batch: %w", err)}
}

// failing keeps the error of a reader.
type failing struct {
	r   io.Reader
	err error
}

// Read implements io.Reader.
func (f *failing) Read(p []byte) (int, error) {
	n, err := f.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		f.err = err
	}
	return n, err
}

// Open returns the content and its size.
func (s *Spool) Open() (io.ReaderAt, int64, error) {
	info, err := s.file.Stat()
	if err != nil {
		return nil, 0, spooling(err)
	}
	content, size, err := age.DecryptReaderAt(s.file, info.Size(), s.key)
	if err != nil {
		return nil, 0, spooling(err)
	}
	return content, size, nil
}

// Sum returns the SHA-256 of the content.
func (s *Spool) Sum() [sha256.Size]byte { return s.sum }

// Close removes the file.
func (s *Spool) Close() error { return s.file.Close() }
