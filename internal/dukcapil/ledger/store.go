package ledger

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/sqldb"
)

const (
	insertCall = `
		INSERT INTO upstream_calls (at, day, client, request_id, service, price, billable, duration, mac)
		VALUES ($1, $2, $3, $4, $5, $6, 0, 0, $7) RETURNING id`

	completeCall = `
		UPDATE upstream_calls SET class = $1, billable = $2, duration = $3, mac = $4 WHERE id = $5 AND class IS NULL`

	cancelCall = `DELETE FROM upstream_calls WHERE id = $1 AND class IS NULL`
)

const (
	// writeTimeout bounds one transaction, so that a stuck disk does not hold
	// the writing connection for ever.
	writeTimeout = 15 * time.Second
	// completeDelay is the maximum delay of a completion. It is written earlier
	// if a call starts meanwhile.
	completeDelay = 100 * time.Millisecond
	// retryDelay is the delay before completions that could not be written are
	// tried again. maxCompletions of them are kept; calls beyond that stay
	// without one.
	retryDelay     = time.Second
	maxCompletions = 100_000
)

// StoreOptions are what a Store is made of. DB and Rows are required.
type StoreOptions struct {
	// DB has the tables of Migrations.
	DB *sqldb.DB
	// Rows makes the MACs of the entries.
	Rows *keyring.Secret
	// Removed is called in each transaction that removes rows of a table for their age,
	// also if there were none. It may be nil.
	Removed func(ctx context.Context, tx *sqldb.Tx, table string, rows int64) error
	// Alert is called with the name of the table when Usage reads a row that is not
	// as the program wrote it. It may be nil.
	Alert func(table string)
}

// Store is the CallLog in a database. The entries of calls that start at the
// same time share one transaction. Completions go with the next such
// transaction, so that a verification with two calls waits for the disk twice
// and not four times.
type Store struct {
	o      StoreOptions
	starts *sqldb.Batcher[*starting]

	mu       sync.Mutex
	inFlight map[int64]Call // that have started and not ended
	updates  []update
	timer    *time.Timer // nil before the first update
	armed    bool        // timer runs
	isClosed bool
}

// starting is a call that Start waits for. A nil one writes the updates.
type starting struct {
	call  Call
	id    int64 // once state is started
	state atomic.Int32
}

// The states of a starting call. The first of started and cancelled stays.
const (
	waiting int32 = iota
	started
	cancelled
)

// update is the completion of a call, or its cancellation.
type update struct {
	id         int64
	call       Call
	completion *Completion // nil: cancelled
}

var _ CallLog = (*Store)(nil)

// NewStore opens the call log of a database. The caller must close it before
// the database. The error has kind sesuai.KindUnavailable.
func NewStore(ctx context.Context, o StoreOptions) (*Store, error) {
	if o.Alert == nil {
		o.Alert = func(string) {}
	}
	if err := o.DB.PrepareHot(ctx, insertCall, completeCall, cancelCall); err != nil {
		return nil, err
	}
	s := &Store{o: o, inFlight: make(map[int64]Call)}
	s.starts = sqldb.NewBatcher(s.commit)
	return s, nil
}

// Close writes the updates. Those that cannot be written are lost: their calls
// have no completion.
func (s *Store) Close() {
	s.mu.Lock()
	s.isClosed = true
	if s.timer != nil {
		s.timer.Stop()
	}
	s.mu.Unlock()
	s.starts.Close()
	_ = s.commit(nil)
}

// Start implements CallLog.
func (s *Store) Start(ctx context.Context, c Call) (int64, error) {
	p := &starting{call: c}
	err := s.starts.Commit(ctx, p)
	// The entry may be durable although ctx has ended. Otherwise commit removes
	// it again if it has yet to be written.
	if err != nil && p.state.CompareAndSwap(waiting, cancelled) {
		return 0, sqldb.Unavailable(ctx, "recording a call", err)
	}
	return p.id, nil
}

// Complete implements CallLog.
func (s *Store) Complete(_ context.Context, id int64, c Completion) error {
	s.end(id, &c)
	return nil
}

// Cancel implements CallLog.
func (s *Store) Cancel(_ context.Context, id int64) error {
	s.end(id, nil)
	return nil
}

// end ends a call that is in flight; with no completion it was cancelled.
func (s *Store) end(id int64, c *Completion) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if call, ok := s.inFlight[id]; ok {
		delete(s.inFlight, id)
		s.keep(append(s.updates, update{id, call, c}), completeDelay)
	}
}

// keep replaces the updates and has them written after a delay. s.mu is held.
func (s *Store) keep(updates []update, delay time.Duration) {
	s.updates = updates[max(0, len(updates)-maxCompletions):]
	if len(s.updates) == 0 || s.armed || s.isClosed {
		return
	}
	s.armed = true
	s.timer = time.AfterFunc(delay, func() {
		s.mu.Lock()
		s.armed = false
		s.mu.Unlock()
		_ = s.flush(context.Background()) // updates that fail are tried again
	})
}

// flush writes the updates.
func (s *Store) flush(ctx context.Context) error { return s.starts.Commit(ctx, nil) }

// takeUpdates removes the updates of one transaction.
func (s *Store) takeUpdates() []update {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := min(len(s.updates), 4*sqldb.MaxBatch)
	taken := s.updates[:n:n]
	s.updates = append([]update(nil), s.updates[n:]...)
	return taken
}

// commit writes a batch of entries and the updates. If it fails no call has
// started, and the updates are kept.
func (s *Store) commit(batch []*starting) error {
	updates := s.takeUpdates()
	err := s.write(batch, updates)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.keep(append(updates, s.updates...), retryDelay)
		return err
	}
	for _, p := range batch {
		switch {
		case p == nil || p.id == 0:
		case p.state.CompareAndSwap(waiting, started):
			s.inFlight[p.id] = p.call
		default:
			s.updates = append(s.updates, update{p.id, p.call, nil})
		}
	}
	s.keep(s.updates, completeDelay)
	return nil
}

// write runs one transaction. It sets the ids of the calls that it inserts.
func (s *Store) write(batch []*starting, updates []update) error {
	var starts []*starting
	for _, p := range batch {
		if p != nil && p.state.Load() == waiting {
			starts = append(starts, p)
		}
	}
	if len(starts)+len(updates) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), writeTimeout)
	defer cancel()
	return s.o.DB.InTx(ctx, func(tx *sqldb.Tx) error {
		// Updates come first: SQLite reuses the id of a deleted row, and an
		// update that is written a second time must not meet another call.
		for _, u := range updates {
			var err error
			if c := u.completion; c == nil {
				_, err = tx.ExecContext(ctx, cancelCall, u.id)
			} else {
				row := newRow(u.call).completed(u.id, *c)
				_, err = tx.ExecContext(ctx, completeCall, c.Class, row.billable, row.duration, row.sum(s.o.Rows), u.id)
			}
			if err != nil {
				return err
			}
		}
		for _, p := range starts {
			row := newRow(p.call)
			if err := tx.QueryRowContext(ctx, insertCall,
				row.at, int64(row.day), row.client, row.requestID, string(row.service), row.price, row.sum(s.o.Rows),
			).Scan(&p.id); err != nil {
				return err
			}
		}
		return nil
	})
}
