// Package keyring holds the master keys and everything that is derived from
// them: keyed hashes, and keys that seal what is stored. Every use has a subkey
// of its own, so that what is learnt about one says nothing about another. It
// must not know what is hashed or sealed, nor where it is stored, and no master
// key ever leaves it.
//
// There are three kinds of key. A master Key is a file of the operator's, has a
// number, and is replaced from time to time. A DataKey seals what is stored
// about one person; it is random, and is stored only sealed with a master key,
// so that forgetting it makes what it sealed unreadable in every copy. A Secret
// makes the keyed hashes that must outlive a master key, or seals what must; it
// too is random and stored sealed.
package keyring

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync/atomic"
)

// MasterKeySize is the size of a master key, in bytes.
const MasterKeySize = 32

// A HashKey names the subkey of one use of keyed hashes. Its text is part of
// the derivation: another text is another key.
type HashKey string

// The uses of keyed hashes under a master key. Each finds the row of a NIK in
// one table; being different, they keep whoever holds one table from linking
// it to another.
const (
	NIKIndex      HashKey = "nik index"
	TemplateLink  HashKey = "template link"
	ProbeLink     HashKey = "probe link"
	PersonKeyLink HashKey = "person key link"
	// keyCheck is that of Key.Check.
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

// Buckets is how many subkeys each SealKey has. A subkey may seal 2^32 messages
// with random nonces (NIST SP 800-38D, 8.3): with 256 of them a master key
// seals about 10^12.
const Buckets = 256

// Key is one master key's subkeys. It is safe for concurrent use, and no
// formatter prints it.
type Key struct {
	id   byte
	prk  []byte
	hash map[HashKey][]byte
	seal map[SealKey]*[Buckets]atomic.Pointer[cipher.AEAD] // made when they are needed
}

// NewKey derives the subkeys of a master key of MasterKeySize bytes, by
// HKDF-SHA-256 (RFC 5869) with the use as its info. The caller may overwrite
// master afterwards. id is its number, from 1.
func NewKey(id byte, master []byte) (*Key, error) {
	if id == 0 || len(master) != MasterKeySize {
		return nil, fmt.Errorf("keyring: a master key has %d bytes and a number, not %d and %d", MasterKeySize, len(master), id)
	}
	// HKDF's first step is the same for all subkeys.
	prk, err := hkdf.Extract(sha256.New, master, nil)
	if err != nil {
		return nil, fmt.Errorf("keyring: %w", err)
	}
	k := &Key{id: id, prk: prk, hash: make(map[HashKey][]byte), seal: make(map[SealKey]*[Buckets]atomic.Pointer[cipher.AEAD])}
	for _, use := range []HashKey{NIKIndex, TemplateLink, ProbeLink, PersonKeyLink, keyCheck} {
		if k.hash[use], err = hkdf.Expand(sha256.New, prk, "sesuai/1/hash/"+string(use), sha256.Size); err != nil {
			return nil, fmt.Errorf("keyring: %w", err)
		}
	}
	for _, use := range []SealKey{PersonKeys, Secrets} {
		k.seal[use] = new([Buckets]atomic.Pointer[cipher.AEAD])
	}
	return k, nil
}

// ID is the key's number: the first byte of all that is sealed under it.
func (k *Key) ID() byte { return k.id }

// Hash is the HMAC-SHA-256 of b under the subkey of use.
func (k *Key) Hash(use HashKey, b []byte) [32]byte {
	key, ok := k.hash[use]
	if !ok {
		panic("keyring: no such hash key") // not a constant of this package
	}
	return hash(key, b)
}

func hash(key, b []byte) [32]byte {
	mac := hmac.New(sha256.New, key)
	mac.Write(b)
	return [32]byte(mac.Sum(nil))
}

// Seal encrypts and authenticates plaintext with AES-256-GCM under a subkey of
// use and a random nonce of 96 bits. The same bucket and associated data are
// needed to open it: say in the latter which row and column it belongs to, so
// that it opens nowhere else. The result is the key's number (1 byte), the
// nonce (12), the ciphertext (as long as plaintext) and the tag (16).
func (k *Key) Seal(use SealKey, bucket byte, plaintext, associated []byte) []byte {
	return seal(k.aead(use, bucket), k.id, plaintext, associated)
}

// Open decrypts what Seal sealed with the same key, use, bucket and associated
// data; ErrSealed if it cannot.
func (k *Key) Open(use SealKey, bucket byte, sealed, associated []byte) ([]byte, error) {
	return open(k.aead(use, bucket), k.id, sealed, associated)
}

// aead is the subkey of a bucket. Two goroutines may make it at once: then one
// of the two, which are equal, stays.
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
	aead := newAEAD(key)
	buckets[bucket].Store(&aead)
	return aead
}

// newAEAD is AES-256-GCM with nonces of its own. key has 32 bytes.
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

// ErrSealed is returned for what does not open: it was changed, belongs
// elsewhere, or was sealed under another key. Which of them cannot be told.
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

// withID authenticates the key's number along with the associated data.
func withID(id byte, associated []byte) []byte {
	return append(append(make([]byte, 0, 1+len(associated)), id), associated...)
}

// KeyCheckSize is the size of a key check value, in bytes.
const KeyCheckSize = 16

// Check is the key check value: it tells one master key from another and says
// nothing about either. Store it beside what is sealed, so that a wrong key is
// noticed at once and not taken for an empty registry.
func (k *Key) Check() [KeyCheckSize]byte {
	sum := k.Hash(keyCheck, []byte("sesuai key check value"))
	return [KeyCheckSize]byte(sum[:])
}

// Matches reports whether check is the key check value of this master key.
func (k *Key) Matches(check []byte) bool {
	own := k.Check()
	return subtle.ConstantTimeCompare(own[:], check) == 1
}

// hidden is what every formatter shows of a key.
const hidden = "[key]"

// String implements fmt.Stringer and shows nothing.
func (*Key) String() string { return hidden }

// Format implements fmt.Formatter, so that no verb shows a key.
func (*Key) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, hidden) }

// LogValue implements slog.LogValuer and shows nothing.
func (*Key) LogValue() slog.Value { return slog.StringValue(hidden) }
