package app

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/sesuai/sesuai"
)

// workFolder makes a folder in the data folder in which a backup or a restore keeps copies
// of up to so many bytes; remove removes it. There is one at a time. What one that was
// killed did not remove is removed first: it may have the keys of people who are erased now.
func workFolder(data string, bytes int64) (path string, remove func() error, err error) {
	path = filepath.Join(data, ".backup")
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", nil, cannot("the data folder cannot be written to", err)
	}
	lock, err := os.Open(path)
	if err != nil {
		return "", nil, cannot("the data folder cannot be read", err)
	}
	// The kernel unlocks it when the process ends.
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return "", nil, errors.Join(cannot("another backup or restore is running, in "+path, err), lock.Close())
	}
	remove = func() error { return errors.Join(os.RemoveAll(path), lock.Close()) }
	former, err := lock.Readdirnames(-1)
	for _, name := range former {
		err = errors.Join(err, os.RemoveAll(filepath.Join(path, name)))
	}
	if err != nil {
		err = cannot("the files of a former backup in the data folder cannot be removed", err)
	} else {
		err = checkRoom(data, bytes)
	}
	if err != nil {
		return "", nil, errors.Join(err, remove())
	}
	return path, remove, nil
}

// checkRoom refuses to fill the disk of the service.
func checkRoom(data string, bytes int64) error {
	var disk unix.Statfs_t
	if err := unix.Statfs(data, &disk); err != nil {
		return cannot("the data folder cannot be read", err)
	}
	// #nosec G115 -- no disk has 2^63 bytes
	if free := int64(disk.Bavail) * int64(disk.Bsize); free < bytes {
		return cannot(fmt.Sprintf("the disk of the data folder has %d MiB free, and a copy of the database needs %d MiB there", free>>20, bytes>>20+1), nil)
	}
	return nil
}

// fileSizes returns the size of the files together. Those that do not exist have none.
func fileSizes(paths ...string) (bytes int64, err error) {
	for _, path := range paths {
		info, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return 0, err
		}
		bytes += info.Size()
	}
	return bytes, nil
}

// cannot is an error that the operator has to act on.
func cannot(detail string, err error) error {
	return &sesuai.Error{Kind: sesuai.KindConfiguration, Detail: detail, Err: err}
}
