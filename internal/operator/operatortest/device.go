// Package operatortest is what operators sign in with besides a password, for tests: a
// device that makes passkeys, and an OpenID provider. It leaves what is accepted to package
// operator, of which it knows nothing.
package operatortest

import (
	"testing"

	"github.com/descope/virtualwebauthn"
)

// Device has at most one passkey. It does what a browser and an authenticator do, and what a
// browser would not do if the test says so.
type Device struct {
	virtualwebauthn.Authenticator
	// RP is the site that the browser is at.
	RP         virtualwebauthn.RelyingParty
	Credential virtualwebauthn.Credential
}

// NewDevice returns the device of a browser that is at an origin with that host.
func NewDevice(origin, host string) *Device {
	d := &Device{Authenticator: virtualwebauthn.NewAuthenticator(), RP: virtualwebauthn.RelyingParty{ID: host, Name: "Sesuai", Origin: origin}}
	// A coordinate that starts with a zero is encoded a byte too short by the package.
	const full = 77 // bytes of the key with both coordinates of 32
	for d.Credential = newKey(); len(d.Credential.Key.AttestationData()) != full; {
		d.Credential = newKey()
	}
	return d
}

func newKey() virtualwebauthn.Credential {
	return virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2)
}

// Make makes a passkey by the options of a page.
func (d *Device) Make(t *testing.T, options []byte) string {
	t.Helper()
	o, err := virtualwebauthn.ParseAttestationOptions(string(options))
	if err != nil {
		t.Fatal(err)
	}
	d.Options.UserHandle = []byte(o.UserID)
	return virtualwebauthn.CreateAttestationResponse(d.RP, d.Authenticator, d.Credential, *o)
}

// Sign signs the challenge of a page.
func (d *Device) Sign(t *testing.T, options []byte) string {
	t.Helper()
	o, err := virtualwebauthn.ParseAssertionOptions(string(options))
	if err != nil {
		t.Fatal(err)
	}
	return virtualwebauthn.CreateAssertionResponse(d.RP, d.Authenticator, d.Credential, *o)
}
