// Package access decides who may call: clients, their credentials, scopes and
// limits. It must not know HTTP, nor how clients are stored.
package access

import (
	"context"
	"time"

	"github.com/sesuai/sesuai"
)

// Scope is something that a client may be allowed to do.
type Scope string

// FaceVerification allows POST /identity/v1/face-verification.
const FaceVerification Scope = "identity.face_verification"

// Scopes lists every scope there is.
var Scopes = [...]Scope{FaceVerification}

// Client is an application that may call the service.
type Client struct {
	// ID is made when the client is added and is what audit events carry.
	ID string
	// Name is the operator's name for it; unique.
	Name   string
	Scopes []Scope
	// Threshold is the percentage that a face must reach: 75 to 100.
	Threshold sesuai.Percentage
	// NameMark is the agreement that a name must reach: 80 to 100.
	NameMark int
	// Rate is how many requests a second are let through on average, Burst
	// how many at once. Rate 0 is no limit, Burst 0 one second's worth.
	Rate  float64
	Burst int
	// Replay is what is done about a photograph that was sent before, or is
	// that of the reference portrait; Liveness about one that does not look
	// like a living person's.
	Replay, Liveness Policy
	// AddedAt is when the client was added.
	AddedAt time.Time
}

// Allows reports whether the client has the scope.
func (c Client) Allows(s Scope) bool {
	for _, have := range c.Scopes {
		if have == s {
			return true
		}
	}
	return false
}

// Hashes are keyed hashes (HMAC-SHA-256) of a client's credentials: all that
// is stored of them.
type Hashes struct {
	Username, Password, APIKey [32]byte
}

// Clients is where clients are kept. It is safe for concurrent use. Errors
// have kind sesuai.KindUnavailable, but where said otherwise.
type Clients interface {
	// AddClient keeps a new client. A name that is taken is an error of kind
	// sesuai.KindConflict.
	AddClient(ctx context.Context, c Client, h Hashes) error
	// ClientByUsername finds the client by the keyed hash of its user name;
	// false if there is none.
	ClientByUsername(ctx context.Context, username [32]byte) (Client, Hashes, bool, error)
	// ListClients returns all clients by name.
	ListClients(ctx context.Context) ([]Client, error)
	// RemoveClient removes the client of that name and reports whether there
	// was one.
	RemoveClient(ctx context.Context, name string) (bool, error)
}
