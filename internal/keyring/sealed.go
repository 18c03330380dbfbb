package keyring

import (
	"bytes"
	"context"
	"crypto/subtle"
	"errors"
	"io/fs"
	"strings"
)

// KMS is a key management service. It encrypts master keys under a key of its own,
// which never leaves it. Package kms has one.
//
// Both methods must return when ctx is done, and may be called concurrently.
type KMS interface {
	// Encrypt returns the ciphertext of plaintext: a line of printable ASCII.
	Encrypt(ctx context.Context, plaintext []byte) (ciphertext string, err error)
	// Decrypt returns the plaintext of what Encrypt returned. It must authenticate
	// the ciphertext.
	Decrypt(ctx context.Context, ciphertext string) (plaintext []byte, err error)
}

// sealedHead starts a sealed key file. The ciphertext and a line feed follow.
const sealedHead = "sesuai sealed master key 1\n"

// maxSealed is the largest size of a sealed key file, in bytes. That of a key
// under RSA-4096 in base64 has less than 1 KiB.
const maxSealed = 4096

// seal returns the content of the sealed file of a master key. It has the KMS
// open the ciphertext again: a key that cannot be opened later must not be used.
func (r *Ring) seal(ctx context.Context, path string, master []byte) ([]byte, error) {
	if r.o.KMS == nil {
		return nil, refuse(path, "cannot be sealed: no KMS is configured; set kms.address", nil)
	}
	ciphertext, err := r.o.KMS.Encrypt(ctx, master)
	if err != nil {
		return nil, refuse(path, "cannot be sealed by the KMS", err)
	}
	if !isLine(ciphertext) || len(sealedHead)+len(ciphertext)+1 > maxSealed {
		return nil, refuse(path, "cannot be sealed by the KMS", errors.New("the ciphertext is not a short line of ASCII"))
	}
	opened, err := r.unseal(ctx, path, ciphertext)
	if err != nil {
		return nil, err
	}
	defer clear(opened)
	if subtle.ConstantTimeCompare(opened, master) != 1 {
		return nil, refuse(path, "cannot be sealed by the KMS", errors.New("it decrypts the ciphertext to something else"))
	}
	return []byte(sealedHead + ciphertext + "\n"), nil
}

// unseal returns the master key that the KMS has sealed.
func (r *Ring) unseal(ctx context.Context, path, ciphertext string) ([]byte, error) {
	tooLong := len(sealedHead)+len(ciphertext) > maxSealed
	ciphertext = strings.TrimSuffix(ciphertext, "\n")
	if !isLine(ciphertext) || tooLong {
		return nil, refuse(path, "is not a sealed master key: something is missing, or was added", nil)
	}
	if r.o.KMS == nil {
		return nil, refuse(path, "is sealed by a KMS, and none is configured; set kms.address", nil)
	}
	master, err := r.o.KMS.Decrypt(ctx, ciphertext)
	if err != nil {
		return nil, refuse(path, "is sealed, and the KMS does not open it", err)
	}
	if err := checkMaster(path, master); err != nil {
		clear(master)
		return nil, refuse(path, "is sealed, and what the KMS opens is not a master key", nil)
	}
	return master, nil
}

// isLine reports whether s is a line of printable ASCII without spaces.
func isLine(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(c rune) bool { return c <= ' ' || c > '~' })
}

// Seal replaces the plain file of a key of the ring with a sealed one, and reports
// whether the file was plain. What was in the plain file may still be in free
// blocks of the disk. Errors have kind sesuai.KindConfiguration.
func (r *Ring) Seal(ctx context.Context, id byte) (changed bool, err error) {
	return r.rewrite(ctx, id, true)
}

// Unseal is the reverse of Seal: the key is in plain in the file afterwards.
func (r *Ring) Unseal(ctx context.Context, id byte) (changed bool, err error) {
	return r.rewrite(ctx, id, false)
}

func (r *Ring) rewrite(ctx context.Context, id byte, seal bool) (changed bool, err error) {
	if r.o.Path == "" {
		return false, errors.New("keyring: the ring has no files")
	}
	path := Path(r.o.Path, id)
	master, sealed, err := r.read(ctx, path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, refuse(path, "is not there", err)
	}
	if err != nil {
		return false, err
	}
	defer clear(master)
	inFile, err := NewKey(id, master)
	if err != nil {
		return false, err
	}
	check := inFile.Check()
	if k, ok := r.Key(id); !ok || !k.Matches(check[:]) {
		return false, refuse(path, "has another key than the one in use", nil)
	}
	if sealed == seal {
		return false, nil
	}
	content := bytes.Clone(master)
	defer clear(content)
	if seal {
		if content, err = r.seal(ctx, path, master); err != nil {
			return false, err
		}
	}
	if err := replace(path, content); err != nil {
		return false, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sealed[id] = seal
	return true, nil
}
