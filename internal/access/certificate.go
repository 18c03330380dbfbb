package access

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
)

// Fingerprint is the SHA-256 of the public key in a certificate, as its
// SubjectPublicKeyInfo (RFC 5280, 4.1). A certificate that is renewed for the same key has
// the same one. The zero Fingerprint is that of no certificate.
type Fingerprint [sha256.Size]byte

// certificatePrefix starts a fingerprint where it is stored.
const certificatePrefix = "key:"

// ParseFingerprint parses 64 hexadecimal digits, between which colons may be. The error
// has kind sesuai.KindConfiguration.
func ParseFingerprint(text string) (f Fingerprint, err error) {
	b, err := hex.DecodeString(strings.ReplaceAll(text, ":", ""))
	if err != nil || len(b) != len(f) {
		return f, invalid("a certificate is the SHA-256 of its public key: 64 hexadecimal digits")
	}
	return Fingerprint(b), nil
}

// String returns the hexadecimal digits.
func (f Fingerprint) String() string { return hex.EncodeToString(f[:]) }

// MarshalText implements encoding.TextMarshaler.
func (f Fingerprint) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

func validateCertificates(all []Fingerprint) error {
	if len(all) > MaxCertificates {
		return invalid("a client has at most %d certificates", MaxCertificates)
	}
	for i, f := range all {
		switch {
		case f == Fingerprint{}:
			return invalid("a certificate is the SHA-256 of its public key, which is not 0")
		case slices.Contains(all[:i], f):
			return invalid("certificate %s is given twice", f)
		}
	}
	return nil
}

// boundTo reports whether the client may call with a certificate.
func (c Client) boundTo(f Fingerprint) bool {
	return len(c.Certificates) == 0 || slices.Contains(c.Certificates, f)
}
