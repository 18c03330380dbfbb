package vault

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/sqldb"
)

// The states of a master key, in the order in which it has them.
const (
	// stateAdded: nothing is stored under the key yet.
	stateAdded = "added"
	// stateCurrent: everything new is stored under the key. There is one.
	stateCurrent = "current"
	// stateRetiring: rows are being moved from the key to the current one.
	stateRetiring = "retiring"
	// stateRetired: nothing is stored under the key any more.
	stateRetired = "retired"
)

// MasterKey describes a master key.
type MasterKey struct {
	// ID is its number. keyring.Path returns the path of its file.
	ID byte `json:"id"`
	// State is added, current, retiring or retired.
	State   string    `json:"state"`
	AddedAt time.Time `json:"added_at"`
	// There reports whether this process has the key, and Sealed whether its file
	// is sealed.
	There  bool `json:"there"`
	Sealed bool `json:"sealed"`
}

// List returns the master keys, oldest first. Its errors are those of Open.
func (v *Vault) List(ctx context.Context) ([]MasterKey, error) {
	if err := v.load(ctx); err != nil {
		return nil, err
	}
	s, err := readState(ctx, v.db.Read())
	if err != nil {
		return nil, sqldb.Unavailable(ctx, "reading the master keys", err)
	}
	var all []MasterKey
	for _, row := range s.rows {
		_, there := v.ring.Key(row.id)
		all = append(all, MasterKey{ID: row.id, State: row.state, AddedAt: time.UnixMicro(row.addedAt).UTC(), There: there, Sealed: v.ring.Sealed(row.id)})
	}
	return all, nil
}

// AddKey creates the file of another master key and records the key. Nothing is
// stored under it before StartRotation, so there is time to copy the file to
// other nodes. A file that is there already is taken as it is. If a key has been
// added already the error has kind sesuai.KindConflict.
func (v *Vault) AddKey(ctx context.Context) (id byte, err error) {
	s, err := readState(ctx, v.db.Read())
	if err != nil {
		return 0, sqldb.Unavailable(ctx, "adding a master key", err)
	}
	if id, err = nextID(s.rows); err != nil {
		return 0, err
	}
	// The KMS may take its time, so it is asked before the transaction that keeps
	// all others from changing people.
	key, err := v.ring.Create(ctx, id)
	if err != nil {
		return 0, conflictOr(ctx, "adding a master key", err)
	}
	err = v.changeKeys(ctx, audit.KeyAdded, func(tx *sqldb.Tx, rows []keyRow) error {
		next, err := nextID(rows)
		if err != nil {
			return err
		}
		if next != id {
			return &sesuai.Error{Kind: sesuai.KindConflict, Detail: "the master keys were changed meanwhile"}
		}
		return v.insertKey(ctx, tx, key, stateAdded)
	})
	if err != nil {
		return 0, conflictOr(ctx, "adding a master key", err)
	}
	return id, nil
}

// nextID returns the number of the key that can be added. If there can be none,
// the error has kind sesuai.KindConflict.
func nextID(rows []keyRow) (byte, error) {
	if len(rows) == 0 {
		return 0, errors.New("there are no master keys")
	}
	last := rows[len(rows)-1]
	switch {
	case last.state == stateAdded:
		return 0, &sesuai.Error{
			Kind:   sesuai.KindConflict,
			Detail: fmt.Sprintf("master key %d has been added and is not in use yet: rotate to it first", last.id),
		}
	case last.id == keyring.MaxKeys:
		return 0, &sesuai.Error{Kind: sesuai.KindConflict, Detail: fmt.Sprintf("a database has at most %d master keys", keyring.MaxKeys)}
	}
	return last.id + 1, nil
}

// SealFiles has the KMS seal the key files that are plain, and returns the numbers
// of their keys. Nothing in the database is sealed again, so processes that run
// are not affected. Each file is an event. After an error those that were sealed
// are returned with it. Errors of the files and of the KMS have kind
// sesuai.KindConfiguration.
func (v *Vault) SealFiles(ctx context.Context) (ids []byte, err error) {
	return v.rewriteFiles(ctx, audit.KeySealed, v.ring.Seal)
}

// UnsealFiles is the reverse of SealFiles.
func (v *Vault) UnsealFiles(ctx context.Context) (ids []byte, err error) {
	return v.rewriteFiles(ctx, audit.KeyUnsealed, v.ring.Unseal)
}

func (v *Vault) rewriteFiles(
	ctx context.Context, action audit.Action, rewrite func(context.Context, byte) (bool, error),
) (ids []byte, err error) {
	for _, id := range v.ring.IDs() {
		changed, err := rewrite(ctx, id)
		if err != nil {
			return ids, err
		}
		if !changed {
			continue
		}
		ids = append(ids, id)
		if v.record == nil {
			continue
		}
		err = v.db.InTx(ctx, func(tx *sqldb.Tx) error {
			return v.record(ctx, tx, audit.Change{Action: action, Count: int64(id)})
		})
		if err != nil {
			return ids, sqldb.Unavailable(ctx, "recording the change of a key file", err)
		}
	}
	return ids, nil
}

// StartRotation makes the key that was added the current one, and the current
// one a retiring one. It does nothing if a key is retiring already. If no key was
// added the error has kind sesuai.KindConflict; if its file is missing or wrong,
// sesuai.KindConfiguration.
func (v *Vault) StartRotation(ctx context.Context) error {
	if err := v.ring.Refresh(ctx); err != nil {
		return err
	}
	err := v.changeKeys(ctx, audit.RotationStarted, func(tx *sqldb.Tx, rows []keyRow) error {
		if slices.ContainsFunc(rows, func(k keyRow) bool { return k.state == stateRetiring }) {
			return nil
		}
		added := rows[len(rows)-1]
		if added.state != stateAdded {
			return &sesuai.Error{Kind: sesuai.KindConflict, Detail: "there is no other master key to rotate to: add one first"}
		}
		key, ok := v.ring.Key(added.id)
		if !ok || !key.Matches(added.check) {
			return &sesuai.Error{
				Kind:   sesuai.KindConfiguration,
				Detail: fmt.Sprintf("the file of master key %d is missing, or has another key", added.id),
			}
		}
		return v.switchTo(ctx, tx, key)
	})
	if err != nil {
		return conflictOr(ctx, "starting a rotation", err)
	}
	return v.load(ctx)
}

// switchTo makes key the current one, and seals the secrets with it.
func (v *Vault) switchTo(ctx context.Context, tx *sqldb.Tx, key *keyring.Key) error {
	secrets, err := v.readSecrets(ctx, tx)
	if err != nil {
		return err
	}
	for name, secret := range secrets {
		if err := storeSecret(ctx, tx, key, name, secret); err != nil {
			return err
		}
	}
	if _, err := tx.ExecContext(ctx, `UPDATE master_keys SET state = $1 WHERE state = $2`, stateRetiring, stateCurrent); err != nil {
		return err
	}
	return setState(ctx, tx, key.ID(), stateCurrent)
}

// Retire records that nothing is stored under a retiring key any more. The
// caller must have made sure of that.
func (v *Vault) Retire(ctx context.Context, key *keyring.Key) error {
	err := v.changeKeys(ctx, audit.KeyRetired, func(tx *sqldb.Tx, _ []keyRow) error {
		return setState(ctx, tx, key.ID(), stateRetired)
	})
	if err != nil {
		return sqldb.Unavailable(ctx, "retiring a master key", err)
	}
	return v.Reload(ctx)
}

// changeKeys runs f in a transaction that excludes all others that need the
// keys, with the rows of the keys, oldest first. What f has changed gets a new MAC,
// and is recorded as action. If the rows are not as the program wrote them, f does
// not run.
func (v *Vault) changeKeys(ctx context.Context, action audit.Action, f func(tx *sqldb.Tx, rows []keyRow) error) error {
	return v.db.InTx(ctx, func(tx *sqldb.Tx) error {
		if err := tx.Lock(ctx, keysLock); err != nil {
			return err
		}
		before, err := readState(ctx, tx)
		if err != nil {
			return err
		}
		if err := v.verify(before); err != nil {
			return err
		}
		if err := f(tx, before.rows); err != nil {
			return err
		}
		if err := sign(ctx, tx, v.secrets[keyring.Rows]); err != nil || v.record == nil {
			return err
		}
		after, err := readState(ctx, tx)
		if err != nil {
			return err
		}
		c := audit.Change{Action: action, Before: describe(before.rows), After: describe(after.rows)}
		for i, row := range after.rows {
			if i == len(before.rows) || row.state != before.rows[i].state {
				c.Count = int64(row.id) // of a rotation, the new current key
			}
		}
		if c.Count == 0 {
			return nil
		}
		return v.record(ctx, tx, c)
	})
}

// describe returns the rows as text, for the digests of a change.
func describe(rows []keyRow) []byte {
	var b []byte
	for _, row := range rows {
		b = fmt.Appendf(b, "%d %x %s\n", row.id, row.check, row.state)
	}
	return b
}

func (v *Vault) insertKey(ctx context.Context, tx *sqldb.Tx, key *keyring.Key, state string) error {
	check := key.Check()
	_, err := tx.ExecContext(ctx, `INSERT INTO master_keys (id, check_value, state, added_at) VALUES ($1, $2, $3, $4)`,
		int64(key.ID()), check[:], state, v.now().UnixMicro())
	return err
}

// setState changes the state of a key, and the epoch.
func setState(ctx context.Context, tx *sqldb.Tx, id byte, state string) error {
	if _, err := tx.ExecContext(ctx, `UPDATE master_keys SET state = $1 WHERE id = $2`, state, int64(id)); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, `UPDATE key_epoch SET epoch = epoch + 1 WHERE id = 1`)
	return err
}

// conflictOr returns err as it is if it has kind sesuai.KindConflict, and as one
// of kind sesuai.KindUnavailable or KindConfiguration otherwise.
func conflictOr(ctx context.Context, doing string, err error) error {
	if sesuai.KindOf(err) == sesuai.KindConflict {
		return err
	}
	return sqldb.Unavailable(ctx, doing, err)
}
