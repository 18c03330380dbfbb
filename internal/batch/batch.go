// Package batch is the use case of many verifications in one upload. Their rows are
// stored sealed until they are answered, worked by jobs, and answered as single calls
// would be. It leaves what a row means and how it is answered to package httpapi, and
// when jobs run to package jobs.
package batch

import (
	"context"
	"crypto/rand"
	"strings"
	"time"

	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/sqldb"
)

// Endpoint is the endpoint whose verifications a batch is made of.
type Endpoint string

// The endpoints. They are those of the audit trail.
const (
	FaceVerification Endpoint = "face_verification"
	DataVerification Endpoint = "data_verification"
)

// State is what becomes of a batch.
type State string

// The states of a batch, in their order.
const (
	// Receiving: rows are being stored. The batch is shown to nobody yet. If that is
	// not finished it is removed.
	Receiving State = "receiving"
	Running   State = "running"
	Finished  State = "finished"
	// Removed: it is being removed, and is shown to nobody.
	Removed State = "removed"
)

// Outcome is how a row is counted.
type Outcome uint8

// The outcomes. Their numbers are stored.
const (
	Pending Outcome = iota
	Verified
	NotVerified
	// Rejected: the row got no verdict. Its answer says why.
	Rejected
)

// Batch is what is known of a batch.
type Batch struct {
	// ID identifies the batch to its client. It has letters only, so that the ids
	// of its rows, which end in the line, are not taken for ids with a NIK.
	ID       string
	Client   string // the client's ID
	Endpoint Endpoint
	State    State
	// CreatedAt is when it was accepted. StartedAt is when the first row was
	// started, FinishedAt when the last one was answered; zero until then.
	CreatedAt, StartedAt, FinishedAt time.Time
	// Total is the number of rows.
	Total int

	number int64
}

// Counts counts the rows of a batch by their outcomes.
type Counts struct {
	Verified, NotVerified, Rejected int
	pending                         int
}

// Done is the number of rows that are answered.
func (c Counts) Done() int { return c.Verified + c.NotVerified + c.Rejected }

// Row is a row as it was sent.
type Row struct {
	// Line is its line in the file.
	Line int `json:"-"`
	// Fields are the fields of the request, by their names on the wire, without
	// the photograph.
	Fields map[string]string `json:"fields"`
	// Photo is the photograph; nil if there is none.
	Photo []byte `json:"-"`
}

// ReferenceField is the field with the client's own id of a row.
const ReferenceField = "reference_id"

// Reply is how a row is answered: the status and the body of the response to a single
// call.
type Reply struct {
	Status int    `json:"status"`
	Body   []byte `json:"body"`
}

// Answer is the stored answer of a row.
type Answer struct {
	Line int `json:"-"`
	// Request is the id of the verification, and Reference the client's own for
	// it; "" if there is none.
	Request   string  `json:"request"`
	Reference string  `json:"reference,omitempty"`
	Outcome   Outcome `json:"-"`
	Reply
}

// Call is a verification of a row.
type Call struct {
	Client   access.Client
	Endpoint Endpoint
	// Request is its id.
	Request string
	Row     Row
	Keep    Keep
}

// Keep stores a reply in the transaction that records the verification. If it returns
// false another reply has been stored, or the row was removed, and the verification is
// not to be recorded. With replace, the same transaction has stored another reply, which
// this one replaces.
type Keep func(ctx context.Context, tx *sqldb.Tx, reply Reply, replace bool) (bool, error)

// With returns what stores that reply; nil if k is nil.
func (k Keep) With(reply Reply) func(ctx context.Context, tx *sqldb.Tx, replace bool) (bool, error) {
	if k == nil {
		return nil
	}
	return func(ctx context.Context, tx *sqldb.Tx, replace bool) (bool, error) { return k(ctx, tx, reply, replace) }
}

// Verifier answers rows as the endpoints answer single calls.
type Verifier interface {
	// VerifyRow verifies a row and returns how it is answered. If the
	// verification was recorded, Keep was called in its transaction. If there is
	// no answer now, but may be later, the error says why and has kind
	// sesuai.KindUnavailable, KindOverloaded or KindInternal: the reply is that
	// of the failure.
	VerifyRow(ctx context.Context, c Call) (Reply, error)
}

// RequestID returns the id of the verification of a line.
func (b Batch) RequestID(line int) string { return b.ID + "-" + itoa(line) }

// newID returns a new id of a batch, of at least 120 random bits.
func newID() string {
	// rand.Text has 26 characters of A to Z and 2 to 7.
	return "batch-" + strings.Map(func(c rune) rune {
		if '2' <= c && c <= '7' {
			return 'a' + c - '2'
		}
		return c
	}, rand.Text())
}
