// Package ledger says what it is to keep account of calls to an upstream that
// cost money, and what such an account comes to. It must not know what a call
// asks, how it is made, or how the account is kept; and nothing of it holds
// anything about a person.
package ledger

import (
	"context"
	"time"
)

// Service is what is paid for.
type Service string

// The services of Dukcapil.
const (
	DataCheck Service = "data_check"
	FaceCheck Service = "face_check"
)

// Call is one call to an upstream.
type Call struct {
	Service Service
	// Client and RequestID are on whose behalf it is made, as the audit trail
	// has them.
	Client, RequestID string
	// At is when it is begun.
	At time.Time
	// Price is what such a call costs that day if it is billed, in rupiah.
	Price int64
}

// Ending is how a call ended.
type Ending struct {
	// Class is the class of the answer, or of the failure: a word of the
	// registry's, such as found, quota or timeout.
	Class string
	// Billable is whether such an answer is billed.
	Billable bool
	// Duration is how long the call took.
	Duration time.Duration
}

// Ledger keeps account of calls. It is safe for concurrent use.
//
// A call is on record before it is made and its ending after, so that no call
// is made that is not on record, whenever the process is killed. One without an
// ending may have been made and billed, or not: Usage counts them apart.
//
// Errors are of kind sesuai.KindUnavailable, with ctx's in the chain if it has
// ended.
type Ledger interface {
	// Begin records that the call is about to be made. When it returns nil
	// that is durable; if it fails the call must not be made.
	Begin(ctx context.Context, c Call) (id int64, err error)

	// End records how the call of that id ended. It may do so shortly after it
	// returns, so that it costs no wait for the disk: killed in between, the
	// call is one without an ending. The first ending stays, and an id that
	// Begin has not given changes nothing.
	End(ctx context.Context, id int64, e Ending) error

	// Withdraw takes the call of that id off the account: it was not made, and
	// will not be. It is as End is.
	Withdraw(ctx context.Context, id int64) error
}
