package limit

import (
	"context"
	"crypto/rand"
	"database/sql"
	"time"

	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/sqldb"
)

// maxRead is the maximum number of rows that are read about a NIK: so many that
// MaxPrior misses are among them.
const maxRead = MaxPrior + FreeRefusals

const (
	insertMiss = `INSERT INTO limit_misses (nik, at, id, client, kind) VALUES ($1, $2, $3, $4, $5)`

	selectMisses = `SELECT kind FROM limit_misses WHERE nik = $1 AND at > $2 ORDER BY at DESC LIMIT $3`

	// selectMissesOf is selectMisses for several NIKs. SQLite has no such query, and a
	// round trip costs nothing there.
	selectMissesOf = `
		SELECT asked.nik, m.kind FROM unnest($1::bytea[]) AS asked(nik)
		CROSS JOIN LATERAL (SELECT kind FROM limit_misses WHERE nik = asked.nik AND at > $2 ORDER BY at DESC LIMIT $3) AS m`
)

// StoreOptions are what a Store is made of. DB and Secret are required.
type StoreOptions struct {
	DB *sqldb.DB
	// Secret hashes NIKs. No rotation of the master key changes it.
	Secret *keyring.Secret
	// Now is the clock; time.Now if nil.
	Now func() time.Time
}

// Store counts in a database. It is safe for concurrent use.
type Store struct {
	o StoreOptions
}

// NewStore opens the counters of a database that has the tables of Migrations. The error
// has kind sesuai.KindUnavailable.
func NewStore(ctx context.Context, o StoreOptions) (*Store, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	hot := []string{insertMiss, selectMisses}
	if o.DB.Engine() == sqldb.PostgreSQL {
		hot = append(hot, selectMissesOf)
	}
	if err := o.DB.PrepareHot(ctx, hot...); err != nil {
		return nil, err
	}
	return &Store{o}, nil
}

// Lease is a request in progress.
type Lease struct {
	id     [idSize]byte
	client string
	nik    string // the stored bytes; "" if the request is about nobody
}

// The numbers of bytes that are stored of a lease's id and of the keyed hash of a NIK.
const (
	idSize   = 16
	hashSize = 16
)

// Start starts a request. The caller must complete the lease, by recording its event, or
// cancel it.
func (s *Store) Start(_ context.Context, r Request) (*Lease, error) {
	l := &Lease{client: r.Client}
	_, _ = rand.Read(l.id[:]) // crypto/rand never fails
	if !r.NIK.IsZero() {
		sum := s.o.Secret.Hash(keyring.Bind("limit_misses.nik", []byte(r.NIK.Reveal())))
		l.nik = string(sum[:hashSize])
	}
	return l, nil
}

// Cancel ends a request that has no event. A nil Lease has nothing to cancel.
func (l *Lease) Cancel() {}

// Counting completes leases in a transaction, one after the other. It is not safe for
// concurrent use.
type Counting struct {
	store   *Store
	tx      *sqldb.Tx
	now     time.Time
	tallies map[string]*tally // by NIK
	rows    [][]any
}

// CountTx starts to complete leases in a transaction, which must exclude all others that
// do so. A lease may be nil. The error is that of the database.
func (s *Store) CountTx(ctx context.Context, tx *sqldb.Tx, leases []*Lease) (*Counting, error) {
	c := &Counting{store: s, tx: tx, now: s.o.Now(), tallies: make(map[string]*tally)}
	var niks [][]byte
	for _, l := range leases {
		if l == nil || l.nik == "" || c.tallies[l.nik] != nil {
			continue
		}
		c.tallies[l.nik] = new(tally)
		niks = append(niks, []byte(l.nik))
	}
	return c, c.read(ctx, niks)
}

// read reads the tallies of NIKs.
func (c *Counting) read(ctx context.Context, niks [][]byte) error {
	since := c.now.Add(-Day).UnixMicro()
	if c.tx.Engine() == sqldb.PostgreSQL && len(niks) > 1 {
		_, err := sqldb.Collect(ctx, c.tx, func(rows *sql.Rows) (struct{}, error) {
			var nik []byte
			var k kind
			err := rows.Scan(&nik, &k)
			if t := c.tallies[string(nik)]; t != nil {
				t.add(k)
			}
			return struct{}{}, err
		}, selectMissesOf, niks, since, maxRead)
		return err
	}
	for _, nik := range niks {
		kinds, err := sqldb.Collect(ctx, c.tx, func(rows *sql.Rows) (k kind, err error) { return k, rows.Scan(&k) },
			selectMisses, nik, since, maxRead)
		if err != nil {
			return err
		}
		for _, k := range kinds {
			c.tallies[string(nik)].add(k)
		}
	}
	return nil
}

// Prior returns what is known before a lease is completed. It is zero for a nil one.
func (c *Counting) Prior(l *Lease) Prior {
	if l == nil || l.nik == "" {
		return Prior{}
	}
	return Prior{Misses: c.tallies[l.nik].total()}
}

// Complete completes a lease with the event of its request.
func (c *Counting) Complete(l *Lease, e audit.Event) {
	if l == nil || l.nik == "" {
		return
	}
	if k := kindOf(e); k != none {
		c.tallies[l.nik].add(k)
		c.rows = append(c.rows, []any{[]byte(l.nik), c.now.UnixMicro(), l.id[:], l.client, int64(k)})
	}
}

// WriteTx writes what the completed leases count. The error is that of the database.
func (c *Counting) WriteTx(ctx context.Context) error { return c.tx.ExecEach(ctx, insertMiss, c.rows) }
