package keyring

import (
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
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
)

// SecretNames are all of them.
func SecretNames() []SecretName {
	return []SecretName{AuditNIK, AuditChain, Credentials, PersonLock}
}

// Secret makes keyed hashes that do not change with the master key. Seal its
// Raw with one to store it. No formatter prints it.
type Secret struct{ raw [dataKeySize]byte }

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
	return &Secret{[dataKeySize]byte(raw)}, nil
}

// Raw is what is to be sealed; the caller must do nothing else with it.
func (s *Secret) Raw() []byte { return s.raw[:] }

// Hash is the HMAC-SHA-256 of b under the secret.
func (s *Secret) Hash(b []byte) [32]byte { return hash(s.raw[:], b) }

// String implements fmt.Stringer and shows nothing.
func (*Secret) String() string { return hidden }

// Format implements fmt.Formatter, so that no verb shows a key.
func (*Secret) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, hidden) }

// LogValue implements slog.LogValuer and shows nothing.
func (*Secret) LogValue() slog.Value { return slog.StringValue(hidden) }
