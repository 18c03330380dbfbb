package client

import (
	"bytes"
	"errors"
	"io"
	"os"
	"sync"
	"time"

	"github.com/sesuai/sesuai/internal/config"
)

// maxFile is how large a file of the configuration may be: a bundle of
// certificates has tens of kilobytes.
const maxFile = 1 << 20

// file is a file that is read again when it has changed. It is safe for
// concurrent use.
//
// What cannot be read or parsed any more is served as it last was: a secret
// that is being replaced must not stop what works. failed is told, once for
// each state of the file.
type file[T any] struct {
	key, path string
	parse     func([]byte) (T, error)
	failed    func(key string)

	mu    sync.Mutex
	stamp stamp
	value T
}

// stamp tells one state of a file from another.
type stamp struct {
	modified time.Time
	size     int64
	inode    os.FileInfo
}

func (s stamp) same(o stamp) bool {
	return s.modified.Equal(o.modified) && s.size == o.size && (s.inode == nil) == (o.inode == nil) && (s.inode == nil || os.SameFile(s.inode, o.inode))
}

// openFile reads the file of that key for the first time. Its errors name the
// key, and nothing of the content.
func openFile[T any](key, path string, parse func([]byte) (T, error), failed func(key string)) (*file[T], error) {
	if path == "" {
		return nil, config.Mistakef(key, "the path of a file is needed")
	}
	f := &file[T]{key: key, path: path, parse: parse, failed: failed}
	var err error
	if f.value, f.stamp, err = f.read(); err != nil {
		return nil, config.About(key, err)
	}
	return f, nil
}

// read reads the file and tells which state of it that is.
func (f *file[T]) read() (value T, s stamp, err error) {
	opened, err := os.Open(f.path)
	if err != nil {
		return value, s, errors.New("the file cannot be opened")
	}
	defer opened.Close()
	info, err := opened.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return value, s, errors.New("it is not a file")
	}
	s = stamp{info.ModTime(), info.Size(), info}
	b, err := io.ReadAll(io.LimitReader(opened, maxFile+1))
	if err != nil || len(b) > maxFile {
		return value, s, errors.New("the file cannot be read, or is too large")
	}
	value, err = f.parse(b)
	return value, s, err
}

// get is what the file holds now, and whether that is new since the last get.
func (f *file[T]) get() (value T, changed bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var now stamp
	if info, err := os.Stat(f.path); err == nil {
		now = stamp{info.ModTime(), info.Size(), info}
	}
	if now.same(f.stamp) {
		return f.value, false
	}
	read, s, err := f.read()
	if err != nil {
		f.stamp = now // told once
		f.failed(f.key)
		return f.value, false
	}
	f.value, f.stamp = read, s
	return f.value, true
}

// parseSecret reads a secret of one line. It is not repeated by any error.
func parseSecret(b []byte) (string, error) {
	b = bytes.TrimSuffix(bytes.TrimSuffix(b, []byte("\n")), []byte("\r"))
	if len(b) == 0 || len(b) > 1024 || bytes.ContainsAny(b, "\r\n\x00") {
		return "", errors.New("the file must hold one line of at most 1024 bytes")
	}
	return string(b), nil
}
