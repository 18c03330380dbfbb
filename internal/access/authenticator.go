package access

import (
	"context"
	"crypto/hmac"
	"crypto/rand"

	"github.com/sesuai/sesuai"
)

// maxCredential is the maximum length of a credential, in bytes. Generated ones
// are far shorter. Without a limit anybody could make the service hash megabytes.
const maxCredential = 256

// AuthenticatorOptions are what an Authenticator is made of. All are required.
type AuthenticatorOptions struct {
	Clients Clients
	// Hash is the keyed hash that was passed to Add.
	Hash Hash
}

// Authenticator identifies clients by their credentials. It is safe for
// concurrent use. It caches nothing, so that a client that another process adds
// or removes is known or unknown from the next request on.
type Authenticator struct {
	o AuthenticatorOptions
	// nobody is compared with if there is no client of that username.
	nobody Hashes
}

// NewAuthenticator returns a new Authenticator.
func NewAuthenticator(o AuthenticatorOptions) *Authenticator {
	a := &Authenticator{o: o}
	_, _ = rand.Read(a.nobody.Password[:]) // crypto/rand never fails
	_, _ = rand.Read(a.nobody.APIKey[:])
	return a
}

// Authenticate returns the client with these credentials. If any of them is
// missing or wrong, the error has kind sesuai.KindUnauthenticated and no detail.
// Neither the error nor the work done reveals which one it was. If the clients
// cannot be read, the error has kind sesuai.KindUnavailable.
func (a *Authenticator) Authenticate(ctx context.Context, username, password, apiKey string) (Client, error) {
	given := hashesOf(a.o.Hash, bounded(username), bounded(password), bounded(apiKey))
	client, stored, found, err := a.o.Clients.ClientByUsername(ctx, given.Username)
	if err != nil {
		return Client{}, &sesuai.Error{Kind: sesuai.KindUnavailable, Err: err}
	}
	if !found {
		stored = a.nobody
	}
	// Both are compared, whatever the result of the first comparison.
	samePassword := hmac.Equal(given.Password[:], stored.Password[:])
	sameKey := hmac.Equal(given.APIKey[:], stored.APIKey[:])
	if !found || !samePassword || !sameKey {
		return Client{}, &sesuai.Error{Kind: sesuai.KindUnauthenticated}
	}
	return client, nil
}

// bounded returns s, or "" if s is too long to be a credential.
func bounded(s string) string {
	if len(s) > maxCredential {
		return ""
	}
	return s
}
