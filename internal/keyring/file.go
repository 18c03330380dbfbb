package keyring

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/fileperm"
)

// FileName is the name of the first master key file in a data folder.
const FileName = "master.key"

// Options says where the master keys are.
type Options struct {
	// Path is the file of the first master key, readable only by its owner:
	// MasterKeySize raw bytes, or what KMS has sealed. The function Path gives the
	// files of the others. The first may be deleted once another has replaced it.
	Path string
	// Create makes the first file, with a random key, if there is no key yet.
	// Set it only if nothing is stored yet: a new key cannot open what
	// another key has sealed.
	Create bool
	// KMS opens sealed files, and seals the files that are made. Without it sealed
	// files are refused, and files are made plain. Plain files are always read.
	KMS KMS
	// Credentials is the folder of systemd's credentials, or empty. Their group is
	// not a group: systemd grants the service's user access by an ACL, and the mode
	// of a file then shows the ACL's mask as the permissions of the group.
	Credentials string
}

// Open reads the master key files, or creates the first. Every error has kind
// sesuai.KindConfiguration and says what to do.
//
// A new file is complete and durable before it appears under its name, and it
// never replaces another, so several processes that start at once get the same
// key. Open creates the folder (0700) if necessary.
func Open(ctx context.Context, o Options) (*Ring, error) {
	r := newRing(o)
	if err := r.Refresh(ctx); err != nil {
		return nil, err
	}
	if len(r.keys) == 0 && !o.Create {
		return nil, refuse(o.Path, "is not there; without the key that the data was stored with, none of it can be read", fs.ErrNotExist)
	}
	if len(r.keys) == 0 {
		if err := r.create(ctx, o.Path); err != nil {
			return nil, err
		}
		if err := r.Refresh(ctx); err != nil {
			return nil, err
		}
	}
	if _, first := r.keys[1]; o.Create && first {
		// Another process may have created the file a moment ago. Nothing
		// may be stored under the key before its file name is durable.
		if err := syncName(o.Path); err != nil {
			return nil, refuse(o.Path, "cannot be made durable", err)
		}
	}
	return r, nil
}

// read returns the key in the file at path, and whether the file is sealed. If
// there is no file, the error is fs.ErrNotExist. Every other error is a
// *sesuai.Error.
func (r *Ring) read(ctx context.Context, path string) (master []byte, sealed bool, err error) {
	b, err := r.content(path)
	if err != nil {
		return nil, false, err
	}
	if ciphertext, ok := bytes.CutPrefix(b, []byte(sealedHead)); ok {
		master, err := r.unseal(ctx, path, string(ciphertext))
		return master, true, err
	}
	if err := checkMaster(path, b); err != nil {
		clear(b)
		return nil, false, err
	}
	return b, false, nil
}

// content returns what is in the file at path. Its errors are those of read.
func (r *Ring) content(path string) ([]byte, error) {
	// Stat comes first, since opening a pipe would block.
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
	private := fileperm.Private
	if r.o.Credentials != "" && filepath.Dir(path) == filepath.Clean(r.o.Credentials) {
		private = fileperm.Credential
	}
	if err := private(info); err != nil {
		return nil, refuse(path, err.Error(), nil)
	}
	// One byte more than the limit detects a longer file.
	b, err := io.ReadAll(io.LimitReader(f, maxSealed+1))
	if err != nil {
		return nil, refuse(path, "cannot be read", err)
	}
	return b, nil
}

// checkMaster returns an error if b cannot be a master key.
func checkMaster(path string, b []byte) error {
	if len(b) != MasterKeySize {
		return refuse(path, fmt.Sprintf("must be exactly %d bytes, as they come (not hexadecimal, not base64)", MasterKeySize), nil)
	}
	if allEqual(b) {
		return refuse(path, "is not random: all its bytes are the same", nil)
	}
	return nil
}

// create writes a key file with a new random key, sealed if there is a KMS, under
// a temporary name and links it to path. The link fails if path exists: then
// another process was first, and its key counts.
func (r *Ring) create(ctx context.Context, path string) error {
	key := make([]byte, MasterKeySize)
	defer clear(key)
	_, _ = rand.Read(key) // never fails: crypto/rand
	content := key
	if r.o.KMS != nil {
		var err error
		if content, err = r.seal(ctx, path, key); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return refuse(path, "cannot be made", err)
	}
	temp := tempName(path)
	defer os.Remove(temp) //nolint:errcheck // syncName removes what remains
	if err := write(temp, content); err != nil {
		return refuse(path, "cannot be made", err)
	}
	// If temp does not exist, another process took it for left behind and
	// removed it. Then the key file exists already: see syncName.
	if err := os.Link(temp, path); err != nil && !errors.Is(err, fs.ErrExist) && !errors.Is(err, fs.ErrNotExist) {
		return refuse(path, "cannot be made; where the file system has no hard links, make it by hand: head -c 32 /dev/urandom", err)
	}
	return nil
}

// replace puts another file in the place of the key file at path. After an error
// and after a crash the file is the former one or the new one. It refuses to
// replace the file of another user, who could not read the new one.
func replace(path string, content []byte) error {
	info, err := os.Stat(path)
	if err != nil {
		return refuse(path, "cannot be replaced", err)
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && int64(stat.Uid) != int64(os.Geteuid()) {
		return refuse(path, fmt.Sprintf("belongs to user %d: run this command as that user", stat.Uid), nil)
	}
	temp := tempName(path)
	defer os.Remove(temp) //nolint:errcheck // syncName removes what remains
	if err := write(temp, content); err != nil {
		return refuse(path, "cannot be replaced", err)
	}
	if err := os.Rename(temp, path); err != nil {
		return refuse(path, "cannot be replaced", err)
	}
	if err := syncName(path); err != nil {
		return refuse(path, "cannot be made durable", err)
	}
	return nil
}

// tempName returns a new temporary name for the file at path.
func tempName(path string) string {
	return filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+"."+rand.Text()+temporary)
}

// write creates the file at path.
func write(path string, content []byte) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.Write(content); err != nil {
		return err
	}
	return f.Sync()
}

// temporary is the suffix of a key file's temporary name.
const temporary = ".new"

// syncName makes the name of a key file durable. It also removes the temporary
// files of processes that died while creating it, one of which may be a second
// link to the key. A process that is still creating one has lost the race, so
// removing its file does no harm.
func syncName(path string) error {
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
	// The folder may be new too. A parent that we may not open holds no folder
	// that we made.
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
