// Package recorder commits what a verification leaves behind, in one
// transaction: its event in the audit trail and, if the person was verified, the
// row that returns the data to Dukcapil. Verifications that end at the same time
// share the transaction. It leaves the tables to the packages that own them, and
// which event a verification has to package verify.
package recorder

import (
	"context"
	"time"

	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/dukcapil/balikan"
	"github.com/sesuai/sesuai/internal/sqldb"
)

// commitTimeout bounds a transaction. Callers have deadlines of their own. This
// one keeps a disk that hangs from blocking the writing connection for ever.
const commitTimeout = 15 * time.Second

// Outbox stores the data that is to be returned to Dukcapil.
type Outbox interface {
	// AddTx adds rows in a transaction, at least one. Each has the number of an
	// event that the same transaction appends.
	AddTx(ctx context.Context, tx *sqldb.Tx, rows []balikan.Row) error
}

// Options are what a Recorder is made of.
type Options struct {
	// DB is the database of Trail and Outbox.
	DB    *sqldb.DB
	Trail *audit.Trail
	// Outbox is nil if no data is returned to Dukcapil.
	Outbox Outbox
}

// Recorder is the audit.Log of a service. It is safe for concurrent use.
type Recorder struct {
	o       Options
	batcher *sqldb.Batcher[audit.Event]
}

var _ audit.Log = (*Recorder)(nil)

// New starts a Recorder. The caller must close it, before the database.
func New(o Options) *Recorder {
	r := &Recorder{o: o}
	r.batcher = sqldb.NewBatcher(r.commit)
	return r
}

// Append implements audit.Log. If a transaction fails, none of its events is
// recorded.
func (r *Recorder) Append(ctx context.Context, e audit.Event) error {
	if err := r.batcher.Commit(ctx, e); err != nil {
		return sqldb.Unavailable(ctx, "recording an event", err)
	}
	return nil
}

// Close returns when the events that wait are committed. Append fails from then
// on.
func (r *Recorder) Close() { r.batcher.Close() }

func (r *Recorder) commit(events []audit.Event) error {
	ctx, cancel := context.WithTimeout(context.Background(), commitTimeout)
	defer cancel()
	return r.o.DB.InTx(ctx, func(tx *sqldb.Tx) error {
		first, err := r.o.Trail.AppendTx(ctx, tx, events)
		if err != nil || r.o.Outbox == nil {
			return err
		}
		var rows []balikan.Row
		for i, e := range events {
			if e.Result == audit.Verified {
				rows = append(rows, balikan.Row{Seq: first + int64(i), At: e.Time, Customer: e.RequestID, NIK: e.NIK})
			}
		}
		if len(rows) == 0 {
			return nil
		}
		return r.o.Outbox.AddTx(ctx, tx, rows)
	})
}
