package balikan

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/binary"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/dukcapil/ledger"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/sqldb"
)

// isPending is the condition of the index outbox_due. A delivery sets both
// columns, so a row of which somebody else has changed one is leased, and sent or
// reported as damaged.
const isPending = `delivered_at IS NULL OR sealed IS NOT NULL`

const (
	insertRow = `
		INSERT INTO outbox (seq, at, day, customer, sealed, due_at, tries) VALUES ($1, $2, $3, $4, $5, $6, 0)`

	// leaseDue1 and leaseDue2 lease rows in one statement. Between them stands
	// sqldb.DB.SkipLocked.
	leaseDue1 = `
		WITH due AS MATERIALIZED (
			SELECT seq FROM outbox WHERE (` + isPending + `) AND due_at <= $1 ORDER BY due_at, seq LIMIT $2`
	leaseDue2 = `
		)
		UPDATE outbox SET due_at = $3, tries = tries + 1, lease = $4 WHERE seq IN (SELECT seq FROM due)
		RETURNING seq, customer, sealed, tries`

	deliverRow = `
		UPDATE outbox SET delivered_at = $1, sealed = NULL, lease = NULL WHERE seq = $2 AND (` + isPending + `)`

	postponeRow = `
		UPDATE outbox SET due_at = $1, lease = NULL WHERE seq = $2 AND lease = $3 AND (` + isPending + `)`

	// dueAtLast makes rows due that would be due later than the program ever
	// makes them.
	dueAtLast = `UPDATE outbox SET due_at = $1 WHERE (` + isPending + `) AND due_at > $2`

	selectPending = `SELECT count(*), min(at) FROM outbox WHERE ` + isPending

	selectByDay = `
		SELECT day, count(*), count(CASE WHEN ` + isPending + ` THEN NULL ELSE 1 END), min(CASE WHEN ` + isPending + ` THEN at END)
		FROM outbox WHERE day BETWEEN $1 AND $2 GROUP BY day`
)

// maxDue is the maximum time until a row is due. It is longer than leases, and than
// the delay after any number of refusals.
const maxDue = 24 * time.Hour

// StoreOptions are what a Store is made of. DB and Secret are required.
type StoreOptions struct {
	DB *sqldb.DB
	// Secret seals the NIKs. No rotation of the master key changes it.
	Secret *keyring.Secret
	// Removed is called in each transaction that removes rows of a table for their age,
	// also if there were none. It may be nil.
	Removed func(ctx context.Context, tx *sqldb.Tx, table string, rows int64) error
	// Alert is called with the name of the table when a row is not as the program
	// wrote it. It may be nil.
	Alert func(table string)
	// Now dates rows; time.Now if nil.
	Now func() time.Time
}

// Store is the Outbox in a database.
type Store struct {
	o StoreOptions
	// scrubber overwrites the NIKs of delivered rows in the write-ahead log.
	scrubber *sqldb.Scrubber
}

var _ Outbox = (*Store)(nil)

// NewStore opens the outbox of a database. The error has kind
// sesuai.KindUnavailable.
func NewStore(ctx context.Context, o StoreOptions) (*Store, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Alert == nil {
		o.Alert = func(string) {}
	}
	if err := o.DB.PrepareHot(ctx, insertRow); err != nil {
		return nil, err
	}
	return &Store{o, sqldb.NewScrubber(o.DB, o.Now)}, nil
}

func (s *Store) now() int64 { return s.o.Now().UnixMicro() }

// AddTx adds rows in a transaction. They are due at once.
func (s *Store) AddTx(ctx context.Context, tx *sqldb.Tx, rows []Row) error {
	now := s.now()
	args := make([][]any, len(rows))
	for i, r := range rows {
		args[i] = []any{r.Seq, r.At.UnixMicro(), int64(ledger.DayOf(r.At)), r.Customer, s.seal(r), now}
	}
	return tx.ExecEach(ctx, insertRow, args)
}

// seal seals the NIK and binds it to its row.
func (s *Store) seal(r Row) []byte {
	return s.o.Secret.Seal(byte(r.Seq), []byte(r.NIK.Reveal()), bind(r.Seq, r.Customer))
}

func (s *Store) open(seq int64, customer string, sealed []byte) (sesuai.NIK, error) {
	b, err := s.o.Secret.Open(byte(seq), sealed, bind(seq, customer))
	if err != nil {
		return sesuai.NIK{}, err
	}
	return sesuai.ParseNIK(string(b))
}

// bind is the associated data of a row. "returns.sealed" was the name of the
// column when the first rows were sealed.
func bind(seq int64, customer string) []byte {
	return keyring.Bind("returns.sealed", binary.BigEndian.AppendUint64(nil, uint64(seq)), []byte(customer))
}

// Lease implements Outbox.
func (s *Store) Lease(ctx context.Context, n int, d time.Duration) (Lease, error) {
	var l Lease
	_, _ = rand.Read(l.Token[:]) // crypto/rand never fails
	var late int64
	err := s.o.DB.InTx(ctx, func(tx *sqldb.Tx) error {
		now := s.now()
		result, err := tx.ExecContext(ctx, dueAtLast, now, now+maxDue.Microseconds())
		if err != nil {
			return err
		}
		if late, err = result.RowsAffected(); err != nil {
			return err
		}
		_, err = sqldb.Collect(ctx, tx, func(rows *sql.Rows) (struct{}, error) {
			var p Pending
			var sealed []byte
			if err := rows.Scan(&p.ID, &p.Customer, &sealed, &p.Tries); err != nil {
				return struct{}{}, err
			}
			var err error
			if p.NIK, err = s.open(p.ID, p.Customer, sealed); err != nil {
				l.Damaged++ // it is leased, so that it is not read again at once
			} else {
				l.Rows = append(l.Rows, p)
			}
			return struct{}{}, nil
		}, leaseDue1+s.o.DB.SkipLocked()+leaseDue2, now, n, now+d.Microseconds(), l.Token[:])
		return err
	})
	if err != nil {
		return Lease{}, sqldb.Unavailable(ctx, "leasing rows of the outbox", err)
	}
	for range late + int64(l.Damaged) {
		s.o.Alert("outbox")
	}
	s.scrubber.ScrubIfDue(ctx)
	return l, nil
}

// Delivered implements Outbox.
func (s *Store) Delivered(ctx context.Context, ids []int64) error {
	err := s.update(ctx, deliverRow, ids, func(id int64) []any { return []any{s.now(), id} })
	if err != nil {
		return sqldb.Unavailable(ctx, "recording a delivery", err)
	}
	s.scrubber.Erased(ctx)
	return nil
}

// Postpone implements Outbox.
func (s *Store) Postpone(ctx context.Context, token [16]byte, ids []int64, until time.Time) error {
	err := s.update(ctx, postponeRow, ids, func(id int64) []any { return []any{until.UnixMicro(), id, token[:]} })
	if err != nil {
		return sqldb.Unavailable(ctx, "postponing rows of the outbox", err)
	}
	return nil
}

func (s *Store) update(ctx context.Context, statement string, ids []int64, args func(id int64) []any) error {
	return s.o.DB.InTx(ctx, func(tx *sqldb.Tx) error {
		all := make([][]any, len(ids))
		for i, id := range ids {
			all[i] = args(id)
		}
		return tx.ExecEach(ctx, statement, all)
	})
}

// Pending returns the number of rows that have not been delivered, and when the
// person of the oldest was verified. The error has kind sesuai.KindUnavailable.
func (s *Store) Pending(ctx context.Context) (n int64, oldest time.Time, err error) {
	var at sql.NullInt64
	if err := s.o.DB.Read().QueryRowContext(ctx, selectPending).Scan(&n, &at); err != nil {
		return 0, time.Time{}, sqldb.Unavailable(ctx, "counting the outbox", err)
	}
	return n, timeOf(at), nil
}

// ByDay returns the state of the outbox for each day from first to last, for a
// report. The error has kind sesuai.KindUnavailable.
func (s *Store) ByDay(ctx context.Context, first, last ledger.Day) ([]ledger.Outbox, error) {
	days, err := sqldb.Collect(ctx, s.o.DB.Read(), func(rows *sql.Rows) (o ledger.Outbox, err error) {
		var oldest sql.NullInt64
		err = rows.Scan(&o.Day, &o.Total, &o.Delivered, &oldest)
		o.Oldest = timeOf(oldest)
		return o, err
	}, selectByDay, int64(first), int64(last))
	if err != nil {
		return nil, sqldb.Unavailable(ctx, "counting the outbox", err)
	}
	return days, nil
}

func timeOf(micro sql.NullInt64) time.Time {
	if !micro.Valid {
		return time.Time{}
	}
	return time.UnixMicro(micro.Int64)
}
