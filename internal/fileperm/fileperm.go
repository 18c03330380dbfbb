// Package fileperm checks who may read or change a file or folder, by its owner
// and mode. It leaves to its callers which files matter, and what they hold.
package fileperm

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// Private returns an error unless only the owner may read or change the file or
// folder, and the owner is root or the user that this process runs as. To root
// every owner will do: root reads everything anyway.
func Private(info fs.FileInfo) error {
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		private := 0o600
		if info.IsDir() {
			private = 0o700
		}
		return fmt.Errorf("may be read or changed by others (mode %04o); chmod %o it", mode, private)
	}
	if os.Geteuid() == 0 {
		return nil
	}
	return owned(info)
}

// ReadPrivate reads a regular file of at most size bytes that is Private. The error names
// the path.
func ReadPrivate(path string, size int64) (string, error) {
	// Stat comes first, since opening a pipe would block.
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s is not a file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close() //nolint:errcheck // only read from
	info, err := f.Stat()
	if err == nil {
		err = Private(info)
	}
	if err != nil {
		return "", fmt.Errorf("%s %w", path, err)
	}
	b, err := io.ReadAll(io.LimitReader(f, size+1))
	if err == nil && int64(len(b)) > size {
		err = fmt.Errorf("%s has more than %d bytes", path, size)
	}
	return string(b), err
}

// Credential is Private for a file that the group may read. That is so in the folder of
// systemd's credentials, where systemd grants the user of the service access by an ACL,
// whose mask the mode shows in the place of the group, and for keys of certificates that
// several services use.
func Credential(info fs.FileInfo) error {
	if mode := info.Mode().Perm(); mode&0o037 != 0 {
		return fmt.Errorf("may be read or changed by others (mode %04o)", mode)
	}
	if os.Geteuid() == 0 {
		return nil
	}
	return owned(info)
}

// Trusted returns an error unless only the owner may change the file or folder,
// and the owner is root or the user that this process runs as.
func Trusted(info fs.FileInfo) error {
	if mode := info.Mode().Perm(); mode&0o022 != 0 {
		return fmt.Errorf("may be changed by others (mode %04o); chmod go-w it", mode)
	}
	return owned(info)
}

// owned returns an error unless the owner is root or the user that this process
// runs as.
func owned(info fs.FileInfo) error {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return fmt.Errorf("has no owner that can be found out")
	}
	if me := os.Geteuid(); stat.Uid != 0 && int64(stat.Uid) != int64(me) {
		return fmt.Errorf("belongs to user %d; it must belong to root or to user %d, which sesuai runs as", stat.Uid, me)
	}
	return nil
}
