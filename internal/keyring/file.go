package keyring

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/sesuai/sesuai"
)

// FileName is the master key file's name in a data folder.
const FileName = "master.key"

// Options say where the master keys are.
type Options struct {
	// Path is the first master key's file: MasterKeySize raw bytes, readable
	// by its owner alone. Path says where the further ones are. The first may
	// be gone once another has taken its place.
	Path string
	// Create makes the first file, with a random key, if no key is there. Set
	// it only where nothing is stored yet: what another key has sealed, a new
	// one cannot open.
	Create bool
}

// Open reads the master key files, or makes the first. Every error has kind
// sesuai.KindConfiguration and says what to do.
//
// A file that is made is complete and durable before it can be seen under its
// name, and it never replaces another: of several processes that start at
// once, all get the same key. The folder is made (0700) if need be.
func Open(o Options) (*Ring, error) {
	r := &Ring{path: o.Path, keys: make(map[byte]*Key)}
	if err := r.Refresh(); err != nil {
		return nil, err
	}
	if len(r.keys) == 0 && !o.Create {
		return nil, refuse(o.Path, "is not there; without the key that the data was stored with, none of it can be read", fs.ErrNotExist)
	}
	if len(r.keys) == 0 {
		if err := create(o.Path); err != nil {
			return nil, err
		}
		if err := r.Refresh(); err != nil {
			return nil, err
		}
	}
	if _, first := r.keys[1]; o.Create && first {
		// Whoever lost the race to make it must not store a thing under a
		// key whose name a power cut could still take away.
		if err := settle(o.Path); err != nil {
			return nil, refuse(o.Path, "cannot be made durable", err)
		}
	}
	return r, nil
}

// read returns the key in the file at path. If there is none, the error is
// fs.ErrNotExist; every other one is ready to be shown.
func read(path string) ([]byte, error) {
	// Looked at before it is opened, since opening a pipe would wait.
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err != nil {
		return nil, refuse(path, "cannot be read", err)
	}
	if !info.Mode().IsRegular() {
		return nil, refuse(path, "is not a file", nil)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, refuse(path, "cannot be read", err)
	}
	defer f.Close() //nolint:errcheck // only read from
	if info, err = f.Stat(); err != nil {
		return nil, refuse(path, "cannot be read", err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return nil, refuse(path, fmt.Sprintf("may be read or changed by others (mode %04o); chmod 600 it", mode), nil)
	}
	// One byte more than a key, to notice a longer file.
	b, err := io.ReadAll(io.LimitReader(f, MasterKeySize+1))
	if err != nil {
		return nil, refuse(path, "cannot be read", err)
	}
	if len(b) != MasterKeySize {
		clear(b)
		return nil, refuse(path, fmt.Sprintf("must be exactly %d bytes, as they come (not hexadecimal, not base64)", MasterKeySize), nil)
	}
	if allEqual(b) {
		return nil, refuse(path, "is not random: all its bytes are the same", nil)
	}
	return b, nil
}

// create makes the key file under another name and links it to its own, which
// fails if that exists: somebody else was first, and theirs is the key.
func create(path string) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return refuse(path, "cannot be made", err)
	}
	temp := filepath.Join(dir, "."+filepath.Base(path)+"."+rand.Text()+temporary)
	defer os.Remove(temp) //nolint:errcheck // settle removes what is left behind
	if err := write(temp); err != nil {
		return refuse(path, "cannot be made", err)
	}
	// Where another process has removed temp as left behind, the key is
	// there already: see settle.
	if err := os.Link(temp, path); err != nil && !errors.Is(err, fs.ErrExist) && !errors.Is(err, fs.ErrNotExist) {
		return refuse(path, "cannot be made; where the file system has no hard links, make it by hand: head -c 32 /dev/urandom", err)
	}
	return nil
}

// write makes the file at path with a new random key in it.
func write(path string) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	key := make([]byte, MasterKeySize)
	defer clear(key)
	_, _ = rand.Read(key) // never fails: crypto/rand
	if _, err := f.Write(key); err != nil {
		return err
	}
	return f.Sync()
}

// temporary is how the names end that a key file has before its own.
const temporary = ".new"

// settle makes the key file's name durable, and removes what processes left
// behind that died while they made it: that may be the very key under a second
// name. A process that is still at it has lost the race anyway.
func settle(path string) error {
	dir, base := filepath.Split(path)
	dir = filepath.Clean(dir)
	files, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, f := range files {
		if !strings.HasPrefix(f.Name(), "."+base+".") || !strings.HasSuffix(f.Name(), temporary) {
			continue
		}
		if err := os.Remove(filepath.Join(dir, f.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if err := syncDir(dir); err != nil {
		return err
	}
	// The folder itself may be new, too; one that we may not open is not.
	if err := syncDir(filepath.Dir(dir)); !errors.Is(err, fs.ErrPermission) {
		return err
	}
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func allEqual(b []byte) bool {
	for _, x := range b {
		if x != b[0] {
			return false
		}
	}
	return true
}

func refuse(path, why string, err error) error {
	return &sesuai.Error{
		Kind:   sesuai.KindConfiguration,
		Detail: fmt.Sprintf("master key file %s %s", path, why),
		Err:    err,
	}
}
