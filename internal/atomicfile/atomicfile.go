// Package atomicfile writes files whole or not at all. It leaves the content to
// its callers, and must not know what a file is for.
package atomicfile

import (
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"
)

// Write replaces the file at path with what write writes, under the permissions
// perm whatever the umask. The file is complete and durable when Write returns
// nil. Until then, after an error and after a crash the file is what it was; a
// crash may leave a temporary file beside it, whose name begins with a dot.
//
// An error of write is returned as it is.
func Write(path string, perm fs.FileMode, write func(io.Writer) error) (err error) {
	folder := filepath.Dir(path)
	// Without a folder renameio may choose the system's temporary one, where
	// nothing personal may be written.
	f, err := renameio.NewPendingFile(path, renameio.WithTempDir(folder), renameio.WithStaticPermissions(perm))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Cleanup()) }() // does nothing after a success
	if err := write(f); err != nil {
		return err
	}
	if err := f.CloseAtomicallyReplace(); err != nil {
		return err
	}
	return SyncFolder(folder)
}

// Create is Write for a file that must not exist yet: if there is one, be it made
// meanwhile, the error is fs.ErrExist and that file stays.
func Create(path string, perm fs.FileMode, write func(io.Writer) error) (err error) {
	if _, err := os.Lstat(path); err == nil {
		return &fs.PathError{Op: "create", Path: path, Err: fs.ErrExist}
	}
	folder, base := filepath.Dir(path), filepath.Base(path)
	temporary := filepath.Join(folder, "."+base+"."+rand.Text()+".new")
	f, err := os.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(temporary)) }()
	err = errors.Join(f.Chmod(perm), write(f))
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	// Unlike a rename, a link fails if there is a file.
	if err := os.Link(temporary, path); err != nil {
		return err
	}
	return SyncFolder(folder)
}

// SyncFolder makes the names of files in a folder durable.
func SyncFolder(folder string) error {
	f, err := os.Open(folder)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
