package vault

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/sqldb"
)

// Keys are the master keys that rows may be stored under, as of an epoch. They
// do not change: see Vault.Find and Vault.Change.
type Keys struct {
	// Current is the key that everything new is stored under.
	Current *keyring.Key
	// Retiring are the keys that rows are being moved from, newest first.
	Retiring []*keyring.Key

	epoch int64
	order []*keyring.Key
}

// All returns all keys, the current one first. The caller must not change the
// slice.
func (k *Keys) All() []*keyring.Key { return k.order[:1+len(k.Retiring)] }

// Order returns the keys in the order in which to look for a row. A rotation
// moves rows from a retiring key to the current one, so the current one is
// first and, if others are retiring, also last. The caller must not change the
// slice.
func (k *Keys) Order() []*keyring.Key { return k.order }

func newKeys(epoch int64, current *keyring.Key, retiring []*keyring.Key) *Keys {
	order := append([]*keyring.Key{current}, retiring...)
	if len(retiring) > 0 {
		order = append(order, current)
	}
	return &Keys{Current: current, Retiring: retiring, epoch: epoch, order: order}
}

// Keys returns the keys as they were when this process last read them. Another
// process may have changed them since.
func (v *Vault) Keys() *Keys { return v.keys.Load() }

// errStaleKeys means that the keys have changed since they were read.
var errStaleKeys = errors.New("the master keys have changed")

// maxTries is how often a call starts again because the keys have changed. They
// change a few times in a rotation.
const maxTries = 5

// Find looks for a row. It calls look with each key until look finds the row or
// fails, and returns look's error as it is. look also returns the epoch, which it
// reads by SelectEpoch in the same statement as the row. If look does not find the
// row and the keys have changed meanwhile, Find reads the keys and starts again. So
// "not found" means that the row is stored under no key. It takes as many statements
// as "found", unless others are retiring.
func (v *Vault) Find(ctx context.Context, look func(key *keyring.Key) (found bool, epoch int64, err error)) error {
	for range maxTries {
		keys := v.Keys()
		var last int64
		for _, key := range keys.Order() {
			found, epoch, err := look(key)
			if found || err != nil {
				return err
			}
			last = epoch
		}
		if last == keys.epoch {
			return nil
		}
		if err := v.Reload(ctx); err != nil {
			return err
		}
	}
	return errStaleKeys
}

// SelectEpoch is a query of the epoch, which is another one once the keys have changed.
// It can be part of another statement, in parentheses.
const SelectEpoch = `SELECT epoch FROM key_epoch WHERE id = 1`

// Check returns an error if keys are not those of the database any more.
func (v *Vault) Check(ctx context.Context, keys *Keys) error {
	return keys.check(ctx, v.db.Read())
}

func (k *Keys) check(ctx context.Context, q sqldb.Querier) error {
	var epoch int64
	if err := q.QueryRowContext(ctx, SelectEpoch).Scan(&epoch); err != nil {
		return err
	}
	if epoch != k.epoch {
		return errStaleKeys
	}
	return nil
}

// keysLock is the advisory lock of the keys. Transactions that write rows under
// a key share it; those that change the keys do not. The number is taken from no
// standard: "sesu" and a count.
const keysLock = 0x73657375_0001

// Change runs f in a transaction in which the keys do not change. It may run f
// several times: if the keys have changed, or another transaction had to go
// first. It returns f's error as it is.
func (v *Vault) Change(ctx context.Context, f func(tx *sqldb.Tx, keys *Keys) error) error {
	for range maxTries {
		keys := v.Keys()
		err := v.db.InTx(ctx, func(tx *sqldb.Tx) error {
			if err := tx.LockShared(ctx, keysLock); err != nil {
				return err
			}
			if err := keys.check(ctx, tx); err != nil {
				return err
			}
			return f(tx, keys)
		})
		switch {
		case err == nil:
			return nil
		case errors.Is(err, errStaleKeys):
			if err := v.Reload(ctx); err != nil {
				return err
			}
		case !v.db.Retryable(err):
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return errors.New("other transactions keep changing the same rows")
}

// Snapshot is Change for a transaction that only reads: see sqldb.DB.Snapshot.
func (v *Vault) Snapshot(ctx context.Context, f func(tx *sql.Tx, keys *Keys) error) error {
	for range maxTries {
		keys := v.Keys()
		err := v.db.Snapshot(ctx, func(tx *sql.Tx) error {
			if err := keys.check(ctx, tx); err != nil {
				return err
			}
			return f(tx, keys)
		})
		if !errors.Is(err, errStaleKeys) {
			return err
		}
		if err := v.Reload(ctx); err != nil {
			return err
		}
	}
	return errStaleKeys
}

// Reload reads the keys again, and key files that have been added.
func (v *Vault) Reload(ctx context.Context) error {
	err := v.load(ctx)
	if e, ok := errors.AsType[*sesuai.Error](err); ok && e.Kind == sesuai.KindConfiguration {
		// While the process serves, a key file that is missing means that it
		// cannot answer.
		return &sesuai.Error{Kind: sesuai.KindUnavailable, Err: errors.New(e.Detail)}
	}
	return err
}

// load is Reload for the operator: errors about key files, and about rows that
// are not as the program wrote them, have kind sesuai.KindConfiguration.
func (v *Vault) load(ctx context.Context) error {
	s, err := readState(ctx, v.db.Read())
	if err != nil {
		return sqldb.Unavailable(ctx, "reading the master keys", err)
	}
	if err := v.ring.Refresh(ctx); err != nil {
		return err
	}
	keys, err := v.keysOf(s)
	if err != nil {
		return err
	}
	if err := v.verify(s); err != nil {
		return err
	}
	v.keys.Store(keys)
	return nil
}

// keysOf returns the keys of a state. Errors about key files have kind
// sesuai.KindConfiguration.
func (v *Vault) keysOf(s state) (*Keys, error) {
	var current *keyring.Key
	var retiring []*keyring.Key
	for _, row := range slices.Backward(s.rows) {
		if row.state != stateCurrent && row.state != stateRetiring {
			continue
		}
		key, ok := v.ring.Key(row.id)
		if !ok {
			return nil, &sesuai.Error{
				Kind:   sesuai.KindConfiguration,
				Detail: fmt.Sprintf("master key %d, which %s needs, is missing; put its file beside the first one", row.id, v.db.Name()),
			}
		}
		if !key.Matches(row.check) {
			return nil, &sesuai.Error{
				Kind:   sesuai.KindConfiguration,
				Detail: fmt.Sprintf("%s was made with another master key; without that one it cannot be read", v.db.Name()),
			}
		}
		if row.state == stateCurrent {
			current = key
		} else {
			retiring = append(retiring, key)
		}
	}
	if current == nil {
		return nil, &sesuai.Error{Kind: sesuai.KindUnavailable, Err: errors.New("there is no current master key")}
	}
	return newKeys(s.epoch, current, retiring), nil
}
