package keyring

import (
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync/atomic"
)

// dataKeySize is the size of what DataKey and Secret are made from, in bytes.
const dataKeySize = 32

// DataKey seals what is stored about one person. Seal its Raw with a master
// key, as master, to store it. It is safe for concurrent use, and no formatter
// prints it.
type DataKey struct {
	master byte
	raw    [dataKeySize]byte
	aead   cipher.AEAD
}

// NewDataKey makes a random one, to be stored under the master key of that
// number.
func NewDataKey(master byte) *DataKey {
	var raw [dataKeySize]byte
	_, _ = rand.Read(raw[:]) // never fails: crypto/rand
	return &DataKey{master, raw, newAEAD(raw[:])}
}

// DataKeyOf is the one that was stored under the master key of that number.
func DataKeyOf(master byte, raw []byte) (*DataKey, error) {
	if len(raw) != dataKeySize {
		return nil, errors.New("keyring: a data key is not of the right size")
	}
	return &DataKey{master, [dataKeySize]byte(raw), newAEAD(raw)}, nil
}

// DataKeySize is the size of DataKey.Raw, in bytes.
const DataKeySize = dataKeySize

// Raw is what is to be sealed; the caller must do nothing else with it.
func (d *DataKey) Raw() []byte { return d.raw[:] }

// Seal seals as Key.Seal does: the first byte is the number of the master key
// that the data key is stored under.
func (d *DataKey) Seal(plaintext, associated []byte) []byte {
	return seal(d.aead, d.master, plaintext, associated)
}

// Open decrypts what Seal sealed with the same data key and associated data;
// ErrSealed if it cannot.
func (d *DataKey) Open(sealed, associated []byte) ([]byte, error) {
	return open(d.aead, d.master, sealed, associated)
}

// String implements fmt.Stringer and shows nothing.
func (*DataKey) String() string { return hidden }

// Format implements fmt.Formatter, so that no verb shows a key.
func (*DataKey) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, hidden) }

// LogValue implements slog.LogValuer and shows nothing.
func (*DataKey) LogValue() slog.Value { return slog.StringValue(hidden) }

// A SecretName names what a Secret is for. Its text is stored beside it.
type SecretName string

// The uses of Secrets: hashes that are compared with ones of long ago.
const (
	// AuditNIK stands for a NIK in the audit trail.
	AuditNIK SecretName = "audit nik"
	// AuditChain chains the events of the audit trail.
	AuditChain SecretName = "audit chain"
	// Credentials stands for the credentials of clients.
	Credentials SecretName = "credentials"
	// PersonLock keeps two from changing one person's rows at once.
	PersonLock SecretName = "person lock"
	// StrangerLink finds the row of a NIK that is not on record.
	StrangerLink SecretName = "stranger link"
)

// The uses of Secrets that seal: what is to open under whatever master key.
const (
	// Strangers seals the probes of people who are not on record.
	Strangers SecretName = "strangers"
	// Returns seals the NIKs of data that is to be returned.
	Returns SecretName = "returns"
)

// SecretNames are all of them.
func SecretNames() []SecretName {
	return []SecretName{AuditNIK, AuditChain, Credentials, PersonLock, StrangerLink, Strangers, Returns}
}

// Secret makes keyed hashes, or seals, so that neither changes with the master
// key. Seal its Raw with one to store it. It is safe for concurrent use, and no
// formatter prints it.
type Secret struct {
	raw     [dataKeySize]byte
	buckets [Buckets]atomic.Pointer[cipher.AEAD] // made when they are needed
}

// NewSecret makes a random one.
func NewSecret() *Secret {
	s := new(Secret)
	_, _ = rand.Read(s.raw[:]) // never fails: crypto/rand
	return s
}

// SecretOf is the one that was stored.
func SecretOf(raw []byte) (*Secret, error) {
	if len(raw) != dataKeySize {
		return nil, errors.New("keyring: a secret is not of the right size")
	}
	return &Secret{raw: [dataKeySize]byte(raw)}, nil
}

// Raw is what is to be sealed; the caller must do nothing else with it.
func (s *Secret) Raw() []byte { return s.raw[:] }

// Hash is the HMAC-SHA-256 of b under the secret.
func (s *Secret) Hash(b []byte) [32]byte { return hash(s.raw[:], b) }

// bySecret stands where what is sealed has its master key's number; those are
// from 1.
const bySecret = 0

// Seal seals as Key.Seal does, under a subkey of the secret; the first byte is
// 0.
func (s *Secret) Seal(bucket byte, plaintext, associated []byte) []byte {
	return seal(s.aead(bucket), bySecret, plaintext, associated)
}

// Open decrypts what Seal sealed with the same secret, bucket and associated
// data; ErrSealed if it cannot.
func (s *Secret) Open(bucket byte, sealed, associated []byte) ([]byte, error) {
	return open(s.aead(bucket), bySecret, sealed, associated)
}

// aead is the subkey of a bucket, as Key.aead: by the whole of HKDF, so that it
// has nothing in common with Hash.
func (s *Secret) aead(bucket byte) cipher.AEAD {
	if made := s.buckets[bucket].Load(); made != nil {
		return *made
	}
	key, err := hkdf.Key(sha256.New, s.raw[:], nil, fmt.Sprintf("sesuai/3/secret/%d", bucket), dataKeySize)
	if err != nil {
		panic("keyring: " + err.Error()) // only for a length that HKDF cannot give
	}
	aead := newAEAD(key)
	s.buckets[bucket].Store(&aead)
	return aead
}

// String implements fmt.Stringer and shows nothing.
func (*Secret) String() string { return hidden }

// Format implements fmt.Formatter, so that no verb shows a key.
func (*Secret) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, hidden) }

// LogValue implements slog.LogValuer and shows nothing.
func (*Secret) LogValue() slog.Value { return slog.StringValue(hidden) }
