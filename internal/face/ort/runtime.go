//go:build cgo

package ort

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/fileperm"
)

// Version is that of the ONNX Runtime that make models fetches, which is the one in
// third_party/models.lock.
const Version = "1.30.0"

// runtimeSHA256 are the digests of the ONNX Runtime that make models fetches, by
// architecture. They are those in third_party/models.lock.
var runtimeSHA256 = map[string]string{
	"amd64": "ffb75a925ba05e47b235bb66e3e3911714a80b328a9c9425539feb204aa32a23",
	"arm64": "1f549d46250b005580b597f4164984aaf75b3bcb9f3aeb07c7f8a8fe60b23c76",
}

// Digest returns the SHA-256 in hex that the library of o must have; "" if it is
// not known.
func Digest(o Options) string { return cmp.Or(o.SHA256, runtimeSHA256[runtime.GOARCH]) }

// openRuntime copies the library into memory that cannot be changed any more,
// checks its digest there, and returns the copy. A check of the file itself would
// say nothing about what is loaded: the file can be changed after the check, and
// even after it was loaded. Errors have kind sesuai.KindConfiguration.
func openRuntime(o Options) (_ *os.File, err error) {
	refuse := func(why string, err error) error {
		return &sesuai.Error{
			Kind: sesuai.KindConfiguration, Err: err,
			Detail: fmt.Sprintf("ONNX Runtime cannot be loaded from %s%s", o.Library, why),
		}
	}
	want := Digest(o)
	if want == "" {
		return nil, refuse(": its digest for this architecture is not known; set face.runtime_digest", nil)
	}
	f, err := os.Open(o.Library)
	if err != nil {
		return nil, refuse("; make models fetches it", err)
	}
	defer f.Close() //nolint:errcheck // only read from
	info, err := f.Stat()
	if err != nil {
		return nil, refuse("", err)
	}
	if !info.Mode().IsRegular() {
		return nil, refuse(": it is not a file", nil)
	}
	if err := fileperm.Trusted(info); err != nil {
		return nil, refuse(", which "+err.Error(), nil)
	}
	sealed, err := sealedCopy(f)
	if err != nil {
		return nil, refuse("", err)
	}
	defer func() {
		if err != nil {
			_ = sealed.Close()
		}
	}()
	digest := sha256.New()
	if _, err := io.Copy(digest, io.NewSectionReader(sealed, 0, info.Size())); err != nil {
		return nil, refuse("", err)
	}
	if got := hex.EncodeToString(digest.Sum(nil)); !strings.EqualFold(got, want) {
		return nil, refuse(fmt.Sprintf(": its SHA-256 is %s, not %s", got, want), nil)
	}
	return sealed, nil
}

// sealedCopy copies r into an anonymous file and seals it (memfd_create(2),
// fcntl(2)): neither this process nor another one can change it any more.
func sealedCopy(r io.Reader) (_ *os.File, err error) {
	const name, flags = "libonnxruntime.so", unix.MFD_CLOEXEC | unix.MFD_ALLOW_SEALING
	fd, err := unix.MemfdCreate(name, flags|unix.MFD_EXEC)
	if errors.Is(err, unix.EINVAL) { // before Linux 6.3 every memfd may be executed
		fd, err = unix.MemfdCreate(name, flags)
	}
	if err != nil {
		return nil, fmt.Errorf("memfd_create: %w", err)
	}
	f := os.NewFile(uintptr(fd), name)
	if _, err = io.Copy(f, r); err == nil {
		_, err = unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, unix.F_SEAL_SEAL|unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_WRITE)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("copying it into sealed memory: %w", err), f.Close())
	}
	return f, nil
}
