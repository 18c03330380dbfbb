// Package store keeps people, their earlier probes, clients, the audit trail and
// the account of calls to an upstream in a SQL database.
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
	"github.com/sesuai/sesuai/internal/dukcapil/balikan"
	"github.com/sesuai/sesuai/internal/dukcapil/ledger"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/registry"
	"github.com/sesuai/sesuai/internal/replay"
)

// Scale turns a comparison score into a percentage; *face.Calibration is the
// real one.
type Scale interface {
	Percentage(score float64) sesuai.Percentage
}

// Options are what a Store is made of. Dir or URL is required, and OpenRing.
type Options struct {
	// Dir is the data folder of an SQLite database; it is made (0700) if it
	// is not there. It is not used if URL is set.
	Dir string
	// URL is where a PostgreSQL database is, as libpq has it
	// (postgres://user@host:port,host:port/name?…), without a password: that
	// is in the file that the parameter passfile names.
	URL string
	// Replicas is, as URL, where databases are that follow the one at URL and
	// may be read from; none if empty. Staleness is how far they may be
	// behind; DefaultStaleness if 0.
	Replicas  string
	Staleness time.Duration
	// Connections is how many there may be to a PostgreSQL database, at most;
	// DefaultConnections if 0.
	Connections int
	// Migrate brings the schema of a PostgreSQL database up to date. That of
	// an SQLite database always is.
	Migrate bool
	// OpenRing opens the keyring with the keys that the data is sealed with.
	// There are none yet if the database is new.
	OpenRing func(isNew bool) (*keyring.Ring, error)
	// Scale is the calibrated scale, Calibration its id. A process that
	// never compares may leave them out: Compare then fails.
	Scale       Scale
	Calibration string
	// ProbeAge is how long a person's earlier probes are remembered;
	// replay.DefaultMaxAge if 0.
	ProbeAge time.Duration
	// Strangers has the probes of people who are not on record remembered, too:
	// where the people are on record elsewhere.
	Strangers bool
	// Returns has a row made for each person who is verified, from which the
	// data are returned to the registry that they are on record of.
	Returns bool
	// Now is the clock that dates rows; time.Now if nil.
	Now func() time.Time
}

// Store is a database. It is safe for concurrent use, and several processes
// may have the same database open: what one has written, the others see at
// their next call, or, where they read from replicas, once those have it.
//
// Every method whose error is nil has read what is committed, or has written
// what will survive a kill -9 and a power cut. Errors are of kind
// sesuai.KindUnavailable, but where said otherwise, with the error of a
// context that has ended in the chain.
type Store struct {
	o     Options
	db    engine
	write *sql.DB
	// primary reads what write has written.
	primary  *reader
	replicas *replicas // nil if there are none

	ring    *keyring.Ring
	keySet  atomic.Pointer[keySet]
	secrets map[keyring.SecretName]*keyring.Secret

	selectClient *sql.Stmt
	busiest      map[string]*sql.Stmt // by their texts
	trail        *gatherer[audit.Event]
	calls        *calls
	// swept is when old probes were last removed, forgotten when the NIKs of
	// returned data were overwritten, in Unix microseconds. Some are lingering
	// if there are any since.
	swept, forgotten atomic.Int64
	lingering        atomic.Bool
}

var (
	_ registry.Enroller = (*Store)(nil)
	_ registry.Exporter = (*Store)(nil)
	_ audit.Log         = (*Store)(nil)
	_ access.Clients    = (*Store)(nil)
	_ replay.Memory     = (*Store)(nil)
	_ ledger.Ledger     = (*Store)(nil)
	_ balikan.Outbox    = (*Store)(nil)
)

// Open opens the database, makes it if it is a file and there is none, and
// brings its schema up to date, or says that it has to be. Close it.
//
// Errors of kind sesuai.KindConfiguration are for the operator to mend: a
// master key that is not the one the data is sealed with, a database of
// another version, a folder or file that cannot be used. All others are of kind
// sesuai.KindUnavailable.
func Open(ctx context.Context, o Options) (_ *Store, err error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.ProbeAge == 0 {
		o.ProbeAge = replay.DefaultMaxAge
	}
	s := &Store{o: o}
	if s.db, err = newEngine(o); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.closeDatabase())
		}
	}()
	read, write, err := s.db.open(ctx)
	if err != nil {
		return nil, err
	}
	s.write = write
	if err := s.db.prepareSchema(ctx); err != nil {
		return nil, err
	}
	if err := s.openKeys(ctx); err != nil {
		return nil, err
	}
	if s.primary, err = newReader(ctx, read, s.db.joining); err != nil {
		return nil, err
	}
	if s.selectClient, err = read.PrepareContext(ctx, selectClient); err != nil {
		return nil, unavailable(ctx, "preparing statements", err)
	}
	if err := s.prepareBusiest(ctx); err != nil {
		return nil, err
	}
	if s.replicas, err = openReplicas(ctx, o, s.write); err != nil {
		return nil, err
	}
	if err := s.sweepProbes(ctx); err != nil {
		return nil, err
	}
	s.trail = newGatherer(s.commitEvents)
	s.calls = newCalls(s)
	return s, nil
}

func newEngine(o Options) (engine, error) {
	if o.URL != "" {
		return newPostgres(o)
	}
	return &sqliteEngine{dir: o.Dir}, nil
}

// openKeys opens the keyring and what it is needed for at once. In a new
// database it is this keyring that all is stored with from now on.
func (s *Store) openKeys(ctx context.Context) error {
	_, keys, err := readKeys(ctx, s.write)
	if err != nil {
		return unavailable(ctx, "reading the master keys", err)
	}
	if s.ring, err = s.o.OpenRing(len(keys) == 0); err != nil {
		return err
	}
	if len(keys) == 0 {
		if err := s.firstKeys(ctx); err != nil {
			return unavailable(ctx, "recording the master key", err)
		}
	}
	if err := s.loadKeys(ctx); err != nil {
		return err
	}
	if err := s.addLaterSecrets(ctx); err != nil {
		return unavailable(ctx, "recording secrets", err)
	}
	return s.loadSecrets(ctx)
}

// Close writes what has been handed to Append, End and Withdraw, and closes the
// database. No other method may be called any more.
func (s *Store) Close() error {
	s.trail.close()
	s.calls.close()
	return s.closeDatabase()
}

func (s *Store) closeDatabase() error {
	var errs []error
	if s.replicas != nil {
		errs = append(errs, s.replicas.close())
	}
	if s.selectClient != nil {
		errs = append(errs, s.selectClient.Close())
	}
	for _, stmt := range s.busiest {
		errs = append(errs, stmt.Close())
	}
	if s.primary != nil {
		errs = append(errs, s.primary.close())
	}
	errs = append(errs, s.db.close())
	if err := errors.Join(errs...); err != nil {
		return &sesuai.Error{Kind: sesuai.KindUnavailable, Err: fmt.Errorf("closing the database: %w", err)}
	}
	return nil
}

// wrote notes that this process has changed people, so that it does not read
// from a replica what was there before.
func (s *Store) wrote(ctx context.Context) {
	if s.replicas != nil {
		s.replicas.wrote(ctx)
	}
}

// Ping reports whether the database can be read.
func (s *Store) Ping(ctx context.Context) error {
	if _, err := s.Head(ctx); err != nil {
		return err
	}
	return nil
}

// now is the time that rows are dated with, in Unix microseconds.
func (s *Store) now() int64 { return s.o.Now().UnixMicro() }

// unavailable is the error of kind sesuai.KindUnavailable for err. Drivers
// report a context that has ended in words of their own; whoever asks why
// should find the context's.
func unavailable(ctx context.Context, doing string, err error) error {
	switch own, _ := errors.AsType[*sesuai.Error](err); sesuai.KindOf(err) {
	case sesuai.KindConfiguration, sesuai.KindUnavailable:
		return own // it says already what is wrong
	}
	if ended := ctx.Err(); ended != nil && !errors.Is(err, ended) {
		err = fmt.Errorf("%w: %w", ended, err)
	}
	return &sesuai.Error{Kind: sesuai.KindUnavailable, Err: fmt.Errorf("store: %s: %w", doing, err)}
}
