package client

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
)

// Schemes by which the face service has its private fields encrypted. The
// scheme has changed once, so it has a version.
const (
	SchemePKCS1v15 = "pkcs1v15-1"    // RSAES-PKCS1-v1_5 (RFC 8017, 7.2), then base64
	SchemeOAEP     = "oaep-sha256-1" // RSAES-OAEP (RFC 8017, 7.1) with SHA-256 and no label, then base64
)

// encrypter makes what is sent of a private text.
type encrypter func(key *rsa.PublicKey, text string) (string, error)

// encrypterOf is the scheme of that name.
func encrypterOf(scheme string) (encrypter, error) {
	var encrypt func(key *rsa.PublicKey, b []byte) ([]byte, error)
	switch scheme {
	case SchemePKCS1v15:
		encrypt = func(key *rsa.PublicKey, b []byte) ([]byte, error) {
			//lint:ignore SA1019 what the upstream speaks is not ours to choose
			return rsa.EncryptPKCS1v15(rand.Reader, key, b)
		}
	case SchemeOAEP:
		encrypt = func(key *rsa.PublicKey, b []byte) ([]byte, error) {
			return rsa.EncryptOAEP(sha256.New(), rand.Reader, key, b, nil)
		}
	default:
		return nil, fmt.Errorf("the schemes are %s and %s", SchemePKCS1v15, SchemeOAEP)
	}
	return func(key *rsa.PublicKey, text string) (string, error) {
		b, err := encrypt(key, []byte(text))
		if err != nil {
			return "", errors.New("the text is too long for the key")
		}
		return base64.StdEncoding.EncodeToString(b), nil
	}, nil
}

// minKeyBits is the least that a key may have. 1024 bits are in use upstream
// and not ours to refuse; fewer have been factored (RSA-768, 2009; RSA-829,
// 2020).
const minKeyBits = 1024

// parsePublicKey reads an RSA public key: PEM of a SubjectPublicKeyInfo, of a
// PKCS #1 key or of a certificate, or base64 of the first without a frame.
func parsePublicKey(b []byte) (*rsa.PublicKey, error) {
	errKey := fmt.Errorf("the file must hold an RSA public key of at least %d bits, as PEM or base64", minKeyBits)
	kind, der := "PUBLIC KEY", []byte(nil)
	if block, _ := pem.Decode(b); block != nil {
		kind, der = block.Type, block.Bytes
	} else {
		text := make([]byte, 0, len(b))
		for _, c := range b {
			if c != '\n' && c != '\r' && c != ' ' {
				text = append(text, c)
			}
		}
		var err error
		if der, err = base64.StdEncoding.DecodeString(string(text)); err != nil {
			return nil, errKey
		}
	}
	var key *rsa.PublicKey
	switch kind {
	case "PUBLIC KEY":
		if any, err := x509.ParsePKIXPublicKey(der); err == nil {
			key, _ = any.(*rsa.PublicKey)
		}
	case "RSA PUBLIC KEY":
		key, _ = x509.ParsePKCS1PublicKey(der)
	case "CERTIFICATE":
		if certificate, err := x509.ParseCertificate(der); err == nil {
			key, _ = certificate.PublicKey.(*rsa.PublicKey)
		}
	}
	if key == nil || key.N.BitLen() < minKeyBits {
		return nil, errKey
	}
	return key, nil
}
