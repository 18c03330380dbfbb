package rows

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"

	"github.com/sesuai/sesuai"
)

// MaxPhotoSize is the size of the largest photograph that is read, in bytes.
const MaxPhotoSize = 10 << 20

// openPhoto are the flags to open a photograph with. Without O_NONBLOCK, opening
// a pipe would wait for its other end.
const openPhoto = os.O_RDONLY | syscall.O_NONBLOCK

// ReadPhotoFile reads the photograph at path, which must be a regular file of at
// most MaxPhotoSize. Errors have kind sesuai.KindNoFile or KindTooLarge, and
// do not repeat the path: it may hold a name.
func ReadPhotoFile(path string) ([]byte, error) { return readOpened(os.OpenFile(path, openPhoto, 0)) }

// readOpened reads and closes f, which was opened with openPhoto. It takes the
// results of opening it.
func readOpened(f *os.File, err error) ([]byte, error) {
	if err != nil {
		why := "the photograph cannot be opened"
		if errors.Is(err, fs.ErrNotExist) {
			why = "there is no such photograph"
		}
		return nil, &sesuai.Error{Kind: sesuai.KindNoFile, Detail: why}
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, &sesuai.Error{Kind: sesuai.KindNoFile, Detail: "the photograph is not a file"}
	}
	return readWhole(f)
}

func tooLarge() error {
	return &sesuai.Error{Kind: sesuai.KindTooLarge, Detail: fmt.Sprintf("a photograph may have %d bytes", MaxPhotoSize)}
}

// readWhole reads a photograph of at most MaxPhotoSize.
func readWhole(r io.Reader) ([]byte, error) {
	photo, err := io.ReadAll(io.LimitReader(r, MaxPhotoSize+1))
	switch {
	case err != nil:
		return nil, &sesuai.Error{Kind: sesuai.KindNoFile, Detail: "the photograph cannot be read"}
	case len(photo) > MaxPhotoSize:
		return nil, tooLarge()
	case len(photo) == 0:
		return nil, &sesuai.Error{Kind: sesuai.KindNoFile, Detail: "the photograph is empty"}
	}
	return photo, nil
}
