// Package store keeps people, their earlier probes, clients and the audit trail in a SQL
// database.
// The statements are the same for every engine; what differs stands in one
// file for each (sqlite.go). It must not know what a verdict is, how templates
// are made, or who asks.
//
// Nothing personal is in the database in the clear: NIKs are keyed hashes,
// everything else about a person is sealed, and package keyring has the keys.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/registry"
	"github.com/sesuai/sesuai/internal/replay"
)

// Scale turns a comparison score into a percentage; *face.Calibration is the
// real one.
type Scale interface {
	Percentage(score float64) sesuai.Percentage
}

// Options are what a Store is made of. Dir and Ring are required.
type Options struct {
	// Dir is the data folder; it is made (0700) if it is not there.
	Dir string
	// Ring holds the keys that the data is, or will be, sealed with.
	Ring *keyring.Ring
	// Scale is the calibrated scale, Calibration its id. A process that
	// never compares may leave them out: Compare then fails.
	Scale       Scale
	Calibration string
	// ProbeAge is how long a person's earlier probes are remembered;
	// replay.DefaultMaxAge if 0.
	ProbeAge time.Duration
	// Now is the clock that dates rows; time.Now if nil.
	Now func() time.Time
}

// Store is a database. It is safe for concurrent use, and several processes
// may have the same database open: what one has written, the others see at
// their next call.
//
// Every method whose error is nil has read what is committed, or has written
// what will survive a kill -9 and a power cut. Errors are of kind
// sesuai.KindUnavailable, but where said otherwise, with the error of a
// context that has ended in the chain.
type Store struct {
	o     Options
	read  *sql.DB
	write *sql.DB // one connection: its transactions follow each other
	// The statements of the busiest reads.
	selectPerson, selectPortrait, selectClient *sql.Stmt

	trail *trail
	// swept is when old probes were last removed, in Unix microseconds.
	swept atomic.Int64
}

var (
	_ registry.Enroller = (*Store)(nil)
	_ audit.Log         = (*Store)(nil)
	_ access.Clients    = (*Store)(nil)
	_ replay.Memory     = (*Store)(nil)
)

// Exists reports whether there is a database in the data folder. If there is,
// a missing master key must not be replaced by a new one.
func Exists(dir string) (bool, error) { return existsSQLite(dir) }

// Open opens the database in the data folder, makes it if there is none, and
// brings its schema up to date. Close it.
//
// Errors of kind sesuai.KindConfiguration are for the operator to mend: a
// master key that is not the one the data is sealed with, a database of a
// newer version, a folder or file that cannot be used. All others are of kind
// sesuai.KindUnavailable.
func Open(ctx context.Context, o Options) (*Store, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.ProbeAge == 0 {
		o.ProbeAge = replay.DefaultMaxAge
	}
	read, write, err := openSQLite(ctx, o.Dir)
	if err != nil {
		return nil, err
	}
	s := &Store{o: o, read: read, write: write}
	if err := errors.Join(s.checkKey(ctx), s.prepare(ctx), s.sweepProbes(ctx)); err != nil {
		return nil, errors.Join(err, s.closeDatabase())
	}
	s.trail = newTrail(s.commitEvents)
	return s, nil
}

// Close writes what has been handed to Append, and closes the database. No
// other method may be called any more.
func (s *Store) Close() error {
	s.trail.close()
	return s.closeDatabase()
}

func (s *Store) closeDatabase() error {
	var errs []error
	for _, stmt := range []*sql.Stmt{s.selectPerson, s.selectPortrait, s.selectClient} {
		if stmt != nil {
			errs = append(errs, stmt.Close())
		}
	}
	// The writer last: SQLite then puts its log back into the file.
	errs = append(errs, s.read.Close(), s.write.Close())
	if err := errors.Join(errs...); err != nil {
		return &sesuai.Error{Kind: sesuai.KindUnavailable, Err: fmt.Errorf("closing the database: %w", err)}
	}
	return nil
}

// Ping reports whether the database can be read.
func (s *Store) Ping(ctx context.Context) error {
	if _, err := s.Head(ctx); err != nil {
		return err
	}
	return nil
}

// checkKey compares the ring with the one that the database was made with,
// which in a new database is this one.
func (s *Store) checkKey(ctx context.Context) error {
	var recorded []byte
	const selectKey = `SELECT check_value FROM keys WHERE id = 1`
	err := s.read.QueryRowContext(ctx, selectKey).Scan(&recorded)
	if errors.Is(err, sql.ErrNoRows) {
		err = s.inTx(ctx, func(tx *sql.Tx) error {
			own := s.o.Ring.KeyCheck()
			if _, err := tx.ExecContext(ctx,
				`INSERT INTO keys (id, check_value, added_at) VALUES (1, $1, $2) ON CONFLICT (id) DO NOTHING`,
				own[:], s.now()); err != nil {
				return err
			}
			return tx.QueryRowContext(ctx, selectKey).Scan(&recorded)
		})
	}
	if err != nil {
		return unavailable(ctx, "checking the master key", err)
	}
	if !s.o.Ring.Matches(recorded) {
		return &sesuai.Error{
			Kind:   sesuai.KindConfiguration,
			Detail: fmt.Sprintf("the database in %s was made with another master key; without that one it cannot be read", s.o.Dir),
		}
	}
	return nil
}

func (s *Store) prepare(ctx context.Context) error {
	for _, p := range []struct {
		stmt **sql.Stmt
		text string
	}{
		{&s.selectPerson, selectPerson}, {&s.selectPortrait, selectPortrait}, {&s.selectClient, selectClient},
	} {
		stmt, err := s.read.PrepareContext(ctx, p.text)
		if err != nil {
			return unavailable(ctx, "preparing statements", err)
		}
		*p.stmt = stmt
	}
	return nil
}

// inTx runs f in a transaction of the writing connection. If f fails, or the
// transaction does not become durable, nothing has changed.
func (s *Store) inTx(ctx context.Context, f func(tx *sql.Tx) error) error {
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := f(tx); err != nil {
		if rollback := tx.Rollback(); rollback != nil && !errors.Is(rollback, sql.ErrTxDone) {
			err = errors.Join(err, rollback)
		}
		return err
	}
	return tx.Commit()
}

// now is the time that rows are dated with, in Unix microseconds.
func (s *Store) now() int64 { return s.o.Now().UnixMicro() }

// unavailable is the error of kind sesuai.KindUnavailable for err. Drivers
// report a context that has ended in words of their own; whoever asks why
// should find the context's.
func unavailable(ctx context.Context, doing string, err error) error {
	if ended := ctx.Err(); ended != nil && !errors.Is(err, ended) {
		err = fmt.Errorf("%w: %w", ended, err)
	}
	return &sesuai.Error{Kind: sesuai.KindUnavailable, Err: fmt.Errorf("store: %s: %w", doing, err)}
}
