package limit

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/sesuai/sesuai/internal/sqldb"
)

const (
	insertLease = `INSERT INTO limit_leases (id, nik, client, fresh, expires) VALUES ($1, $2, $3, $4, $5)`

	// deleteLeases removes requests in progress.
	deleteLeases = `DELETE FROM limit_leases WHERE id = ANY($1::bytea[])`
)

// commitTimeout bounds a transaction. It keeps a disk that hangs from blocking all that
// come after.
const commitTimeout = 15 * time.Second

// sharedLeases are the requests in progress of all nodes of a PostgreSQL database, as rows.
// Requests that start at the same time share a transaction. Transactions about one NIK, or
// one client, exclude each other. No commit waits for the disk: see the migration.
type sharedLeases struct {
	store      *Store
	starting   *sqldb.Batcher[*starting]
	cancelling *sqldb.Batcher[*Lease]

	mu sync.Mutex
	// failed are the ids of requests whose removal has failed, or their start, after
	// which the row may be there. The next transaction removes them.
	failed [][]byte
}

// maxFailed is the maximum number of ids in sharedLeases.failed. The others expire.
const maxFailed = 10_000

// starting is a request that is being decided.
type starting struct {
	*Lease
	decision decision
}

func newSharedLeases(s *Store) *sharedLeases {
	l := &sharedLeases{store: s}
	l.starting, l.cancelling = sqldb.NewBatcher(l.start), sqldb.NewBatcher(l.cancel)
	return l
}

// try implements leases.
func (s *sharedLeases) try(ctx context.Context, l *Lease) (decision, error) {
	one := &starting{Lease: l}
	err := s.starting.CommitOrCancel(ctx, one)
	return one.decision, err
}

// start decides about requests in one transaction, one after the other.
func (s *sharedLeases) start(all []*starting) error {
	ctx, cancel := context.WithTimeout(context.Background(), commitTimeout)
	defer cancel()
	about := query{limit: maxRead}
	var locks []int64
	for _, l := range all {
		locks = append(locks, l.locks(s.store.o.Secret)...)
		if l.nik != "" {
			about.niks = append(about.niks, l.nik)
		}
		about.clients = append(about.clients, l.client)
	}
	slices.Sort(about.niks)
	slices.Sort(about.clients)
	about.niks, about.clients = slices.Compact(about.niks), slices.Compact(about.clients)
	failed := s.takeFailed()
	err := s.store.o.DB.InTx(ctx, func(tx *sqldb.Tx) error {
		if err := tx.LockAll(ctx, locks); err != nil {
			return err
		}
		if len(failed) > 0 {
			if _, err := tx.ExecContext(ctx, deleteLeases, failed); err != nil {
				return err
			}
		}
		about.now = s.store.o.Now()
		got, err := readStates(ctx, tx, about, selectInProgress, about.now.UnixMicro())
		if err != nil {
			return err
		}
		var rows [][]any
		for _, l := range all {
			fresh := false
			if l.nik != "" && l.limits.NIKsPerDay > 0 {
				if fresh, err = isNew(ctx, tx, l.Lease, about.now); err != nil {
					return err
				}
			}
			if l.decision = got.decide(s.store.o.Config.NIK, l.Lease, about.now, fresh); l.decision.granted() {
				rows = append(rows, []any{
					l.id[:], optional(l.nik), l.client, sqldb.Int(l.fresh), about.now.Add(s.store.o.LeaseAge).UnixMicro(),
				})
			}
		}
		return tx.ExecEach(ctx, insertLease, rows)
	})
	if err != nil {
		for _, l := range all {
			failed = append(failed, l.id[:])
		}
		s.addFailed(failed)
	}
	return err
}

// takeFailed returns the ids of requests that are to be removed, and drops them.
func (s *sharedLeases) takeFailed() [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	failed := s.failed
	s.failed = nil
	return failed
}

// addFailed adds ids of requests that are to be removed.
func (s *sharedLeases) addFailed(ids [][]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failed = append(s.failed, ids[:min(len(ids), maxFailed-len(s.failed))]...)
}

// optional returns the stored bytes of a NIK; nil if there is none.
func optional(nik string) []byte {
	if nik == "" {
		return nil
	}
	return []byte(nik)
}

// cancelTimeout is how long the removal of a request without an event is waited for. If it
// fails, a later transaction removes it.
const cancelTimeout = 3 * time.Second

// remove implements leases. The transaction that completes a request has removed it.
func (s *sharedLeases) remove(l *Lease, completed bool) {
	if completed {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), cancelTimeout)
	defer cancel()
	if err := s.cancelling.Commit(ctx, l); err != nil {
		s.addFailed([][]byte{l.id[:]})
	}
}

// cancel removes requests without an event.
func (s *sharedLeases) cancel(all []*Lease) error {
	ctx, cancel := context.WithTimeout(context.Background(), commitTimeout)
	defer cancel()
	failed := s.takeFailed()
	ids := slices.Clone(failed)
	for _, l := range all {
		ids = append(ids, l.id[:])
	}
	err := s.store.o.DB.InTx(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.ExecContext(ctx, deleteLeases, ids)
		return err
	})
	if err != nil {
		s.addFailed(failed)
	}
	return err
}

// close implements leases.
func (s *sharedLeases) close() {
	s.starting.Close()
	s.cancelling.Close()
}
