package batch

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/answer"
	"github.com/sesuai/sesuai/internal/jobs"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/sqldb"
)

// MaxListed is the maximum number of batches that List returns.
const MaxListed = 100

// Options are what a Service is made of.
type Options struct {
	Config
	DB   *sqldb.DB
	Jobs *jobs.Queue
	// Keys stores the answers of uploads with an idempotency key; nil if no upload has one.
	Keys *answer.Store
	// Secret seals rows and answers. No rotation of the master key changes it.
	Secret *keyring.Secret
	// Clients are those that there are now.
	Clients Clients
	// Limiter is that of the API; nil for no limit.
	Limiter Limiter
	// Finished is called in the transaction in which a batch is finished, to add what
	// follows from that; nil for nothing. An error prevents it.
	Finished func(ctx context.Context, tx *sqldb.Tx, b Batch, c Counts) error
	// Removed is called in each transaction that removes rows of a table for their age,
	// also if there were none. It may be nil.
	Removed func(ctx context.Context, tx *sqldb.Tx, table string, rows int64) error
	// Alert is called with the name of the table when a row is not as the program
	// wrote it. It may be nil.
	Alert func(table string)
	// CheckClock returns an error while the clock may be wrong. Then no batch is removed
	// for its age. It may be nil.
	CheckClock func(context.Context) error
	// Now is the clock; time.Now if nil.
	Now func() time.Time
}

// Clients lists the clients; access.Clients implements it.
type Clients interface {
	ListClients(ctx context.Context) ([]access.Client, error)
}

// Limiter limits the rates of clients; *access.Limiter implements it.
type Limiter interface {
	AllowInBackground(ctx context.Context, c access.Client) error
}

// Service is the batches of a database. It is safe for concurrent use, by several
// processes too. Errors have kind sesuai.KindUnavailable unless stated otherwise.
type Service struct {
	o     Options
	store store
}

// New returns a Service.
func New(o Options) *Service {
	if o.Alert == nil {
		o.Alert = func(string) {}
	}
	if o.Removed == nil {
		o.Removed = func(context.Context, *sqldb.Tx, string, int64) error { return nil }
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.CheckClock == nil {
		o.CheckClock = func(context.Context) error { return nil }
	}
	return &Service{o, store{o.DB, o.Secret, o.Alert}}
}

// now is the time, to a microsecond.
func (s *Service) now() time.Time { return s.o.Now().Truncate(time.Microsecond) }

// Get returns a batch of a client that has been received, and its counts. The error has kind
// sesuai.KindNothingFound if the client has no batch with this id.
func (s *Service) Get(ctx context.Context, client, id string) (Batch, Counts, error) {
	b, ok, err := s.store.one(ctx, s.o.DB.Read(), selectBatch, id)
	if err != nil {
		return Batch{}, Counts{}, s.store.unavailable(ctx, "reading a batch", "batches", err)
	}
	if !ok || b.Client != client || b.State != Running && b.State != Finished {
		return Batch{}, Counts{}, &sesuai.Error{Kind: sesuai.KindNothingFound}
	}
	c, err := s.store.counts(ctx, s.o.DB.Read(), b)
	if errors.Is(err, errAltered) {
		// Rows are missing. They may have been removed since the batch was read.
		now, ok, again := s.store.one(ctx, s.o.DB.Read(), selectBatch, id)
		if again == nil && (!ok || now.State == Removed) {
			return Batch{}, Counts{}, &sesuai.Error{Kind: sesuai.KindNothingFound}
		}
	}
	return b, c, s.store.unavailable(ctx, "counting rows of a batch", "batch_rows", err)
}

// List returns the batches of a client that have been received, the latest first, at most
// MaxListed.
func (s *Service) List(ctx context.Context, client string) ([]Batch, error) {
	all, err := sqldb.Collect(ctx, s.o.DB.Read(), func(rows *sql.Rows) (Batch, error) { return s.store.scan(rows) }, selectClient, client, MaxListed)
	return all, s.store.unavailable(ctx, "listing batches", "batches", err)
}

// Answers returns up to limit answers of lines after one, in the order of the lines.
func (s *Service) Answers(ctx context.Context, b Batch, after, limit int) ([]Answer, error) {
	all, err := s.store.answers(ctx, b, after, limit)
	return all, s.store.unavailable(ctx, "reading answers of a batch", "batch_rows", err)
}

// Remove stops a batch of a client and removes all of it. The error is that of Get if
// there is none.
func (s *Service) Remove(ctx context.Context, client, id string) error {
	b, _, err := s.Get(ctx, client, id)
	if err != nil {
		return err
	}
	return s.remove(context.WithoutCancel(ctx), b)
}

const (
	// removeRows is how many rows one transaction removes: others wait for it on
	// SQLite.
	removeRows = 100
	// removeTimeout bounds the removal of a batch. A sweep removes what remains.
	removeTimeout = 30 * time.Second
)

// remove removes a batch in several transactions. The first one stops it.
func (s *Service) remove(ctx context.Context, b Batch) error {
	ctx, cancel := context.WithTimeout(ctx, removeTimeout)
	defer cancel()
	b.State = Removed
	err := s.o.DB.InTx(ctx, func(tx *sqldb.Tx) error {
		if err := s.store.lock(ctx, tx, b.ID); err != nil {
			return err
		}
		return s.store.update(ctx, tx, b)
	})
	for more := true; more && err == nil; {
		err = s.o.DB.InTx(ctx, func(tx *sqldb.Tx) error {
			result, err := tx.ExecContext(ctx, deleteRows, b.number, removeRows)
			if err != nil {
				return err
			}
			n, err := result.RowsAffected()
			if more = n == removeRows; more || err != nil {
				return err
			}
			_, err = tx.ExecContext(ctx, deleteBatch, b.number)
			return err
		})
	}
	if err != nil {
		return sqldb.Unavailable(ctx, "removing a batch", err)
	}
	s.o.DB.Scrub(ctx)
	return nil
}

// client returns the client with that ID as it is now; false if there is none.
func (s *Service) client(ctx context.Context, id string) (access.Client, bool, error) {
	all, err := s.o.Clients.ListClients(ctx)
	for _, c := range all {
		if c.ID == id {
			return c, true, err
		}
	}
	return access.Client{}, false, err
}
