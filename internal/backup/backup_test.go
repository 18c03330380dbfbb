package backup_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"filippo.io/age"
	"github.com/google/go-cmp/cmp"

	"github.com/sesuai/sesuai/internal/backup"
)

// mac authenticates under a key of the test.
func mac(key string) func([]byte) [32]byte {
	return func(b []byte) [32]byte { return sha256.Sum256(append([]byte(key), b...)) }
}

// made is a backup of content.
func made(t *testing.T, seal backup.Seal, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	m := backup.Manifest{ID: "one", Part: backup.Whole, People: 3, Rows: map[string]int64{"people": 3}}
	err := backup.Write(&b, seal, m, mac("right"), func(w io.Writer) error {
		_, err := w.Write(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// open opens a backup, and returns what is in it.
func open(t *testing.T, b []byte, identities backup.Identities) (backup.Opened, []byte, error) {
	t.Helper()
	dir, err := os.MkdirTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	path, to := filepath.Join(dir, "backup"), filepath.Join(dir, "to")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	o, err := backup.Open(path, identities, to)
	content, readErr := os.ReadFile(to)
	if err == nil && readErr != nil {
		t.Error(readErr)
	}
	return o, content, err
}

func identity(t *testing.T) *age.X25519Identity {
	t.Helper()
	i, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// TestOpen: a backup has what was written, sealed or not, and a manifest that is
// authentic under the key that it was made with alone.
func TestOpen(t *testing.T) {
	content := bytes.Repeat([]byte("what a tool wrote. "), 10_000)
	own := identity(t)
	for name, test := range map[string]struct {
		seal       backup.Seal
		identities backup.Identities
	}{"plain": {}, "sealed": {backup.Seal{own.Recipient()}, backup.Identities{own}}} {
		t.Run(name, func(t *testing.T) {
			b := made(t, test.seal, content)
			if test.seal != nil && bytes.Contains(b, content[:19]) {
				t.Error("a sealed backup shows what is in it")
			}
			o, got, err := open(t, b, test.identities)
			if err != nil || !bytes.Equal(got, content) {
				t.Fatalf("%d bytes, %v, want %d", len(got), err, len(content))
			}
			if diff := cmp.Diff(map[string]int64{"people": 3}, o.Rows); diff != "" || o.Size != int64(len(content)) {
				t.Errorf("size %d; rows (-want +got):\n%s", o.Size, diff)
			}
			if !o.Authentic(mac("right")) || o.Authentic(mac("other")) {
				t.Error("the manifest is not authentic under its own key alone")
			}
		})
	}
}

// TestOpenRefuses: a wrong identity, one too many and one too few.
func TestOpenRefuses(t *testing.T) {
	own, other := identity(t), identity(t)
	sealed, plain := made(t, backup.Seal{own.Recipient()}, []byte("content")), made(t, nil, []byte("content"))
	for name, test := range map[string]struct {
		b          []byte
		identities backup.Identities
	}{
		"another identity": {sealed, backup.Identities{other}}, "no identity": {sealed, nil}, "not sealed": {plain, backup.Identities{own}},
	} {
		if _, _, err := open(t, test.b, test.identities); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, _, err := open(t, []byte("SQLite format 3"), nil); !errors.Is(err, backup.ErrNoManifest) {
		t.Errorf("a file of another kind: %v", err)
	}
}

// TestDamageIsRefused: a backup that is cut, or has a bit flipped, in any of its parts,
// does not open as an authentic one.
func TestDamageIsRefused(t *testing.T) {
	own := identity(t)
	for name, test := range map[string]struct {
		seal       backup.Seal
		identities backup.Identities
	}{"plain": {}, "sealed": {backup.Seal{own.Recipient()}, backup.Identities{own}}} {
		t.Run(name, func(t *testing.T) {
			whole := made(t, test.seal, []byte("content"))
			for i := 0; i < len(whole); i += 7 {
				flipped := bytes.Clone(whole)
				flipped[i] ^= 1 << (i % 8)
				for what, b := range map[string][]byte{"cut": whole[:i], "flipped": flipped} {
					if o, _, err := open(t, b, test.identities); err == nil && o.Authentic(mac("right")) {
						t.Fatalf("%s at byte %d of %d: it opens", what, i, len(whole))
					}
				}
			}
		})
	}
}

// TestWriteFails: what a tool or a disk says is the error.
func TestWriteFails(t *testing.T) {
	full := errors.New("full")
	err := backup.Write(io.Discard, nil, backup.Manifest{}, mac("right"), func(io.Writer) error { return full })
	if !errors.Is(err, full) {
		t.Errorf("Write = %v", err)
	}
}
