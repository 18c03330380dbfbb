// Package signature signs answers: JSON Web Signatures (RFC 7515) with Ed25519 (RFC
// 8037). It must not know what an answer says. Package client verifies the signatures.
package signature

import (
	"crypto"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"github.com/sesuai/sesuai"
)

// Type is the typ of every signature. It keeps a signature from being taken for one of
// another use of the key (RFC 8725, 3.11).
const Type = "sesuai-answer+jws"

// Key signs with Ed25519; *keyring.Signer is the real one. It is safe for concurrent use.
type Key interface {
	// Public returns the public key.
	Public() ed25519.PublicKey
	// Sign returns the signature of a message.
	Sign(message []byte) []byte
}

// Options configures a Signer. Key is required.
type Options struct {
	Key Key
	// Sandbox is whether the answers are those of a sandbox.
	Sandbox bool
}

// Signer signs answers. It is safe for concurrent use.
type Signer struct {
	key     Key
	sandbox bool
	public  jose.JSONWebKey
	set     []byte
}

// New returns a Signer. The ID of its key is the thumbprint of the public key (RFC 7638,
// RFC 8037).
func New(o Options) (*Signer, error) {
	public := jose.JSONWebKey{Key: o.Key.Public(), Algorithm: string(jose.EdDSA), Use: "sig"}
	thumbprint, err := public.Thumbprint(crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("signature: %w", err)
	}
	public.KeyID = base64.RawURLEncoding.EncodeToString(thumbprint)
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{public}})
	if err != nil {
		return nil, fmt.Errorf("signature: %w", err)
	}
	return &Signer{o.Key, o.Sandbox, public, set}, nil
}

// KeySet returns the public key as a JWK Set (RFC 7517). It must not be changed.
func (s *Signer) KeySet() []byte { return s.set }

// Sign returns the signature of a body and a statement in compact serialization, with the
// body in it. The same body and statement always get the same signature.
func (s *Signer) Sign(body []byte, statement sesuai.Statement) (string, error) {
	statement.Sandbox = s.sandbox
	o := &jose.SignerOptions{}
	o.WithType(Type)
	for name, value := range parameters(statement) {
		o.WithHeader(jose.HeaderKey(name), value)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.EdDSA, Key: opaque{s}}, o)
	if err != nil {
		return "", fmt.Errorf("signature: %w", err)
	}
	signed, err := signer.Sign(body)
	if err != nil {
		return "", fmt.Errorf("signature: %w", err)
	}
	return signed.CompactSerialize()
}

// Detach returns a signature without its body (RFC 7515, appendix F).
func Detach(signature string) string {
	header, rest, _ := strings.Cut(signature, ".")
	_, sum, _ := strings.Cut(rest, ".")
	return header + ".." + sum
}

// parameters returns the header parameters of a statement.
func parameters(statement sesuai.Statement) (all map[string]json.RawMessage) {
	encoded, err := json.Marshal(statement)
	if err == nil {
		err = json.Unmarshal(encoded, &all)
	}
	if err != nil {
		panic(err) // only for a time after the year 9999
	}
	return all
}

// opaque is a Signer as go-jose uses it: the private key stays where it is.
type opaque struct{ *Signer }

// Public implements jose.OpaqueSigner.
func (o opaque) Public() *jose.JSONWebKey { return &o.public }

// Algs implements jose.OpaqueSigner.
func (opaque) Algs() []jose.SignatureAlgorithm { return []jose.SignatureAlgorithm{jose.EdDSA} }

// SignPayload implements jose.OpaqueSigner.
func (o opaque) SignPayload(payload []byte, _ jose.SignatureAlgorithm) ([]byte, error) {
	return o.key.Sign(payload), nil
}
