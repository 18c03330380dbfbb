package client

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/sesuai/sesuai"
)

// Signed is an answer whose signature was verified.
type Signed struct {
	// Statement is what the service says of the answer.
	sesuai.Statement
	// Body is the body of the answer, and Signature the detached signature of it. Keep
	// both, byte for byte: they can be verified at any time, with the key.
	Body      []byte
	Signature string
	// KeyID is the thumbprint of the key that signed.
	KeyID string
}

// The errors of SigningKeys.Verify. Nothing that a signature says is to be believed if
// there is one.
var (
	// ErrSignatureMalformed is about a text that is not the signature of an answer.
	ErrSignatureMalformed = errors.New("the signature is malformed")
	// ErrSignatureAlgorithm is about another algorithm than EdDSA, none among them.
	ErrSignatureAlgorithm = errors.New("the algorithm of the signature is not EdDSA")
	// ErrSignatureKey is about a key that is not one of the SigningKeys.
	ErrSignatureKey = errors.New("the signature is by another key")
	// ErrSignatureInvalid is about a body or a signature that was changed.
	ErrSignatureInvalid = errors.New("the signature is not valid: the body or the signature was changed")
)

// SigningKeys are the public keys of a service. They are safe for concurrent use.
type SigningKeys struct {
	byID map[string]ed25519.PublicKey // by their thumbprints
}

// ParseSigningKeys reads a JWK Set (RFC 7517), as a service has it at
// /.well-known/jwks.json. Keys of other types than Ed25519 are left out. It is an error
// if none is of that type.
func ParseSigningKeys(set []byte) (*SigningKeys, error) {
	var parsed struct {
		Keys []struct {
			Type  string `json:"kty"`
			Curve string `json:"crv"`
			X     string `json:"x"`
		} `json:"keys"`
	}
	if err := json.Unmarshal(set, &parsed); err != nil {
		return nil, errors.New("the key set is not a JWK Set")
	}
	keys := &SigningKeys{make(map[string]ed25519.PublicKey)}
	for _, k := range parsed.Keys {
		if k.Type != "OKP" || k.Curve != "Ed25519" {
			continue
		}
		public, err := decodePart(k.X)
		if err != nil || len(public) != ed25519.PublicKeySize {
			return nil, errors.New("the key set has an Ed25519 key that is malformed")
		}
		keys.byID[thumbprint(public)] = public
	}
	if len(keys.byID) == 0 {
		return nil, errors.New("the key set has no Ed25519 key")
	}
	return keys, nil
}

// thumbprint returns the thumbprint of a public key (RFC 7638; RFC 8037, 2).
func thumbprint(public ed25519.PublicKey) string {
	sum := sha256.Sum256([]byte(`{"crv":"Ed25519","kty":"OKP","x":"` + base64.RawURLEncoding.EncodeToString(public) + `"}`))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// signatureType is the typ of the signature of an answer.
const signatureType = "sesuai-answer+jws"

// protectedHeader is the part of a signature that it covers besides the body.
type protectedHeader struct {
	Algorithm string          `json:"alg"`
	KeyID     string          `json:"kid"`
	Type      string          `json:"typ"`
	Critical  json.RawMessage `json:"crit"`
	sesuai.Statement
}

// Verify verifies the signature of an answer (RFC 7515) with the body of the answer. A
// signature that has the body in it, as look-ups do, needs none: body may be nil. The error
// is one of those above, or has it in its chain.
func (k *SigningKeys) Verify(signature string, body []byte) (Signed, error) {
	signed, header, err := k.verify(signature, body)
	if err != nil {
		return Signed{}, err
	}
	if header.Type != signatureType || header.Time.IsZero() || header.RequestID == "" || header.Endpoint == "" || header.Client == "" {
		return Signed{}, fmt.Errorf("%w: it is not that of an answer", ErrSignatureMalformed)
	}
	return signed, nil
}

// verify is Verify for a JWS of any type.
func (k *SigningKeys) verify(signature string, body []byte) (signed Signed, header protectedHeader, err error) {
	parts := strings.Split(signature, ".")
	if len(parts) != 3 {
		return signed, header, fmt.Errorf("%w: it does not have three parts", ErrSignatureMalformed)
	}
	encoded, err := decodePart(parts[0])
	if err != nil || json.Unmarshal(encoded, &header) != nil {
		return signed, header, fmt.Errorf("%w: its header cannot be read", ErrSignatureMalformed)
	}
	if header.Algorithm != "EdDSA" {
		return signed, header, ErrSignatureAlgorithm
	}
	if header.Critical != nil {
		return signed, header, fmt.Errorf("%w: its header has crit", ErrSignatureMalformed)
	}
	sum, err := decodePart(parts[2])
	if err != nil || len(sum) != ed25519.SignatureSize {
		return signed, header, fmt.Errorf("%w: its last part is not 64 bytes", ErrSignatureMalformed)
	}
	if parts[1] != "" {
		payload, err := decodePart(parts[1])
		if err != nil {
			return signed, header, fmt.Errorf("%w: its body cannot be read", ErrSignatureMalformed)
		}
		if body != nil && !bytes.Equal(body, payload) {
			return signed, header, fmt.Errorf("%w: it is that of another body", ErrSignatureInvalid)
		}
		body = payload
	}
	if body == nil {
		return signed, header, fmt.Errorf("%w: it has no body in it, and none is given", ErrSignatureMalformed)
	}
	public, ok := k.byID[header.KeyID]
	if !ok {
		return signed, header, ErrSignatureKey
	}
	input := parts[0] + "." + base64.RawURLEncoding.EncodeToString(body)
	if !ed25519.Verify(public, []byte(input), sum) {
		return signed, header, ErrSignatureInvalid
	}
	return Signed{header.Statement, body, parts[0] + ".." + parts[2], header.KeyID}, header, nil
}

// decodePart decodes a part of a JWS. Unlike package base64 it accepts no line breaks.
func decodePart(part string) ([]byte, error) {
	if strings.ContainsAny(part, "\r\n") {
		return nil, ErrSignatureMalformed
	}
	return base64.RawURLEncoding.Strict().DecodeString(part)
}
