// Package balikan returns data to Dukcapil (data balikan): for each person who
// was verified, the NIK and the number by which the institution knows the
// request. It must not know how what is owed is kept, nor who was verified how;
// and no NIK, token or body of it is ever in a log or an error.
package balikan

import (
	"context"
	"time"

	"github.com/sesuai/sesuai"
)

// Owed is the data of one person that are to be returned.
type Owed struct {
	// ID is the number of the event in the audit trail.
	ID  int64
	NIK sesuai.NIK
	// Customer is the request's id.
	Customer string
	// Tries is how often it was claimed, this time included.
	Tries int
}

// Claim is what one sender has taken out to deliver.
type Claim struct {
	// Token is this claim's, and no other's.
	Token [16]byte
	// Owed are those that were due the longest first.
	Owed []Owed
	// Damaged is how many more were claimed that cannot be read.
	Damaged int
}

// Outbox keeps what is owed until it is delivered. It is safe for concurrent
// use, by several processes, too.
//
// Each is delivered at least once: whoever is killed between the delivery and
// its record has left a claim that ends, after which somebody delivers it again.
//
// Errors are of kind sesuai.KindUnavailable, with ctx's in the chain if it has
// ended. What is written is durable when nil is returned.
type Outbox interface {
	// Claim takes up to n of those that are due, which nobody else is given
	// until the lease has passed.
	Claim(ctx context.Context, n int, lease time.Duration) (Claim, error)

	// Delivered records that they have been delivered, under whatever claim,
	// and forgets their NIKs.
	Delivered(ctx context.Context, ids []int64) error

	// Postpone gives back what is still under that claim, not to be claimed
	// before a moment.
	Postpone(ctx context.Context, token [16]byte, ids []int64, until time.Time) error
}
