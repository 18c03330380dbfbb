// Package backup is the format of a backup: what a database's own tool wrote, and after
// it a manifest, authenticated under a master key, that says what that is. All of it may
// be sealed with age. The package leaves copying a database to its callers, as well as
// comparing a restored one with the manifest.
//
// A file that is not sealed starts with the tool's own bytes, so SQLite and pg_restore
// read it as it is. After them come the manifest as JSON, its MAC of 32 bytes, the size of
// the manifest in 4 bytes and the magic of 16 bytes.
package backup

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"filippo.io/age"
)

// Seal are the public keys that a backup is sealed to; it is not sealed if there are none.
type Seal []age.Recipient

// Identities open a sealed backup.
type Identities []age.Identity

// Part is what of a database is in a file.
type Part string

// The parts.
const (
	// Whole is everything.
	Whole Part = "whole"
	// Rest is everything but what opens or names a person, which is in Apart.
	Rest  Part = "rest"
	Apart Part = "apart"
)

// MasterKey names a master key that a backup needs.
type MasterKey struct {
	Number byte `json:"number"`
	// Check is the key check value, in hexadecimal digits.
	Check string `json:"check"`
}

// Manifest says what a backup is.
type Manifest struct {
	// ID is the same in the two files of one backup, and in no other.
	ID   string `json:"id"`
	Part Part   `json:"part"`
	// Time is when the backup was made, and Program the version of the program that did.
	Time    time.Time `json:"time"`
	Program string    `json:"program"`
	// Engine is the database's, and Schema the version of its tables.
	Engine string `json:"engine"`
	Schema int64  `json:"schema"`
	// MasterKeys are those that the backup needs, the current one first.
	MasterKeys []MasterKey `json:"master_keys"`
	// Rows is the number of rows of each table of this part.
	Rows map[string]int64 `json:"rows"`
	// People is how many people are on record, Events the number of the last audit event,
	// and Checkpoint a signed checkpoint of that event, which has digests of the people
	// and of the clients. If the end of the audit trail is broken, Broken says why, and
	// there is no checkpoint.
	People     int64  `json:"people"`
	Events     int64  `json:"events"`
	Checkpoint string `json:"checkpoint,omitempty"`
	Broken     string `json:"broken,omitempty"`
	// Size is the size of what the tool wrote, in bytes, and Digest its SHA-256 in
	// hexadecimal digits.
	Size   int64  `json:"size"`
	Digest string `json:"sha256"`
}

const (
	magic      = "sesuai backup 1\n"
	footerSize = sha256.Size + 4 + len(magic)
	// maxManifest is the maximum size of an encoded manifest. One has less than 16 KiB.
	maxManifest = 1 << 20
	// ageHeader starts a sealed file (C2SP, age-encryption.org/v1).
	ageHeader = "age-encryption.org/v1\n"
)

// Write writes a backup to w: what copy writes, and after it the manifest with its size and
// digest. mac authenticates the manifest. An error of copy or of w is returned as it is.
func Write(w io.Writer, seal Seal, m Manifest, mac func([]byte) [32]byte, copy func(io.Writer) error) error {
	out := nopCloser{w}
	if len(seal) == 0 {
		return write(out, m, mac, copy)
	}
	sealed, err := age.Encrypt(w, seal...)
	if err != nil {
		return fmt.Errorf("sealing the backup: %w", err)
	}
	return write(sealed, m, mac, copy)
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

func write(w io.WriteCloser, m Manifest, mac func([]byte) [32]byte, copy func(io.Writer) error) error {
	sum := sha256.New()
	counted := &counter{w: io.MultiWriter(w, sum)}
	if err := copy(counted); err != nil {
		return err
	}
	m.Size, m.Digest = counted.n, hex.EncodeToString(sum.Sum(nil))
	encoded, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if len(encoded) > maxManifest {
		return errors.New("the manifest is too large")
	}
	authenticated := mac(encoded)
	// #nosec G115 -- it is at most maxManifest
	footer := binary.BigEndian.AppendUint32(append(encoded, authenticated[:]...), uint32(len(encoded)))
	if _, err := w.Write(append(footer, magic...)); err != nil {
		return err
	}
	return w.Close()
}

// counter counts what is written.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	return n, err
}

// ErrNoManifest is the error for a file without a manifest.
var ErrNoManifest = errors.New("it has no manifest: its end is missing, or it is from before there were manifests")

// Opened is the manifest of a backup that is not authenticated yet.
type Opened struct {
	Manifest
	encoded []byte
	mac     [32]byte
}

// Authentic reports whether the manifest is what Write authenticated with the same mac.
func (o Opened) Authentic(mac func([]byte) [32]byte) bool {
	want := mac(o.encoded)
	return hmac.Equal(want[:], o.mac[:])
}

// Open writes what the tool wrote from the backup at path to the new file at to, which only
// its owner may read. It verifies its digest; the manifest, which names it, is for the
// caller to authenticate. Identities are given if and only if the backup is sealed. If the
// error is ErrNoManifest, all of the file is at to. The new file is not durable yet.
func Open(path string, identities Identities, to string) (o Opened, err error) {
	source, err := os.Open(path)
	if err != nil {
		return o, err
	}
	defer source.Close()
	r, err := unseal(source, identities)
	if err != nil {
		return o, err
	}
	f, err := os.OpenFile(to, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return o, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	size, err := io.Copy(f, r)
	if err != nil {
		return o, err
	}
	if o, err = readManifest(f, size); err != nil {
		return o, err
	}
	if err := f.Truncate(o.Size); err != nil {
		return o, err
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, io.NewSectionReader(f, 0, o.Size)); err != nil {
		return o, err
	}
	if hex.EncodeToString(sum.Sum(nil)) != o.Digest {
		return o, errors.New("it was changed, or is damaged: its digest is not that of its manifest")
	}
	return o, nil
}

// unseal returns the backup in the clear.
func unseal(f *os.File, identities Identities) (io.Reader, error) {
	head := make([]byte, len(ageHeader))
	n, err := f.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	switch sealed := string(head[:n]) == ageHeader; {
	case sealed && len(identities) == 0:
		return nil, errors.New("it is sealed: name the file of the age identity with --identity")
	case !sealed && len(identities) > 0:
		return nil, errors.New("it is not sealed, and an identity was given")
	case !sealed:
		return f, nil
	}
	r, err := age.Decrypt(f, identities...)
	if _, other := errors.AsType[*age.NoIdentityMatchError](err); other {
		return nil, errors.New("it is sealed to another key than the identity's")
	}
	return r, err
}

// readManifest reads the end of a file.
func readManifest(f io.ReaderAt, size int64) (o Opened, err error) {
	footer := make([]byte, footerSize)
	if size < int64(footerSize) {
		return o, ErrNoManifest
	}
	if _, err := f.ReadAt(footer, size-int64(footerSize)); err != nil {
		return o, err
	}
	if string(footer[footerSize-len(magic):]) != magic {
		return o, ErrNoManifest
	}
	copy(o.mac[:], footer)
	n := int64(binary.BigEndian.Uint32(footer[sha256.Size:]))
	start := size - int64(footerSize) - n
	if n > maxManifest || start < 0 {
		return o, errDamaged
	}
	o.encoded = make([]byte, n)
	if _, err := f.ReadAt(o.encoded, start); err != nil {
		return o, err
	}
	if err := json.Unmarshal(o.encoded, &o.Manifest); err != nil || o.Size != start {
		return o, errDamaged
	}
	return o, nil
}

var errDamaged = errors.New("its manifest was changed, or is damaged")
