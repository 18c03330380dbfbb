// Package ledger keeps the log of calls to an upstream that cost money, and
// computes from it what they cost. It leaves what a call asks, and how it is
// made, to its callers. It holds nothing about a person.
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
	// Client and RequestID identify the caller, as in the audit trail.
	Client, RequestID string
	// At is when the call starts.
	At time.Time
	// Price is what the call costs if it is billed, in rupiah.
	Price int64
}

// Completion is how a call ended.
type Completion struct {
	// Class is the class of the answer or of the failure: a word of the
	// registry's, such as found, quota or timeout.
	Class string
	// Billable is whether such an answer is billed.
	Billable bool
	// Duration is how long the call took.
	Duration time.Duration
}

// CallLog records calls. It is safe for concurrent use.
//
// A call is recorded before it is made and its completion afterwards, so that
// every call that is made is in the log, whenever the process is killed. A call
// without a completion may have been made and billed, or not: see Counts.Unknown.
//
// Errors have kind sesuai.KindUnavailable. If the context has ended its error is
// in the chain.
type CallLog interface {
	// Start records a call that is about to be made. It returns nil once the
	// entry is durable. If it fails the call must not be made.
	Start(ctx context.Context, c Call) (id int64, err error)

	// Complete records how the call ended. It may write that shortly after it
	// returns, so that no caller waits for the disk: if the process is killed in
	// between, the call has no completion. The first completion of a call stays.
	// An id that Start has not returned changes nothing.
	Complete(ctx context.Context, id int64, c Completion) error

	// Cancel removes a call that was not made and will not be. Like Complete, it
	// may write that shortly after it returns. It changes nothing about a call
	// that has a completion.
	Cancel(ctx context.Context, id int64) error
}
