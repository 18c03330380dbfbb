package access

import (
	"context"
	"crypto/hmac"
	"crypto/rand"

	"github.com/sesuai/sesuai"
)

// maxCredential is the longest credential that is looked at, in bytes. Ours
// are far shorter, and hashing a long one is work that a stranger could ask
// for.
const maxCredential = 256

// AuthenticatorOptions are what an Authenticator is made of. All are required.
type AuthenticatorOptions struct {
	Clients Clients
	// Hash is the keyed hash that the credentials were stored with.
	Hash Hash
}

// Authenticator knows clients by their credentials. It is safe for concurrent
// use, and keeps nothing: a client that was added or removed by another
// process is so at the next request.
type Authenticator struct {
	o AuthenticatorOptions
	// nobody is compared with where there is no client.
	nobody Hashes
}

// NewAuthenticator makes an Authenticator.
func NewAuthenticator(o AuthenticatorOptions) *Authenticator {
	a := &Authenticator{o: o}
	_, _ = rand.Read(a.nobody.Password[:]) // never fails: crypto/rand
	_, _ = rand.Read(a.nobody.APIKey[:])
	return a
}

// Authenticate returns the client of these credentials. Whichever of them is
// missing or wrong, the work and the error are the same, of kind
// sesuai.KindUnauthenticated and without detail. If the clients cannot be
// read, the error is of kind sesuai.KindUnavailable.
func (a *Authenticator) Authenticate(ctx context.Context, username, password, apiKey string) (Client, error) {
	given := hashesOf(a.o.Hash, bounded(username), bounded(password), bounded(apiKey))
	client, stored, found, err := a.o.Clients.ClientByUsername(ctx, given.Username)
	if err != nil {
		return Client{}, &sesuai.Error{Kind: sesuai.KindUnavailable, Err: err}
	}
	if !found {
		stored = a.nobody
	}
	// Both are compared whatever comes of the first.
	samePassword := hmac.Equal(given.Password[:], stored.Password[:])
	sameKey := hmac.Equal(given.APIKey[:], stored.APIKey[:])
	if !found || !samePassword || !sameKey {
		return Client{}, &sesuai.Error{Kind: sesuai.KindUnauthenticated}
	}
	return client, nil
}

// bounded is the text, or none if it is too long to be a credential.
func bounded(s string) string {
	if len(s) > maxCredential {
		return ""
	}
	return s
}
