// Package keyring holds the master key and does everything that is done with
// it: keyed hashes, and sealing what is stored. Every use has a subkey of its
// own, so that what is learnt about one says nothing about another. It must
// not know what is hashed or sealed, nor where it is stored, and no key ever
// leaves it.
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
)

// MasterKeySize is the size of the master key, in bytes.
const MasterKeySize = 32

// keyID is the first byte of everything sealed: which master key it was sealed
// under. There is one so far; rotation counts on from here.
const keyID = 1

// A HashKey names the subkey of one use of keyed hashes. Its text is part of
// the derivation: another text is another key.
type HashKey string

// The uses of keyed hashes.
const (
	// NIKIndex finds a person by NIK.
	NIKIndex HashKey = "nik index"
	// TemplateLink finds the template of a NIK. Not being NIKIndex, it keeps
	// whoever holds one table from linking it to the other.
	TemplateLink HashKey = "template link"
	// ProbeLink finds the earlier probes of a NIK, and links to nothing else.
	ProbeLink HashKey = "probe link"
	// AuditNIK stands for a NIK in the audit trail.
	AuditNIK HashKey = "audit nik"
	// AuditChain chains the events of the audit trail.
	AuditChain HashKey = "audit chain"
	// Credentials stands for the credentials of clients.
	Credentials HashKey = "credentials"
	// keyCheck is that of Ring.KeyCheck.
	keyCheck HashKey = "key check"
)

// A SealKey names the subkey of one use of encryption.
type SealKey string

// The uses of encryption.
const (
	// Attributes seals what is recorded about a person but the template.
	Attributes SealKey = "attributes"
	// Template seals a person's template.
	Template SealKey = "template"
	// Probes seals what is remembered of a person's earlier probes.
	Probes SealKey = "probes"
)

// Ring is a master key's subkeys. It is safe for concurrent use, and no
// formatter prints it.
type Ring struct {
	hash map[HashKey][]byte
	seal map[SealKey]cipher.AEAD
}

// New derives the subkeys of a master key of MasterKeySize bytes, by
// HKDF-SHA-256 (RFC 5869) with the use as its info. The caller may overwrite
// master afterwards.
func New(master []byte) (*Ring, error) {
	if len(master) != MasterKeySize {
		return nil, fmt.Errorf("keyring: a master key has %d bytes, not %d", MasterKeySize, len(master))
	}
	// HKDF's first step is the same for all subkeys.
	prk, err := hkdf.Extract(sha256.New, master, nil)
	if err != nil {
		return nil, fmt.Errorf("keyring: %w", err)
	}
	r := &Ring{hash: make(map[HashKey][]byte), seal: make(map[SealKey]cipher.AEAD)}
	for _, k := range []HashKey{NIKIndex, TemplateLink, ProbeLink, AuditNIK, AuditChain, Credentials, keyCheck} {
		if r.hash[k], err = hkdf.Expand(sha256.New, prk, "sesuai/1/hash/"+string(k), sha256.Size); err != nil {
			return nil, fmt.Errorf("keyring: %w", err)
		}
	}
	for _, k := range []SealKey{Attributes, Template, Probes} {
		key, err := hkdf.Expand(sha256.New, prk, "sesuai/1/seal/"+string(k), 32)
		if err != nil {
			return nil, fmt.Errorf("keyring: %w", err)
		}
		block, err := aes.NewCipher(key)
		if err != nil {
			return nil, fmt.Errorf("keyring: %w", err)
		}
		if r.seal[k], err = cipher.NewGCMWithRandomNonce(block); err != nil {
			return nil, fmt.Errorf("keyring: %w", err)
		}
	}
	return r, nil
}

// Hash is the HMAC-SHA-256 of b under the subkey of k.
func (r *Ring) Hash(k HashKey, b []byte) [32]byte {
	key, ok := r.hash[k]
	if !ok {
		panic("keyring: no such hash key") // not a constant of this package
	}
	mac := hmac.New(sha256.New, key)
	mac.Write(b)
	return [32]byte(mac.Sum(nil))
}

// Hasher is Hash under one subkey, for those who need to know no other.
func (r *Ring) Hasher(k HashKey) func(b []byte) [32]byte {
	return func(b []byte) [32]byte { return r.Hash(k, b) }
}

// Seal encrypts and authenticates plaintext with AES-256-GCM under the subkey
// of k and a random nonce of 96 bits. The same associated data is needed to
// open it: say there which row and column it belongs to, so that it opens
// nowhere else. The result is the key id (1 byte), the nonce (12), the
// ciphertext (as long as plaintext) and the tag (16).
//
// A subkey may seal 2^32 messages (NIST SP 800-38D, 8.3): far above what one
// file holds, but it is what rotation has to respect.
func (r *Ring) Seal(k SealKey, plaintext, associated []byte) []byte {
	aead := r.aead(k)
	sealed := make([]byte, 1, 1+aead.Overhead()+len(plaintext))
	sealed[0] = keyID
	return aead.Seal(sealed, nil, plaintext, withKeyID(keyID, associated))
}

// ErrSealed is returned for what Open cannot open: it was changed, belongs
// elsewhere, or was sealed under another key. Which of them cannot be told.
var ErrSealed = errors.New("keyring: a sealed value does not open: it was changed, moved or sealed with another key")

// Open decrypts what Seal sealed under the same subkey and associated data;
// ErrSealed if it cannot.
func (r *Ring) Open(k SealKey, sealed, associated []byte) ([]byte, error) {
	aead := r.aead(k)
	if len(sealed) < 1+aead.Overhead() || sealed[0] != keyID {
		return nil, ErrSealed
	}
	plaintext, err := aead.Open(nil, nil, sealed[1:], withKeyID(sealed[0], associated))
	if err != nil {
		return nil, ErrSealed
	}
	return plaintext, nil
}

func (r *Ring) aead(k SealKey) cipher.AEAD {
	aead, ok := r.seal[k]
	if !ok {
		panic("keyring: no such seal key") // not a constant of this package
	}
	return aead
}

// withKeyID authenticates the key id along with the associated data.
func withKeyID(id byte, associated []byte) []byte {
	return append([]byte{id}, associated...)
}

// KeyCheckSize is the size of a key check value, in bytes.
const KeyCheckSize = 16

// KeyCheck is the key check value: it tells one master key from another and
// says nothing about either. Store it beside what is sealed, so that a wrong
// key is noticed at once and not taken for an empty registry.
func (r *Ring) KeyCheck() [KeyCheckSize]byte {
	sum := r.Hash(keyCheck, []byte("sesuai key check value"))
	return [KeyCheckSize]byte(sum[:])
}

// Matches reports whether check is the key check value of this master key.
func (r *Ring) Matches(check []byte) bool {
	own := r.KeyCheck()
	return subtle.ConstantTimeCompare(own[:], check) == 1
}

// String implements fmt.Stringer and shows nothing.
func (*Ring) String() string { return "[keyring]" }

// Format implements fmt.Formatter, so that no verb shows a key.
func (*Ring) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "[keyring]") }

// LogValue implements slog.LogValuer and shows nothing.
func (*Ring) LogValue() slog.Value { return slog.StringValue("[keyring]") }
