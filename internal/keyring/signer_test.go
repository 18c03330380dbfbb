package keyring_test

import (
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/sesuai/sesuai/internal/keyring"
)

// TestSigner: a signing key is the same each time, its public key verifies what it
// signed and nothing else, and no other name or source has it.
func TestSigner(t *testing.T) {
	secret := keyring.NewSecret()
	signer := secret.Signer(keyring.Checkpoints)
	message := []byte("message")
	signature := signer.Sign(message)
	if !ed25519.Verify(secret.Signer(keyring.Checkpoints).Public(), message, signature) {
		t.Error("the public key of the same name does not verify the signature")
	}
	if ed25519.Verify(signer.Public(), []byte("massage"), signature) {
		t.Error("the signature is accepted for another message")
	}
	raw, err := keyring.SecretOf(secret.Raw())
	if err != nil {
		t.Fatal(err)
	}
	if !raw.Signer(keyring.Checkpoints).Public().Equal(signer.Public()) {
		t.Error("the stored secret gives another signing key")
	}
	for about, other := range map[string]*keyring.Signer{
		"another name": secret.Signer("other"), "another source": keyring.NewSecret().Signer(keyring.Checkpoints),
		"a derived source": secret.Derive(keyring.Checkpoints).Signer(keyring.Checkpoints),
	} {
		if other.Public().Equal(signer.Public()) || ed25519.Verify(other.Public(), message, signature) {
			t.Errorf("%s has the same signing key", about)
		}
	}
}

// TestSignerIsNotPrinted: the seed, which is the first half of a private key, does not
// show in any format.
func TestSignerIsNotPrinted(t *testing.T) {
	secret, err := keyring.SecretOf(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	signer := secret.Signer(keyring.Checkpoints)
	encoded, err := json.Marshal(map[string]any{"key": signer})
	if err != nil {
		t.Fatal(err)
	}
	printed := fmt.Sprintf("%v %+v %#v %s %x %q %d", signer, signer, signer, signer, signer, signer, signer)
	if want := strings.Repeat("[key] ", 6) + "[key]"; printed != want || string(encoded) != `{"key":{}}` {
		t.Errorf("printed %q and %s", printed, encoded)
	}
}
