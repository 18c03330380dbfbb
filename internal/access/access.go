// Package access decides who may call the service: clients, their credentials,
// scopes and rate limits. It stores clients with keyed hashes of their
// credentials. It leaves HTTP to package httpapi, and applying a client's
// thresholds and policies to package verify.
package access

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access/limit"
)

// Scope is a permission of a client.
type Scope string

// The scopes of the endpoints.
const (
	// FaceVerification allows POST /identity/v1/face-verification.
	FaceVerification Scope = "identity.face_verification"
	// DataVerification allows POST /identity/v1/verification, with every
	// attribute: see DataVerificationOf.
	DataVerification Scope = "identity.verification"
	// FaceMatch allows POST /face/v1/match.
	FaceMatch Scope = "face.match"
	// PassiveLiveness allows POST /face/v1/passive-liveness.
	PassiveLiveness Scope = "face.passive_liveness"
	// Batch allows batches under /identity/v1/batches. Their rows need the scope of
	// their endpoint as well.
	Batch Scope = "identity.batch"
)

// Scopes are the scopes of all endpoints.
var Scopes = [...]Scope{FaceVerification, DataVerification, FaceMatch, PassiveLiveness, Batch}

// DataVerificationOf returns the scope that allows data verifications of one
// attribute, of sesuai.Claimable: identity.verification:address. A client may have
// several. Each allows the attribute alone and together with the others.
func DataVerificationOf(a sesuai.Attribute) Scope { return DataVerification + partOf + Scope(a) }

// partOf stands between the scope of an endpoint and what it is limited to.
const partOf = ":"

// Client is an application that may call the service.
type Client struct {
	// ID identifies the client in audit events. Add generates it.
	ID string
	// Name is the operator's name for the client. It is unique.
	Name   string
	Scopes []Scope
	// Threshold is the minimum percentage of a face: 75 to 100.
	Threshold sesuai.Percentage
	// NameThreshold is the minimum score of a name, 80 to 100: see package name.
	NameThreshold int
	// Precision is how exactly percentages are given, at most: see policy.Disclose.
	Precision sesuai.Precision
	// Rate is the maximum number of requests per second on average, Burst the
	// maximum number at once. Rate 0 is no limit. Burst 0 is the number of
	// requests of one second.
	Rate  float64
	Burst int
	// Limits are its limits of a day, and how many of its requests may be in progress.
	Limits limit.Settings
	// Replay applies to a photograph that was sent before or is the reference
	// portrait. Liveness applies to one that does not look like a photograph of
	// a living person.
	Replay, Liveness Policy
	// Consent is what a request must state of the ground for it.
	Consent ConsentPolicy
	// Networks are where the client may call from. None means anywhere.
	Networks []netip.Prefix
	// Certificates are those that the client may call with. None means that it needs no
	// certificate. It has several while one is replaced by another.
	Certificates []Fingerprint
	// ExpiresAt is when the client is no longer accepted. Zero means never.
	ExpiresAt time.Time
	// Disabled means that the client is not accepted.
	Disabled bool
	// Note is a text of the operator's. It is stored in plain text, and never
	// logged.
	Note string
	// AddedAt is when the client was added.
	AddedAt time.Time
	// PreviousUntil is when the credentials from before the last rotation end. Zero
	// means that there was no rotation.
	PreviousUntil time.Time
}

// Allows reports whether the client has a scope.
func (c Client) Allows(s Scope) bool { return slices.Contains(c.Scopes, s) }

// Hashes are keyed hashes (HMAC-SHA-256) of a client's credentials. Nothing else
// of the credentials is stored.
type Hashes struct {
	Username, Password, APIKey [32]byte
	// Until is when the credentials end, for those from before a rotation. Zero
	// means that they have no end of their own.
	Until time.Time
}

// validAt reports whether the credentials have not ended.
func (h Hashes) validAt(now time.Time) bool { return h.Until.IsZero() || now.Before(h.Until) }

// Clients stores clients. It is safe for concurrent use. Changes are durable when
// a method returns nil. Errors have kind sesuai.KindUnavailable unless stated
// otherwise, with the error of a ctx that has ended in the chain.
type Clients interface {
	// AddClient adds a valid client, with the first credentials. It is stored as
	// Client.Rounded says, and PreviousUntil is ignored. If the name is taken, the
	// error has kind sesuai.KindConflict.
	AddClient(ctx context.Context, c Client, h Hashes) error
	// ClientByUsername returns the client one of whose usernames has that keyed
	// hash, and the hashes of the credentials that the username belongs to, also
	// if they have ended; false if there is none, or none that is stored as it was
	// added.
	ClientByUsername(ctx context.Context, username [32]byte) (Client, Hashes, bool, error)
	// ListClients returns all clients in the order of their names. It is an
	// error if one of them is not stored as it was added.
	ListClients(ctx context.Context) ([]Client, error)
	// ChangeClient has change change the settings of the client of that name, and
	// returns the client with its new settings; false if there is none. The ID, the
	// name, AddedAt, the credentials and PreviousUntil stay as they are. If change
	// fails, with an error of kind sesuai.KindConfiguration, or makes the client
	// invalid, nothing is changed, and the error is that of change or of
	// Client.Validate. Changes and rotations of one client exclude each other.
	ChangeClient(ctx context.Context, name string, change func(*Client) error) (Client, bool, error)
	// RotateClient gives the client of that name new credentials, and returns the
	// client; false if there is none. The credentials so far end when end says,
	// and those before them at once. If end fails, with an error of kind
	// sesuai.KindConflict, nothing is changed, and the error is that of end.
	RotateClient(ctx context.Context, name string, next Hashes, end func(Client) (time.Time, error)) (Client, bool, error)
	// RemoveClient removes the client of that name. It reports whether there was
	// one.
	RemoveClient(ctx context.Context, name string) (bool, error)
	// ListHashes returns the hashes of all credentials that have not ended at that
	// time, in any order. It leaves out those of clients that are disabled, have
	// expired or cannot be read.
	ListHashes(ctx context.Context, at time.Time) ([]Hashes, error)
	// RecordUses records when clients, by their IDs, were last accepted, to the
	// minute. Earlier times than the recorded ones, and IDs of clients that are not
	// there, are ignored. RemoveClient removes what is recorded of a client.
	RecordUses(ctx context.Context, uses map[string]time.Time) error
	// LastUses returns what is recorded. A client of which nothing is recorded, or
	// whose record cannot be read, is left out.
	LastUses(ctx context.Context) (map[string]time.Time, error)
}
