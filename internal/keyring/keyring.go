// Package keyring holds the master keys and the keys that depend on them. It
// computes keyed hashes and seals (encrypts and authenticates) what is stored.
// Every use has its own subkey, so that the exposure of one does not affect
// another. No master key leaves the package. It leaves storing to its callers,
// as well as the choice of what to hash or seal.
//
// There are three kinds of key. A master Key is a file of the operator. It has a
// number and is replaced from time to time. A DataKey seals what is stored about
// one person. It is random and stored only sealed with a master key, so that
// deleting it makes what it sealed unreadable in every copy. A Secret makes
// keyed hashes, or seals values, that must outlive a master key. It too is
// random and stored sealed.
package keyring

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
)

// MasterKeySize is the size of a master key, in bytes.
const MasterKeySize = 32

// A HashKey names the subkey of one use of keyed hashes. Its text is part of
// the derivation: changing the text changes the key.
type HashKey string

// The uses of keyed hashes under a master key. All but the last find the row of a
// NIK in one table. They differ, so that the rows of two tables cannot be linked.
const (
	NIKIndex      HashKey = "nik index"
	TemplateLink  HashKey = "template link"
	ProbeLink     HashKey = "probe link"
	PersonKeyLink HashKey = "person key link"
	// BackupManifest authenticates the manifest of a backup.
	BackupManifest HashKey = "backup manifest"
	// keyCheck is for Key.Check.
	keyCheck HashKey = "key check"
)

// A SealKey names the subkeys of one use of sealing with a master key.
type SealKey string

// The uses of sealing with a master key.
const (
	// PersonKeys seals the data keys of people.
	PersonKeys SealKey = "person keys"
	// Secrets seals the Secrets.
	Secrets SealKey = "secrets"
)

// Buckets is the number of subkeys of each SealKey. A subkey may seal 2^32
// messages with random nonces (NIST SP 800-38D, 8.3), so with 256 of them a
// master key may seal about 10^12.
const Buckets = 256

// Key holds the subkeys of one master key. It is safe for concurrent use, and
// no formatter prints it.
type Key struct {
	id   byte
	prk  []byte
	hash map[HashKey]*hasher
	seal map[SealKey]*[Buckets]atomic.Pointer[cipher.AEAD] // derived on first use
}

// NewKey derives the subkeys of a master key of MasterKeySize bytes, by
// HKDF-SHA-256 (RFC 5869) with the use as its info. id is the key's number, from
// 1. The caller may overwrite master afterwards.
func NewKey(id byte, master []byte) (*Key, error) {
	if id == 0 || len(master) != MasterKeySize {
		return nil, fmt.Errorf("keyring: a master key has %d bytes and a number, not %d and %d", MasterKeySize, len(master), id)
	}
	// The first step of HKDF is the same for all subkeys.
	prk, err := hkdf.Extract(sha256.New, master, nil)
	if err != nil {
		return nil, fmt.Errorf("keyring: %w", err)
	}
	k := &Key{id: id, prk: prk, hash: make(map[HashKey]*hasher), seal: make(map[SealKey]*[Buckets]atomic.Pointer[cipher.AEAD])}
	for _, use := range []HashKey{NIKIndex, TemplateLink, ProbeLink, PersonKeyLink, BackupManifest, keyCheck} {
		key, err := hkdf.Expand(sha256.New, prk, "sesuai/1/hash/"+string(use), sha256.Size)
		if err != nil {
			return nil, fmt.Errorf("keyring: %w", err)
		}
		k.hash[use] = newHasher(key)
	}
	for _, use := range []SealKey{PersonKeys, Secrets} {
		k.seal[use] = new([Buckets]atomic.Pointer[cipher.AEAD])
	}
	return k, nil
}

// ID returns the key's number. It is the first byte of everything that the key
// seals.
func (k *Key) ID() byte { return k.id }

// Hash returns the HMAC-SHA-256 of b under the subkey of use.
func (k *Key) Hash(use HashKey, b []byte) [32]byte {
	h, ok := k.hash[use]
	if !ok {
		panic("keyring: no such hash key") // not a constant of this package
	}
	return h.sum(b)
}

// hasher is HMAC-SHA-256 under one key. It keeps what is ready to be used again:
// to prepare the key takes longer than to hash a NIK.
type hasher struct{ ready sync.Pool } // of hash.Hash

func newHasher(key []byte) *hasher {
	return &hasher{sync.Pool{New: func() any { return hmac.New(sha256.New, key) }}}
}

func (h *hasher) sum(b []byte) (sum [32]byte) {
	mac := h.ready.Get().(hash.Hash)
	mac.Write(b)
	mac.Sum(sum[:0])
	mac.Reset() // it holds b
	h.ready.Put(mac)
	return sum
}

// Seal encrypts and authenticates plaintext with AES-256-GCM under a subkey of
// use and a random nonce of 96 bits. Open needs the same bucket and associated
// data. The associated data should name the row and column, so that the result
// opens nowhere else. The result consists of the key's number (1 byte), the
// nonce (12), the ciphertext (as long as plaintext) and the tag (16).
func (k *Key) Seal(use SealKey, bucket byte, plaintext, associated []byte) []byte {
	return seal(k.aead(use, bucket), k.id, plaintext, associated)
}

// Open decrypts what Seal returned for the same key, use, bucket and associated
// data. The only error is ErrSealed.
func (k *Key) Open(use SealKey, bucket byte, sealed, associated []byte) ([]byte, error) {
	return open(k.aead(use, bucket), k.id, sealed, associated)
}

// aead returns the cipher of a bucket. Two goroutines may derive it at once;
// they derive the same key, so either may be stored.
func (k *Key) aead(use SealKey, bucket byte) cipher.AEAD {
	buckets, ok := k.seal[use]
	if !ok {
		panic("keyring: no such seal key") // not a constant of this package
	}
	if made := buckets[bucket].Load(); made != nil {
		return *made
	}
	key, err := hkdf.Expand(sha256.New, k.prk, fmt.Sprintf("sesuai/2/seal/%s/%d", use, bucket), dataKeySize)
	if err != nil {
		panic("keyring: " + err.Error()) // only for a length that HKDF cannot give
	}
	defer clear(key)
	aead := newAEAD(key)
	buckets[bucket].Store(&aead)
	return aead
}

// newAEAD returns AES-256-GCM that makes its own random nonces. key has 32
// bytes.
func newAEAD(key []byte) cipher.AEAD {
	block, err := aes.NewCipher(key)
	if err == nil {
		var aead cipher.AEAD
		if aead, err = cipher.NewGCMWithRandomNonce(block); err == nil {
			return aead
		}
	}
	panic("keyring: " + err.Error()) // only for a key of another length
}

func seal(aead cipher.AEAD, id byte, plaintext, associated []byte) []byte {
	sealed := make([]byte, 1, 1+aead.Overhead()+len(plaintext))
	sealed[0] = id
	return aead.Seal(sealed, nil, plaintext, withID(id, associated))
}

// ErrSealed is returned for a sealed value that does not open. It was changed,
// moved to another place, or sealed with another key; these cannot be told
// apart.
var ErrSealed = errors.New("keyring: a sealed value does not open: it was changed, moved or sealed with another key")

func open(aead cipher.AEAD, id byte, sealed, associated []byte) ([]byte, error) {
	if len(sealed) < 1+aead.Overhead() || sealed[0] != id {
		return nil, ErrSealed
	}
	plaintext, err := aead.Open(nil, nil, sealed[1:], withID(id, associated))
	if err != nil {
		return nil, ErrSealed
	}
	return plaintext, nil
}

// withID puts the key's number before the associated data, so that both are
// authenticated.
func withID(id byte, associated []byte) []byte {
	return append(append(make([]byte, 0, 1+len(associated)), id), associated...)
}

// KeyCheckSize is the size of a key check value, in bytes.
const KeyCheckSize = 16

// Check returns the key check value, which identifies a master key without
// revealing it. Store it with the sealed data: with a wrong key, every look-up
// would find nothing, as in an empty registry.
func (k *Key) Check() [KeyCheckSize]byte {
	sum := k.Hash(keyCheck, []byte("sesuai key check value"))
	return [KeyCheckSize]byte(sum[:])
}

// Matches reports whether check is the key check value of this master key.
func (k *Key) Matches(check []byte) bool {
	own := k.Check()
	return subtle.ConstantTimeCompare(own[:], check) == 1
}

// hidden is printed in place of every key.
const hidden = "[key]"

// String implements fmt.Stringer and hides the key.
func (*Key) String() string { return hidden }

// Format implements fmt.Formatter, so that no verb shows a key.
func (*Key) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, hidden) }

// LogValue implements slog.LogValuer and hides the key.
func (*Key) LogValue() slog.Value { return slog.StringValue(hidden) }

// Bind returns associated data that binds a sealed value to its place: the
// version of the sealed format, the table and column, and the values that identify
// the row, each preceded by its length.
func Bind(column string, row ...[]byte) []byte {
	b := make([]byte, 0, 192)
	b = appendPart(appendPart(b, "sesuai 2"), column)
	for _, part := range row {
		b = appendPart(b, part)
	}
	return b
}

func appendPart[T string | []byte](b []byte, part T) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(part))), part...)
}
