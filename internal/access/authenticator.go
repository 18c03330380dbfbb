package access

import (
	"context"
	"crypto/rand"
	"net/netip"
	"time"

	"github.com/sesuai/sesuai"
)

// maxCredential is the maximum length of a credential, in bytes. Generated ones
// are far shorter. Without a limit anybody could make the service hash megabytes.
const maxCredential = 256

// Attempt is what a caller presents to prove that it is a client.
type Attempt struct {
	// From is the caller's address. Attempts from the zero Addr count as those
	// of one address.
	From netip.Addr
	// Username, Password and APIKey are empty if they are missing.
	Username, Password, APIKey string
	// Certificate is the fingerprint of the certificate that the connection was made
	// with; zero if there is none.
	Certificate Fingerprint
}

// Failure is why an attempt failed. It is for the operator: callers must not
// learn it.
type Failure string

// The failures.
const (
	// FailureMissing: a credential is missing or too long.
	FailureMissing Failure = "missing"
	// FailureUnknown: there is no client of that username.
	FailureUnknown Failure = "unknown"
	// FailureWrong: the username is a client's, the password or the key is not.
	FailureWrong Failure = "wrong"
	// FailureReplaced: the credentials were a client's, and ended after a rotation.
	FailureReplaced Failure = "replaced"
	// FailureDisabled and FailureExpired: the credentials are those of a client that
	// is disabled, or has expired.
	FailureDisabled Failure = "disabled"
	FailureExpired  Failure = "expired"
	// FailureNetwork: the credentials are those of a client that may not call from
	// that address.
	FailureNetwork Failure = "network"
	// FailureCertificate: the credentials are those of a client that is bound to other
	// certificates than the connection's.
	FailureCertificate Failure = "certificate"
	// FailureThrottled: the credentials are not those of a client, after too
	// many failures of the username or the address.
	FailureThrottled Failure = "throttled"
)

// Failures are all failures.
var Failures = [...]Failure{
	FailureMissing, FailureUnknown, FailureWrong, FailureReplaced, FailureDisabled, FailureExpired, FailureNetwork, FailureCertificate, FailureThrottled,
}

// AuthenticatorOptions are what an Authenticator is made of. Clients and Hash are
// required.
type AuthenticatorOptions struct {
	Clients Clients
	// Hash is the keyed hash that was passed to Add.
	Hash Hash
	// Failed is called for each failed attempt, unless it is nil.
	Failed func(Failure)
	// Activity is told of clients that are accepted, and of those that are not
	// although the credentials are, or were, theirs. It may be nil.
	Activity *Activity
	// Now is the clock; time.Now if nil.
	Now func() time.Time
}

// Authenticator identifies clients by their credentials. It is safe for
// concurrent use. No client is accepted by what is cached, so that a client that
// another process removes is unknown from the next request on.
//
// A username or an address that fails often does not reach the store any more:
// its attempts are compared with hashes in memory, and refused if they are not
// those of a client. Right credentials are accepted always, so nobody can lock a
// client out that has the same address or whose username became known. That does
// not make guessing feasible: a password and a key have 130 random bits each, and
// a limit on guesses is required below 64 bits only (NIST SP 800-63B-3, 5.1.2.2).
type Authenticator struct {
	o        AuthenticatorOptions
	failures *Throttle
	known    known
	// nobody is compared with if there is no client of that username.
	nobody Hashes
}

// NewAuthenticator returns a new Authenticator.
func NewAuthenticator(o AuthenticatorOptions) *Authenticator {
	if o.Failed == nil {
		o.Failed = func(Failure) {}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	a := &Authenticator{o: o, failures: newFailures(), known: known{clients: o.Clients}}
	_, _ = rand.Read(a.nobody.Password[:]) // crypto/rand never fails
	_, _ = rand.Read(a.nobody.APIKey[:])
	return a
}

// Authenticate returns the client with these credentials. If any of them is
// missing or wrong, or has ended, or the client is disabled or has expired, the error
// has kind sesuai.KindUnauthenticated and no detail; if the client may not call from
// that address, or with that certificate, it has kind sesuai.KindForbidden. After too many of either, of the
// username or the address, it has kind sesuai.KindRateLimited and says when the next
// attempt makes sense. Neither the error nor the work done reveals which credential it
// was, or whether the client is disabled. If the clients cannot be read, the error has
// kind sesuai.KindUnavailable.
func (a *Authenticator) Authenticate(ctx context.Context, attempt Attempt) (Client, error) {
	given := hashesOf(a.o.Hash, bounded(attempt.Username), bounded(attempt.Password), bounded(attempt.APIKey))
	now := a.o.Now()
	delay := a.failures.Delay(given.Username, attempt.From, now)
	if delay > 0 {
		right, err := a.known.check(ctx, given, a.nobody, now)
		if err != nil {
			return Client{}, unavailable(err)
		}
		if !right {
			a.o.Failed(FailureThrottled)
			return Client{}, &sesuai.Error{Kind: sesuai.KindRateLimited, RetryAfter: delay}
		}
	}
	client, stored, found, err := a.o.Clients.ClientByUsername(ctx, given.Username)
	if err != nil {
		return Client{}, unavailable(err)
	}
	if !found {
		stored = a.nobody
	}
	if !same(given, stored) || !found {
		return Client{}, a.fail(failureOf(attempt, found), given, attempt.From, now, delay)
	}
	if failure := refusal(client, stored, attempt, now); failure != "" {
		a.o.Activity.refused(client.ID, failure, now)
		return Client{}, a.fail(failure, given, attempt.From, now, delay)
	}
	a.o.Activity.used(client.ID, now)
	return client, nil
}

// fail counts a failed attempt and returns its error.
func (a *Authenticator) fail(f Failure, given Hashes, from netip.Addr, now time.Time, delay time.Duration) error {
	a.failures.Count(given.Username, from, now)
	a.o.Failed(f)
	switch {
	case delay > 0:
		return &sesuai.Error{Kind: sesuai.KindRateLimited, RetryAfter: delay}
	case f == FailureNetwork, f == FailureCertificate:
		return &sesuai.Error{Kind: sesuai.KindForbidden}
	default:
		return &sesuai.Error{Kind: sesuai.KindUnauthenticated}
	}
}

// refusal returns why a client with the right credentials is not accepted; "" if it is.
func refusal(c Client, h Hashes, attempt Attempt, now time.Time) Failure {
	if !h.validAt(now) {
		return FailureReplaced
	}
	if failure := c.inactive(now); failure != "" {
		return failure
	}
	if !c.calledFrom(attempt.From) {
		return FailureNetwork
	}
	if !c.boundTo(attempt.Certificate) {
		return FailureCertificate
	}
	return ""
}

func failureOf(a Attempt, found bool) Failure {
	for _, given := range []string{a.Username, a.Password, a.APIKey} {
		if bounded(given) == "" {
			return FailureMissing
		}
	}
	if !found {
		return FailureUnknown
	}
	return FailureWrong
}

func unavailable(err error) error { return &sesuai.Error{Kind: sesuai.KindUnavailable, Err: err} }

// bounded returns s, or "" if s is too long to be a credential.
func bounded(s string) string {
	if len(s) > maxCredential {
		return ""
	}
	return s
}
