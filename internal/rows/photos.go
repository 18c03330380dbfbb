package rows

import (
	"archive/tar"
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path"
	"strings"
	"sync/atomic"

	"github.com/sesuai/sesuai"
)

// Photographs is a folder or an archive with the photographs that a file names. It is safe for concurrent use.
type Photographs interface {
	// Photo reads the photograph at path, of at most MaxPhotoSize. Errors have
	// kind sesuai.KindNoFile or KindTooLarge, and do not repeat the path.
	Photo(path string) ([]byte, error)
	io.Closer
}

// OpenPhotographs opens a folder, a tar or a zip archive. For an archive it
// keeps an index in memory, about 200 bytes for each photograph.
func OpenPhotographs(name string) (Photographs, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	switch {
	case info.IsDir():
		root, err := os.OpenRoot(name)
		if err != nil {
			return nil, err
		}
		return Folder(root), nil
	case strings.HasSuffix(name, ".zip"):
		return openZip(name)
	case strings.HasSuffix(name, ".tar"):
		return openTar(name)
	default:
		return nil, &sesuai.Error{
			Kind:   sesuai.KindMalformed,
			Detail: "photographs must be in a folder, a .zip or a .tar that is not compressed",
		}
	}
}

// Folder returns the photographs in a folder. No path leads out of it. Close
// closes root.
func Folder(root *os.Root) Photographs { return folder{root} }

type folder struct{ *os.Root }

// Photo implements Photographs.
func (f folder) Photo(path string) ([]byte, error) { return readOpened(f.OpenFile(path, openPhoto, 0)) }

func noSuchPhoto() error {
	return &sesuai.Error{Kind: sesuai.KindNoFile, Detail: "there is no such photograph"}
}

// severalPhotos refuses a name that an archive has more than once: nobody can
// tell which of the photographs is the person's.
func severalPhotos() error {
	return &sesuai.Error{Kind: sesuai.KindNoFile, Detail: "the archive has several photographs of this name"}
}

// badArchive is the error about an archive as a whole.
func badArchive(err error) error {
	return &sesuai.Error{Kind: sesuai.KindMalformed, Detail: "the archive of photographs is damaged, or not one", Err: err}
}

// zipped is a zip archive.
type zipped struct {
	io.Closer
	files map[string]*zip.File // nil if there are several of that name
}

func openZip(name string) (Photographs, error) {
	r, err := zip.OpenReader(name)
	if err != nil {
		return nil, badArchive(err)
	}
	return newZipped(&r.Reader, r), nil
}

// maxEntry is how many bytes the directory of an archive may have for each entry: its
// name and its fields.
const maxEntry = 512

// ReadZip returns the photographs in a zip archive of size bytes, which others have
// sent: it may have maxPhotos entries. Closing it does nothing.
func ReadZip(archive io.ReaderAt, size int64, maxPhotos int) (Photographs, error) {
	// To open the archive is to read its directory into memory, whatever number of
	// entries it states.
	limited := &limitedAt{archive, maxEntry*int64(maxPhotos) + 1<<17}
	r, err := zip.NewReader(limited, size)
	if limited.remaining < 0 || err == nil && len(r.File) > maxPhotos {
		return nil, &sesuai.Error{Kind: sesuai.KindTooLarge, Detail: fmt.Sprintf("the archive may have %d photographs", maxPhotos)}
	}
	if err != nil {
		return nil, badArchive(err)
	}
	limited.remaining = math.MaxInt64
	return newZipped(r, io.NopCloser(nil)), nil
}

// limitedAt reads at most remaining bytes of a file.
type limitedAt struct {
	io.ReaderAt
	remaining int64
}

// ReadAt implements io.ReaderAt.
func (l *limitedAt) ReadAt(p []byte, at int64) (int, error) {
	if remaining := atomic.AddInt64(&l.remaining, -int64(len(p))); remaining < 0 {
		return 0, errors.New("the directory of the archive is too large")
	}
	return l.ReaderAt.ReadAt(p, at)
}

func newZipped(r *zip.Reader, c io.Closer) zipped {
	z := zipped{c, make(map[string]*zip.File, len(r.File))}
	for _, f := range r.File {
		if !f.Mode().IsRegular() {
			continue
		}
		name := path.Clean(f.Name)
		if _, again := z.files[name]; again {
			f = nil
		}
		z.files[name] = f
	}
	return z
}

// Photo implements Photographs. Of what the archive says is too large it unpacks
// nothing, since many rows may name it. A size that it states too small is an error of
// reading.
func (z zipped) Photo(name string) ([]byte, error) {
	f, ok := z.files[path.Clean(name)]
	switch {
	case !ok:
		return nil, noSuchPhoto()
	case f == nil:
		return nil, severalPhotos()
	case f.UncompressedSize64 > MaxPhotoSize:
		return nil, tooLarge()
	}
	r, err := f.Open()
	if err != nil {
		return nil, &sesuai.Error{Kind: sesuai.KindNoFile, Detail: "the photograph cannot be opened"}
	}
	defer r.Close()
	return readWhole(r)
}

// tarred is a tar archive that is not compressed.
type tarred struct {
	*os.File
	files map[string]span
}

// span is where a photograph is in an archive, in bytes.
type span struct{ at, size int64 }

// several stands for photographs of one name.
var several = span{-1, -1}

// openTar reads through the archive once.
func openTar(name string) (_ Photographs, err error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close())
		}
	}()
	t := tarred{f, make(map[string]span)}
	r := tar.NewReader(f) // skips by seeking
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return t, nil
		}
		if err != nil {
			return nil, badArchive(err)
		}
		if h.Typeflag != tar.TypeReg || isSparse(h) {
			continue // a link leads anywhere, and a sparse file is not stored as it is
		}
		at, err := f.Seek(0, io.SeekCurrent)
		if err != nil {
			return nil, fmt.Errorf("reading the archive of photographs: %w", err)
		}
		name, here := path.Clean(h.Name), span{at, h.Size}
		if _, again := t.files[name]; again {
			here = several
		}
		t.files[name] = here
	}
}

// isSparse reports whether PAX records describe holes in a file, so that the
// archive does not hold its bytes as they are.
func isSparse(h *tar.Header) bool {
	for key := range h.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return true
		}
	}
	return false
}

// Photo implements Photographs.
func (t tarred) Photo(name string) ([]byte, error) {
	s, ok := t.files[path.Clean(name)]
	switch {
	case !ok:
		return nil, noSuchPhoto()
	case s == several:
		return nil, severalPhotos()
	}
	photo, err := readWhole(io.NewSectionReader(t.File, s.at, s.size))
	if err == nil && int64(len(photo)) != s.size {
		return nil, &sesuai.Error{Kind: sesuai.KindNoFile, Detail: "the photograph cannot be read", Err: fs.ErrInvalid}
	}
	return photo, err
}
