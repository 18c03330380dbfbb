package client

import "crypto/ed25519"

// VerifyBy reports whether a JWS without kid is by a key.
func VerifyBy(public ed25519.PublicKey, signature string) bool {
	_, _, err := (&SigningKeys{map[string]ed25519.PublicKey{"": public}}).verify(signature, nil)
	return err == nil
}

// Thumbprint is that of a public key.
var Thumbprint = thumbprint
