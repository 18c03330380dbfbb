package sandbox

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
)

// The schemes that encrypt nik, user_id and password of the face check:
// RSAES-PKCS1-v1_5, or RSAES-OAEP with SHA-256 (RFC 8017), followed by base64.
const (
	SchemePKCS1v15 = "pkcs1v15-1"
	SchemeOAEP     = "oaep-sha256-1"
)

var schemes = map[string]func(*rsa.PrivateKey, []byte) ([]byte, error){
	SchemePKCS1v15: func(key *rsa.PrivateKey, b []byte) ([]byte, error) {
		//lint:ignore SA1019 the service requires it
		return rsa.DecryptPKCS1v15(rand.Reader, key, b)
	},
	SchemeOAEP: func(key *rsa.PrivateKey, b []byte) ([]byte, error) {
		return rsa.DecryptOAEP(sha256.New(), rand.Reader, key, b, nil)
	},
}

// decrypt decrypts texts in place. It reports false if one is not base64 or not
// encrypted for this key.
func (s *Server) decrypt(texts ...*scalar) bool {
	for _, t := range texts {
		b, err := base64.StdEncoding.DecodeString(string(*t))
		if err != nil {
			return false
		}
		if b, err = schemes[s.o.Scheme](s.o.PrivateKey, b); err != nil {
			return false
		}
		*t = scalar(b)
	}
	return true
}
