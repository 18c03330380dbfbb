// Package answer keeps the answers that clients were given, so that a client can
// look one up by the request's id or by an id of its own. An answer is stored sealed,
// by the transaction that appends its event to the audit trail. The package leaves it
// to its callers what an answer says and who may see it. It stores nothing of what
// was claimed.
package answer

import (
	"context"
	"time"

	"github.com/sesuai/sesuai/internal/sqldb"
)

// DefaultMaxAge is the default of StoreOptions.MaxAge.
const DefaultMaxAge = 30 * 24 * time.Hour

// MaxFound is the maximum number of answers that a look-up returns.
const MaxFound = 100

// Answer is an answer as the client got it.
type Answer struct {
	// Request is the request's id, as in the response.
	Request string
	// Reference is the client's own id for the request; "" if it gave none.
	Reference string
	// Status is the HTTP status, Body the body, byte for byte.
	Status int
	Body   []byte
	// Basis is what the answer was given on; the zero Basis if that is not known.
	Basis Basis
	// Keep, if not nil, stores the answer elsewhere as well, in the transaction that
	// appends its event. If it returns false, another one has been stored there, and
	// neither the event nor the answer is. It may be called more than once: replace is
	// set if the same transaction has stored another answer, which this one replaces. An
	// error is that of the database.
	Keep func(ctx context.Context, tx *sqldb.Tx, replace bool) (bool, error)
	// Key is the idempotency key that the client gave its request; nil if it gave none.
	// It is not part of what is stored, and nil in what is found.
	Key *Reservation
}

// Basis is what an answer was given on, for its signature.
type Basis struct {
	// Time is when the verification started, in microseconds. It is zero in answers that
	// were stored by a version without signatures.
	Time time.Time
	// Threshold is what the percentage was compared with: 0 to 100, or, of passive
	// liveness, the minimum liveness, 0 to 1. It is 0 where there is none.
	Threshold float64
	// Model made the templates that were compared, and Calibration gave the
	// percentage. They are "" if no faces were compared.
	Model, Calibration string
	// Images are the images that were sent, in the order of the fields.
	Images []Image
}

// Image is an image that was sent.
type Image struct {
	// Field is the name of its field.
	Field string
	// SHA256 is the hash of the file.
	SHA256 [32]byte
}

// Row is an answer with what its event in the audit trail says, too.
type Row struct {
	// Seq is the number of the event in the audit trail.
	Seq int64
	// At is when the verification started, in microseconds.
	At time.Time
	// Client is the client's ID, Endpoint the name of what it asked for.
	Client, Endpoint string
	Answer
}

// Found are the answers that a look-up found, the latest first.
type Found struct {
	// Rows are at most MaxFound.
	Rows []Row
	// More reports whether there are others.
	More bool
}

// Answers finds the answers that a client was given. It is safe for concurrent use,
// by several processes too.
//
// An answer of another client, one that is older than the maximum age and one that
// never was are alike: they are not found, which is no error. Errors have kind
// sesuai.KindUnavailable: it is not known whether there are any. One of them is that
// a row is not as the program wrote it. If the context has ended its error is in the
// chain.
type Answers interface {
	// ByRequest finds answers by the request's id.
	ByRequest(ctx context.Context, client, id string) (Found, error)
	// ByReference finds answers by the client's own id.
	ByReference(ctx context.Context, client, reference string) (Found, error)
}
