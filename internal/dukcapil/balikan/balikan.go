// Package balikan returns data to Dukcapil (data balikan): for each verified
// person the NIK, and the id by which the institution knows the request. It keeps
// them in an outbox and delivers them. It leaves who was verified, and why, to
// its callers. No NIK, token or body ever reaches a log or an error.
package balikan

import (
	"context"
	"time"

	"github.com/sesuai/sesuai"
)

// Pending is a row of the outbox that has not been delivered.
type Pending struct {
	// ID is the number of the event in the audit trail.
	ID  int64
	NIK sesuai.NIK
	// Customer is the request's id.
	Customer string
	// Tries is how often the row was leased, including this time.
	Tries int
}

// Lease is the set of rows that one sender may deliver for some time.
type Lease struct {
	// Token identifies the lease.
	Token [16]byte
	// Rows are in the order in which they became due.
	Rows []Pending
	// Damaged is the number of further rows that were leased and cannot be read.
	Damaged int
}

// Outbox keeps rows until they are delivered. It is safe for concurrent use, by
// several processes too.
//
// Each row is delivered at least once: if a process is killed between a delivery
// and its record, the lease expires and the row is delivered again.
//
// Errors have kind sesuai.KindUnavailable. If the context has ended its error is
// in the chain. What a method has written is durable when it returns nil.
type Outbox interface {
	// Lease leases up to n rows that are due. No one else is given them until
	// the duration has passed.
	Lease(ctx context.Context, n int, d time.Duration) (Lease, error)

	// Delivered records that rows have been delivered, under whatever lease, and
	// erases their NIKs.
	Delivered(ctx context.Context, ids []int64) error

	// Postpone returns rows that are still under the lease. They are due again
	// at the given time.
	Postpone(ctx context.Context, token [16]byte, ids []int64, until time.Time) error
}
