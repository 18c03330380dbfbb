package keyring_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/keyring"
)

// fakeKMS keeps what it encrypts, and returns a number for it.
type fakeKMS struct {
	mu      sync.Mutex
	sealed  map[string][]byte
	decrypt int
	fail    error // of every call
	hang    bool
	wrong   bool // decrypts to something else
}

func (k *fakeKMS) answer(ctx context.Context) error {
	if k.hang {
		<-ctx.Done()
		return ctx.Err()
	}
	return k.fail
}

func (k *fakeKMS) Encrypt(ctx context.Context, plaintext []byte) (string, error) {
	if err := k.answer(ctx); err != nil {
		return "", err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.sealed == nil {
		k.sealed = make(map[string][]byte)
	}
	name := "fake:v1:" + rand.Text()
	k.sealed[name] = bytes.Clone(plaintext)
	return name, nil
}

func (k *fakeKMS) Decrypt(ctx context.Context, ciphertext string) ([]byte, error) {
	if err := k.answer(ctx); err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.decrypt++
	plaintext, ok := k.sealed[ciphertext]
	if !ok {
		return nil, errors.New("no such ciphertext")
	}
	plaintext = bytes.Clone(plaintext)
	if k.wrong {
		plaintext[0] ^= 1
	}
	return plaintext, nil
}

func openRing(t *testing.T, o keyring.Options) *keyring.Ring {
	t.Helper()
	r, err := keyring.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// assertNowhere fails if a file of the folder has the key in plain, in whatever
// usual form.
func assertNowhere(t *testing.T, dir string, key []byte) {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		b, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(b, key) || strings.Contains(string(b), base64.StdEncoding.EncodeToString(key)) {
			t.Errorf("%s has the key in plain", f.Name())
		}
	}
}

// TestSealedFromTheStart: with a KMS no key is ever in plain in a file, neither the
// first nor a further one, and the files open again.
func TestSealedFromTheStart(t *testing.T) {
	kms := &fakeKMS{}
	path := filepath.Join(t.TempDir(), keyring.FileName)
	r := openRing(t, keyring.Options{Path: path, Create: true, KMS: kms})
	if _, err := r.Create(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	assertMode(t, path, 0o600)
	if len(kms.sealed) != 2 {
		t.Fatalf("the KMS has sealed %d keys", len(kms.sealed))
	}
	for _, key := range kms.sealed {
		assertNowhere(t, filepath.Dir(path), key)
	}
	again := openRing(t, keyring.Options{Path: path, KMS: kms})
	for _, id := range []byte{1, 2} {
		if !again.Sealed(id) || checkOf(t, again, id) != checkOf(t, r, id) {
			t.Errorf("opened again, key %d is another one, or not sealed", id)
		}
	}
	_, err := keyring.Open(t.Context(), keyring.Options{Path: path})
	assertRefused(t, err, path, "sealed by a KMS, and none is configured")
}

// TestSealAndUnseal: a plain file becomes a sealed one with the same key, and
// a plain one again. A ring that is open, and one without a KMS, take no notice of
// what they do not read.
func TestSealAndUnseal(t *testing.T) {
	kms := &fakeKMS{}
	path := filepath.Join(t.TempDir(), keyring.FileName)
	plain := openRing(t, keyring.Options{Path: path, Create: true})
	key, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := plain.Seal(t.Context(), 1); err == nil {
		t.Error("Seal without a KMS")
	}
	r := openRing(t, keyring.Options{Path: path, KMS: kms})
	for i, step := range []struct {
		do      func(context.Context, byte) (bool, error)
		changed bool
		sealed  bool
	}{{r.Unseal, false, false}, {r.Seal, true, true}, {r.Seal, false, true}, {r.Unseal, true, false}, {r.Seal, true, true}} {
		if changed, err := step.do(t.Context(), 1); err != nil || changed != step.changed || r.Sealed(1) != step.sealed {
			t.Fatalf("step %d: %v, %v, sealed %v", i, changed, err, r.Sealed(1))
		}
		if step.sealed {
			assertNowhere(t, filepath.Dir(path), key)
		}
		assertAlone(t, path)
		assertMode(t, path, 0o600)
		if again := openRing(t, keyring.Options{Path: path, KMS: kms}); checkOf(t, again, 1) != checkOf(t, plain, 1) {
			t.Fatalf("step %d: it is another key", i)
		}
	}
	// The file of another key is not touched.
	write(t, path, master(7), 0o600)
	_, err = r.Seal(t.Context(), 1)
	assertRefused(t, err, path, "another key than the one in use")
}

// TestUnusableKMS: whatever the KMS does, no file is made or replaced by one that
// does not open.
func TestUnusableKMS(t *testing.T) {
	path := filepath.Join(t.TempDir(), keyring.FileName)
	write(t, path, master(1), 0o600)
	for name, kms := range map[string]*fakeKMS{
		"fails": {fail: errors.New("permission denied")}, "opens something else": {wrong: true},
	} {
		r := openRing(t, keyring.Options{Path: path, KMS: kms})
		_, err := r.Seal(t.Context(), 1)
		assertRefused(t, err, path, "KMS")
		_, err = r.Create(t.Context(), 2)
		assertRefused(t, err, path+".2", "KMS")
		if b, err := os.ReadFile(path); err != nil || !bytes.Equal(b, master(1)) {
			t.Errorf("%s: the file was changed (%v)", name, err)
		}
		assertAlone(t, path)
	}
}

// TestSealedFilesThatDoNotOpen: each is refused with a reason.
func TestSealedFilesThatDoNotOpen(t *testing.T) {
	kms := &fakeKMS{}
	short, err := kms.Encrypt(t.Context(), master(1)[:31])
	if err != nil {
		t.Fatal(err)
	}
	const head = "sesuai sealed master key 1\n"
	for name, test := range map[string]struct{ content, want string }{
		"unknown":    {head + "fake:v1:0\n", "the KMS does not open it: no such ciphertext"},
		"empty":      {head, "something is missing"},
		"two lines":  {head + "a\nb\n", "something is missing, or was added"},
		"binary":     {head + "a\x00b\n", "something is missing, or was added"},
		"huge":       {head + strings.Repeat("a", 10_000) + "\n", "something is missing, or was added"},
		"short":      {head + short + "\n", "what the KMS opens is not a master key"},
		"other form": {strings.Replace(head, "1", "2", 1) + short, "exactly 32 bytes"},
	} {
		path := filepath.Join(t.TempDir(), name)
		write(t, path, []byte(test.content), 0o600)
		_, err := keyring.Open(t.Context(), keyring.Options{Path: path, KMS: kms})
		assertRefused(t, err, path, test.want)
	}
}

// TestManyNeedASealedKey: when a sealed key was added, the KMS is asked once,
// however many need the key. One that hangs keeps each as long as its context
// allows.
func TestManyNeedASealedKey(t *testing.T) {
	kms := &fakeKMS{}
	path := filepath.Join(t.TempDir(), keyring.FileName)
	one, other := openRing(t, keyring.Options{Path: path, Create: true, KMS: kms}), openRing(t, keyring.Options{Path: path, KMS: kms})
	if _, err := one.Create(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	before := kms.decrypt
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if err := other.Refresh(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if asked := kms.decrypt - before; asked != 1 || checkOf(t, other, 2) != checkOf(t, one, 2) {
		t.Errorf("the KMS was asked %d times", asked)
	}

	if _, err := one.Create(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	kms.hang = true
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	for range 5 {
		wg.Go(func() {
			if err := other.Refresh(ctx); !errors.Is(err, context.DeadlineExceeded) || sesuai.KindOf(err) != sesuai.KindConfiguration {
				t.Errorf("of a KMS that hangs: %v", err)
			}
		})
	}
	wg.Wait()
	ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := keyring.Open(ctx, keyring.Options{Path: path, KMS: kms})
	assertRefused(t, err, path, "the KMS does not open it: context deadline exceeded")
}

// TestCredentials: systemd grants access by an ACL, so the group of a credential may
// have the permission to read. Elsewhere it may not.
func TestCredentials(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, keyring.FileName)
	write(t, path, master(1), 0o440)
	openRing(t, keyring.Options{Path: path, Credentials: dir})
	_, err := keyring.Open(t.Context(), keyring.Options{Path: path, Credentials: filepath.Join(dir, "other")})
	assertRefused(t, err, path, "chmod 600")
	for _, mode := range []os.FileMode{0o460, 0o444} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		_, err := keyring.Open(t.Context(), keyring.Options{Path: path, Credentials: dir})
		assertRefused(t, err, path, "others")
	}
}
