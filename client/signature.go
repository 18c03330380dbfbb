package client

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
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

// The causes of an *Error if there are Options.SigningKeys, besides those above.
var (
	// ErrUnsigned is about a verdict that is not signed.
	ErrUnsigned = errors.New("the answer is not signed")
	// ErrSignatureOther is about a valid signature that is not that of an answer to the
	// request, or not for the images that were sent.
	ErrSignatureOther = errors.New("the signature is that of another answer")
)

// SigningKeys are the public keys of a service. They are safe for concurrent use.
type SigningKeys struct {
	byID map[string]ed25519.PublicKey // by their thumbprints
}

// ParseSigningKeys reads a JWK Set (RFC 7517), as a service has it at
// /.well-known/jwks.json. Keys of other types than Ed25519 are omitted. It is an error
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

// SigningKeys returns the keys that the service shows. They are those of whoever answers
// at BaseURL: compare their IDs with what the operator says, and keep them.
func (c *Client) SigningKeys(ctx context.Context) (*SigningKeys, error) {
	_, keys, err := ask(ctx, c, call{method: http.MethodGet, path: ".well-known/jwks.json"}, ParseSigningKeys)
	return keys, err
}

// IDs returns the IDs of the keys, their thumbprints (RFC 7638), in ascending order.
func (k *SigningKeys) IDs() []string { return slices.Sorted(maps.Keys(k.byID)) }

// signedEndpoints are the paths whose answers are signed, and their names in signatures.
var signedEndpoints = map[string]string{
	"identity/v1/face-verification": "face_verification", "identity/v1/verification": "data_verification",
	"face/v1/match": "face_match", "face/v1/passive-liveness": "passive_liveness",
}

// signed verifies the signature of a response. It returns nil if the response need not
// have one.
func (c *Client) signed(k call, response *http.Response, body []byte) (*Signed, error) {
	endpoint, ok := signedEndpoints[k.path]
	if !ok || c.o.SigningKeys == nil {
		return nil, nil
	}
	text := response.Header.Get("X-Jws-Signature")
	if text == "" && response.StatusCode != http.StatusOK {
		return nil, nil // of errors only refusals of a photograph are signed
	}
	if text == "" {
		return nil, ErrUnsigned
	}
	signed, err := c.o.SigningKeys.Verify(text, body)
	if err != nil {
		return nil, err
	}
	if signed.Endpoint != endpoint || signed.RequestID != response.Header.Get("Request-Id") || signed.Status != response.StatusCode {
		return nil, ErrSignatureOther
	}
	sent, err := k.form.digests()
	if err == nil && !maps.Equal(sent, signed.Images) {
		err = ErrSignatureOther
	}
	if err != nil {
		return nil, err
	}
	return &signed, nil
}

// verifyFound verifies the signatures of answers that were looked up.
func (c *Client) verifyFound(answers []Answer) error {
	if c.o.SigningKeys == nil {
		return nil
	}
	for i, a := range answers {
		if a.Signature == "" {
			continue
		}
		signed, err := c.o.SigningKeys.Verify(a.Signature, a.Body)
		if err == nil && (signed.Endpoint != a.Endpoint || signed.RequestID != a.RequestID || signed.Status != a.Status) {
			err = ErrSignatureOther
		}
		if err != nil {
			return &Error{Status: http.StatusOK, RequestID: a.RequestID, Attempts: 1, Err: err}
		}
		answers[i].Signed = &signed
	}
	return nil
}
