// Package people is the built-in registry: people on record, sealed, in an SQL
// database, and the probes that were sent about them. It also moves people from
// one master key to the next. It leaves the state of the master keys to package
// vault, deciding what a repeated probe means to package replay, and extracting
// templates to package face.
//
// Nothing personal is in the database in the clear. The rows of a person are
// found by keyed hashes of the NIK, a different one in each table. They are
// sealed with the person's data key, which is sealed with a master key.
package people

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/registry"
	"github.com/sesuai/sesuai/internal/sqldb"
	"github.com/sesuai/sesuai/internal/vault"
)

// Options are the parts of a Registry. DB and Vault are required.
type Options struct {
	DB    *sqldb.DB
	Vault *vault.Vault
	// Scale is the calibrated scale, and Calibration its id. Without them a
	// question with a probe is an error.
	Scale       registry.Scale
	Calibration string
	// Unenrolled lets the registry remember probes of people who are not on
	// record. Set it if they are on record elsewhere.
	Unenrolled bool
	// Trail records changes; they are not recorded if it is nil.
	Trail *audit.Trail
	// Start, if not nil, is called by Open when it has summed everybody in a
	// database that had no sums yet, in the same transaction. digest is what
	// changes record as the state of people.
	Start func(ctx context.Context, tx *sqldb.Tx, digest [32]byte) error
	// Removed is called in each transaction that removes rows of a table for their age,
	// also if there were none. It may be nil.
	Removed func(ctx context.Context, tx *sqldb.Tx, table string, rows int64) error
	// Alert is called with the name of the table when a row is not as the program
	// wrote it. It may be nil.
	Alert func(table string)
	// Now is the clock that dates rows; time.Now if nil.
	Now func() time.Time
}

// Registry is the people on record in a database. It is safe for concurrent use.
// Several processes may have the same database open: each sees what another has
// written at its next call.
//
// If a method returns no error, what it has read is committed, and what it has
// written is durable. Errors have kind sesuai.KindUnavailable unless the method
// says otherwise. If the context has ended, its error is in the chain.
type Registry struct {
	o Options
	// sums is the secret of the sums over the people.
	sums *keyring.Secret
	// A person is read by one statement, so that everything is of one state of
	// the record.
	selectPortrait string
	// selectProbes and selectUnenrolled are those of probeQueries.
	selectProbes, selectUnenrolled string
	// readPerson is the statement of lookUp, prepared for reading.
	readPerson *sql.Stmt
	standIns   standIns
}

var (
	_ registry.Enroller = (*Registry)(nil)
	_ registry.Exporter = (*Registry)(nil)
	_ registry.Preparer = (*Registry)(nil)
	_ audit.State       = (*Registry)(nil)
)

// Open prepares a Registry. It holds nothing that has to be closed besides the
// database. In a database from before schema 6 it sums everybody once.
func Open(ctx context.Context, o Options) (_ *Registry, err error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Removed == nil {
		o.Removed = func(context.Context, *sqldb.Tx, string, int64) error { return nil }
	}
	if o.Alert == nil {
		o.Alert = func(string) {}
	}
	from := joinsOf(o.DB.Engine())
	r := &Registry{
		o:              o,
		sums:           o.Vault.Secret(keyring.PeopleSums),
		selectPortrait: selectPerson + from.known,
	}
	r.selectProbes, r.selectUnenrolled = probeQueries(o.DB.Engine())
	if r.readPerson, err = o.DB.PrepareRead(ctx, selectPerson+selectRest+from.anybody); err != nil {
		return nil, err
	}
	if err := o.DB.PrepareHot(ctx, r.selectProbes, upsertProbes, r.selectUnenrolled, upsertUnenrolled, deleteUnenrolled); err != nil {
		return nil, err
	}
	err = audit.Broken(ctx, "summing people", r.start(ctx))
	if _, broken := errors.AsType[*audit.BrokenError](err); err != nil && !broken { // CheckPart reports what is broken
		return nil, err
	}
	return r, nil
}

// now is the time that rows are dated with, in Unix microseconds.
func (r *Registry) now() int64 { return r.o.Now().UnixMicro() }

// personLocks is the upper half of the advisory locks of people: "sesu", taken
// from no standard. The lower half comes from the NIK.
const personLocks = 0x73657375

// lockPerson makes other transactions that change the person's rows wait until
// this one ends.
func (r *Registry) lockPerson(ctx context.Context, tx *sqldb.Tx, nik sesuai.NIK) error {
	return tx.Lock(ctx, r.personLock(nik))
}

// lockPeople is lockPerson for several people, in an order that is the same for
// all transactions. A transaction that changes several people calls it once.
func (r *Registry) lockPeople(ctx context.Context, tx *sqldb.Tx, niks []sesuai.NIK) error {
	locks := make([]int64, len(niks))
	for i, nik := range niks {
		locks[i] = r.personLock(nik)
	}
	return tx.LockAll(ctx, locks)
}

// tryLockPeople is lockPeople, but does not wait: it reports who is locked by
// another transaction.
func (r *Registry) tryLockPeople(ctx context.Context, tx *sqldb.Tx, niks []sesuai.NIK) (busy []bool, err error) {
	locks := make([]int64, len(niks))
	for i, nik := range niks {
		locks[i] = r.personLock(nik)
	}
	taken, err := tx.TryLockAll(ctx, locks)
	busy = make([]bool, len(niks))
	for i, lock := range locks {
		busy[i] = slices.Contains(taken, lock)
	}
	return busy, err
}

// personLock is the advisory lock of a person. Half a hash is enough: two people
// who share a lock wait for each other once in a while.
func (r *Registry) personLock(nik sesuai.NIK) int64 {
	sum := r.o.Vault.Secret(keyring.PersonLock).Hash([]byte(nik.Reveal()))
	return personLocks<<32 | int64(binary.BigEndian.Uint32(sum[:]))
}
