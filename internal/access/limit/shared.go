package limit

import (
	"context"
	"database/sql"
	"slices"
	"time"

	"github.com/sesuai/sesuai/internal/sqldb"
)

const (
	insertLease = `INSERT INTO limit_leases (id, nik, client, fresh, expires) VALUES ($1, $2, $3, $4, $5)`

	// deleteLeases removes requests in progress.
	deleteLeases = `DELETE FROM limit_leases WHERE id = ANY($1::bytea[])`

	// selectLeases reads the requests in progress on NIKs, and the numbers of those of
	// clients, and of the fresh NIKs among them.
	selectLeases = `
		SELECT nik, client, 0::bigint, 0::bigint FROM limit_leases WHERE nik = ANY($1::bytea[]) AND expires > $3
		UNION ALL
		SELECT NULL, client, count(*), count(DISTINCT nik) FILTER (WHERE fresh = 1) FROM limit_leases
		WHERE client = ANY($2::text[]) AND expires > $3 GROUP BY client`
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
}

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
	return s.store.o.DB.InTx(ctx, func(tx *sqldb.Tx) error {
		if err := tx.LockAll(ctx, locks); err != nil {
			return err
		}
		about.now = s.store.o.Now()
		got, err := s.read(ctx, tx, about)
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
}

// optional returns the stored bytes of a NIK; nil if there is none.
func optional(nik string) []byte {
	if nik == "" {
		return nil
	}
	return []byte(nik)
}

// read reads states with the requests in progress. Those are read first: what is completed
// meanwhile counts twice, for this moment, and never not at all.
func (s *sharedLeases) read(ctx context.Context, tx *sqldb.Tx, about query) (states, error) {
	type row struct {
		nik               []byte
		client            string
		leases, freshNIKs int
	}
	niks := make([][]byte, len(about.niks))
	for i, nik := range about.niks {
		niks[i] = []byte(nik)
	}
	leases, err := sqldb.Collect(ctx, tx, func(rows *sql.Rows) (r row, err error) {
		return r, rows.Scan(&r.nik, &r.client, &r.leases, &r.freshNIKs)
	}, selectLeases, niks, about.clients, about.now.UnixMicro())
	if err != nil {
		return states{}, err
	}
	got, err := s.store.read(ctx, sqldb.PostgreSQL, tx, about)
	if err != nil {
		return states{}, err
	}
	for _, r := range leases {
		if r.nik != nil {
			got.niks[string(r.nik)] = append(got.niks[string(r.nik)], counted{client: r.client, kind: leased})
		} else if client := got.clients[r.client]; client != nil {
			client.leases, client.newNIKs = r.leases, r.freshNIKs
		}
	}
	return got, nil
}

// cancelTimeout is how long the removal of a request without an event may take. If it
// fails, the request expires.
const cancelTimeout = 3 * time.Second

// remove implements leases. The transaction that completes a request has removed it.
func (s *sharedLeases) remove(l *Lease, completed bool) {
	if completed {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), cancelTimeout)
	defer cancel()
	_ = s.cancelling.Commit(ctx, l)
}

// cancel removes requests without an event.
func (s *sharedLeases) cancel(all []*Lease) error {
	ctx, cancel := context.WithTimeout(context.Background(), commitTimeout)
	defer cancel()
	ids := make([][]byte, len(all))
	for i, l := range all {
		ids[i] = l.id[:]
	}
	return s.store.o.DB.InTx(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.ExecContext(ctx, deleteLeases, ids)
		return err
	})
}

// close implements leases.
func (s *sharedLeases) close() {
	s.starting.Close()
	s.cancelling.Close()
}
