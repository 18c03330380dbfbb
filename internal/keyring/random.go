package keyring

import (
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync/atomic"
)

// dataKeySize is the size of a DataKey and of a Secret, in bytes.
const dataKeySize = 32

// DataKey seals what is stored about one person. To store it, seal Raw with the
// master key of number master. It is safe for concurrent use, and no formatter
// prints it.
type DataKey struct {
	master byte
	raw    [dataKeySize]byte
	aead   cipher.AEAD
}

// NewDataKey returns a new random key, to be stored under the master key of that
// number.
func NewDataKey(master byte) *DataKey {
	var raw [dataKeySize]byte
	_, _ = rand.Read(raw[:]) // never fails: crypto/rand
	return &DataKey{master, raw, newAEAD(raw[:])}
}

// DataKeyOf returns the key whose Raw was stored under the master key of that
// number.
func DataKeyOf(master byte, raw []byte) (*DataKey, error) {
	if len(raw) != dataKeySize {
		return nil, errors.New("keyring: a data key has the wrong size")
	}
	return &DataKey{master, [dataKeySize]byte(raw), newAEAD(raw)}, nil
}

// DataKeySize is the size of DataKey.Raw, in bytes.
const DataKeySize = dataKeySize

// Raw returns the bytes of the key. Use them only to seal them with a master
// key.
func (d *DataKey) Raw() []byte { return d.raw[:] }

// Seal seals as Key.Seal does. The first byte is the number of the master key
// under which the data key is stored.
func (d *DataKey) Seal(plaintext, associated []byte) []byte {
	return seal(d.aead, d.master, plaintext, associated)
}

// Open decrypts what Seal returned for the same data key and associated data.
// The only error is ErrSealed.
func (d *DataKey) Open(sealed, associated []byte) ([]byte, error) {
	return open(d.aead, d.master, sealed, associated)
}

// String implements fmt.Stringer and hides the key.
func (*DataKey) String() string { return hidden }

// Format implements fmt.Formatter, so that no verb shows a key.
func (*DataKey) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, hidden) }

// LogValue implements slog.LogValuer and hides the key.
func (*DataKey) LogValue() slog.Value { return slog.StringValue(hidden) }

// A SecretName names the use of a Secret. Its text is stored with the Secret,
// and stored rows are bound to it, so it must not change even where the constant
// was renamed.
type SecretName string

// The uses of Secrets that make hashes. Such a hash is compared with hashes made
// under earlier master keys.
const (
	// AuditNIK hashes the NIKs in the audit trail.
	AuditNIK SecretName = "audit nik"
	// AuditChain chains the events of the audit trail.
	AuditChain SecretName = "audit chain"
	// Credentials hashes the credentials of clients.
	Credentials SecretName = "credentials"
	// PersonLock hashes a NIK to the lock that serialises changes of one
	// person's rows.
	PersonLock SecretName = "person lock"
	// UnenrolledLink finds the probes of a person who is not on record. The
	// value is the name in databases since schema 4.
	UnenrolledLink SecretName = "stranger link"
	// Rows makes the MACs of rows that are stored in the clear.
	Rows SecretName = "rows"
)

// The uses of Secrets that seal. What they seal opens whichever master key is
// in use.
const (
	// UnenrolledProbes seals the probes of people who are not on record. The
	// value is the name in databases since schema 4.
	UnenrolledProbes SecretName = "strangers"
	// Outbox seals the NIKs of the outbox. The value is the name in databases
	// since schema 4.
	Outbox SecretName = "returns"
	// PeopleSums seals the sums over the people on record, and hashes what is
	// summed.
	PeopleSums SecretName = "people sums"
)

// A DerivedName names the use of a Secret or a Signer that is derived from a
// Secret. Its text is part of the derivation.
type DerivedName string

// The uses of derived Secrets and Signers.
const (
	// Answers hashes the ids of requests and seals the stored answers.
	Answers DerivedName = "answers"
	// Webhooks seals webhooks and what is sent to them.
	Webhooks DerivedName = "webhooks"
	// Batches seals the rows of batches and their answers, and makes the MACs of
	// batches.
	Batches DerivedName = "batches"
	// Checkpoints signs the checkpoints of the audit trail.
	Checkpoints DerivedName = "checkpoints"
	// Limits hashes the NIKs that are counted.
	Limits DerivedName = "limits"
	// Operators seals operators, and hashes their sessions.
	Operators DerivedName = "operators"
	// Approvals seals what admins propose to each other.
	Approvals DerivedName = "approvals"
	// SignedAnswers signs answers.
	SignedAnswers DerivedName = "signed answers"
)

// SecretNames returns the names of all Secrets.
func SecretNames() []SecretName {
	return []SecretName{AuditNIK, AuditChain, Credentials, PersonLock, UnenrolledLink, UnenrolledProbes, Outbox, PeopleSums, Rows}
}

// Secret makes keyed hashes, or seals, independently of the master key in use.
// To store it, seal Raw with a master key. It is safe for concurrent use, and no
// formatter prints it.
type Secret struct {
	raw     [dataKeySize]byte
	hasher  *hasher
	buckets [Buckets]atomic.Pointer[cipher.AEAD] // derived on first use
}

// NewSecret returns a new random Secret.
func NewSecret() *Secret {
	var raw [dataKeySize]byte
	_, _ = rand.Read(raw[:]) // never fails: crypto/rand
	return newSecret(raw)
}

// SecretOf returns the Secret whose Raw was stored.
func SecretOf(raw []byte) (*Secret, error) {
	if len(raw) != dataKeySize {
		return nil, errors.New("keyring: a secret has the wrong size")
	}
	return newSecret([dataKeySize]byte(raw)), nil
}

func newSecret(raw [dataKeySize]byte) *Secret { return &Secret{raw: raw, hasher: newHasher(raw[:])} }

// Raw returns the bytes of the secret. Use them only to seal them with a master
// key.
func (s *Secret) Raw() []byte { return s.raw[:] }

// Hash returns the HMAC-SHA-256 of b under the secret.
func (s *Secret) Hash(b []byte) [32]byte { return s.hasher.sum(b) }

// MAC returns the message authentication code (HMAC-SHA-256) of a row that is
// stored in the clear. column is the table and the column of the code. values are
// the version of the row's form, its key, and everything in the row that decides
// something. The code binds each of them to its place in the list.
func (s *Secret) MAC(column string, values ...[]byte) []byte {
	sum := s.Hash(Bind(column, values...))
	return sum[:]
}

// VerifyMAC reports whether mac is the MAC of column and values.
func (s *Secret) VerifyMAC(mac []byte, column string, values ...[]byte) bool {
	return hmac.Equal(mac, s.MAC(column, values...))
}

// Derive returns the secret of a further use. It is the same for as long as s is, and
// is not stored. It is independent of what s hashes and seals, and of secrets of other
// names.
func (s *Secret) Derive(name DerivedName) *Secret {
	raw, err := hkdf.Key(sha256.New, s.raw[:], nil, "sesuai/4/derived/"+string(name), dataKeySize)
	if err != nil {
		panic("keyring: " + err.Error()) // only for a length that HKDF cannot give
	}
	defer clear(raw)
	return newSecret([dataKeySize]byte(raw))
}

// bySecret takes the place of a master key's number in what a Secret seals.
// Master keys are numbered from 1.
const bySecret = 0

// Seal seals as Key.Seal does, under a subkey of the secret. The first byte is
// 0.
func (s *Secret) Seal(bucket byte, plaintext, associated []byte) []byte {
	return seal(s.aead(bucket), bySecret, plaintext, associated)
}

// Open decrypts what Seal returned for the same secret, bucket and associated
// data. The only error is ErrSealed.
func (s *Secret) Open(bucket byte, sealed, associated []byte) ([]byte, error) {
	return open(s.aead(bucket), bySecret, sealed, associated)
}

// aead returns the cipher of a bucket, as Key.aead does. It runs both steps of
// HKDF, so that the subkeys are independent of Hash, which uses raw directly.
func (s *Secret) aead(bucket byte) cipher.AEAD {
	if made := s.buckets[bucket].Load(); made != nil {
		return *made
	}
	key, err := hkdf.Key(sha256.New, s.raw[:], nil, fmt.Sprintf("sesuai/3/secret/%d", bucket), dataKeySize)
	if err != nil {
		panic("keyring: " + err.Error()) // only for a length that HKDF cannot give
	}
	defer clear(key)
	aead := newAEAD(key)
	s.buckets[bucket].Store(&aead)
	return aead
}

// String implements fmt.Stringer and hides the key.
func (*Secret) String() string { return hidden }

// Format implements fmt.Formatter, so that no verb shows a key.
func (*Secret) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, hidden) }

// LogValue implements slog.LogValuer and hides the key.
func (*Secret) LogValue() slog.Value { return slog.StringValue(hidden) }
