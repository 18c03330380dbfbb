package keyring

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
)

// Signer signs with Ed25519 (RFC 8032). Whoever has its public key can verify a
// signature and make none. It is safe for concurrent use, and no formatter prints
// it.
type Signer struct{ key ed25519.PrivateKey }

// Signer returns the signing key of a use. It is the same for as long as s is, and
// is not stored. It is independent of what s hashes and seals, of s.Derive of the
// same name, and of signing keys of other names.
func (s *Secret) Signer(name DerivedName) *Signer {
	seed, err := hkdf.Key(sha256.New, s.raw[:], nil, "sesuai/5/signing/"+string(name), ed25519.SeedSize)
	if err != nil {
		panic("keyring: " + err.Error()) // only for a length that HKDF cannot give
	}
	defer clear(seed)
	return &Signer{ed25519.NewKeyFromSeed(seed)}
}

// Public returns the public key, of 32 bytes.
func (s *Signer) Public() ed25519.PublicKey { return s.key.Public().(ed25519.PublicKey) }

// Sign returns the signature of a message, of 64 bytes. The message is what is
// signed, not its hash.
func (s *Signer) Sign(message []byte) []byte { return ed25519.Sign(s.key, message) }

// String implements fmt.Stringer and hides the key.
func (*Signer) String() string { return hidden }

// Format implements fmt.Formatter, so that no verb shows a key.
func (*Signer) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, hidden) }

// LogValue implements slog.LogValuer and hides the key.
func (*Signer) LogValue() slog.Value { return slog.StringValue(hidden) }
