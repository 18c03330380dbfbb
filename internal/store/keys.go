package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/keyring"
)

// The states of a master key, in the order in which it has them.
const (
	// keyAdded: it is there, and nothing is stored under it yet.
	keyAdded = "added"
	// keyCurrent: what is written is stored under it; one key at a time.
	keyCurrent = "current"
	// keyRetiring: what was stored under it is being moved to the current one.
	keyRetiring = "retiring"
	// keyRetired: nothing is stored under it any more.
	keyRetired = "retired"
)

const (
	selectEpoch = `SELECT epoch FROM key_epoch WHERE id = 1`

	selectKeys = `SELECT id, check_value, state, added_at FROM master_keys ORDER BY id`

	selectSecrets = `SELECT name, key_id, sealed FROM secrets`
)

// errStaleKeys: the master keys have other states than was thought.
var errStaleKeys = errors.New("the master keys have changed")

// keySet is which master keys the rows of people are under, as of an epoch.
// It does not change.
type keySet struct {
	epoch   int64
	current *keyring.Key
	// retiring are the others, newest first.
	retiring []*keyring.Key
}

// order is the keys in the order in which a person's rows are looked for:
// those under a retiring key may be moved between two looks, and only ever to
// the current one.
func (k *keySet) order() []*keyring.Key {
	if len(k.retiring) == 0 {
		return []*keyring.Key{k.current}
	}
	return slices.Concat([]*keyring.Key{k.current}, k.retiring, []*keyring.Key{k.current})
}

// querier is what a *sql.DB and a *sql.Tx have in common.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// masterKey is a row of master_keys.
type masterKey struct {
	id      byte
	check   []byte
	state   string
	addedAt int64
}

// readKeys reads the epoch and the master keys' states, in this order: a set
// that is newer than its epoch is found stale once more than needed.
func readKeys(ctx context.Context, q querier) (epoch int64, keys []masterKey, err error) {
	if err := q.QueryRowContext(ctx, selectEpoch).Scan(&epoch); err != nil {
		return 0, nil, err
	}
	rows, err := q.QueryContext(ctx, selectKeys)
	if err != nil {
		return 0, nil, err
	}
	defer rows.Close() //nolint:errcheck // rows.Err says it
	for rows.Next() {
		var k masterKey
		if err := rows.Scan(&k.id, &k.check, &k.state, &k.addedAt); err != nil {
			return 0, nil, err
		}
		keys = append(keys, k)
	}
	return epoch, keys, rows.Err()
}

// loadKeys reads the states of the master keys again, and the files of those
// that have come since. An error of kind sesuai.KindConfiguration says which
// key is missing or another one.
func (s *Store) loadKeys(ctx context.Context) error {
	epoch, keys, err := readKeys(ctx, s.write)
	if err != nil {
		return unavailable(ctx, "reading the master keys", err)
	}
	if err := s.ring.Refresh(); err != nil {
		return err
	}
	set := &keySet{epoch: epoch}
	for _, k := range slices.Backward(keys) {
		if k.state != keyCurrent && k.state != keyRetiring {
			continue
		}
		key, ok := s.ring.Key(k.id)
		if !ok {
			return &sesuai.Error{
				Kind:   sesuai.KindConfiguration,
				Detail: fmt.Sprintf("master key %d, which %s needs, is not there; put its file beside the first one", k.id, s.db.name()),
			}
		}
		if !key.Matches(k.check) {
			return &sesuai.Error{
				Kind:   sesuai.KindConfiguration,
				Detail: fmt.Sprintf("%s was made with another master key; without that one it cannot be read", s.db.name()),
			}
		}
		if k.state == keyCurrent {
			set.current = key
		} else {
			set.retiring = append(set.retiring, key)
		}
	}
	if set.current == nil {
		return unavailable(ctx, "reading the master keys", errors.New("there is no current one"))
	}
	s.keySet.Store(set)
	return nil
}

// reloadKeys is loadKeys while the store is in use: then whatever is wrong is
// that nothing can be answered.
func (s *Store) reloadKeys(ctx context.Context) error {
	err := s.loadKeys(ctx)
	if e, ok := errors.AsType[*sesuai.Error](err); ok && e.Kind == sesuai.KindConfiguration {
		return &sesuai.Error{Kind: sesuai.KindUnavailable, Err: errors.New(e.Detail)}
	}
	return err
}

// firstKeys records the first master key and the secrets in a database that
// has none. Of several processes that do it at once, one does.
func (s *Store) firstKeys(ctx context.Context) error {
	key, ok := s.ring.Key(1)
	if !ok {
		return &sesuai.Error{Kind: sesuai.KindConfiguration, Detail: "a new database begins with the first master key, which is not there"}
	}
	return s.inTx(ctx, func(tx *transaction) error {
		if err := s.db.lockKeys(ctx, tx, true); err != nil {
			return err
		}
		if _, keys, err := readKeys(ctx, tx); err != nil || len(keys) > 0 {
			return err
		}
		check := key.Check()
		if _, err := tx.ExecContext(ctx,
			`INSERT INTO master_keys (id, check_value, state, added_at) VALUES ($1, $2, $3, $4)`,
			int64(key.ID()), check[:], keyCurrent, s.now()); err != nil {
			return err
		}
		for _, name := range keyring.SecretNames() {
			if _, err := tx.ExecContext(ctx, `INSERT INTO secrets (name, key_id, sealed) VALUES ($1, $2, $3)`,
				string(name), int64(key.ID()), sealSecret(key, name, keyring.NewSecret())); err != nil {
				return err
			}
		}
		return nil
	})
}

// laterSecrets are those that a database of schema 3 has not: none is made
// where there is anything that it would be needed for.
var laterSecrets = map[keyring.SecretName]string{
	keyring.StrangerLink: "strangers", keyring.Strangers: "strangers", keyring.Returns: "returns",
}

// addLaterSecrets records those that have come with a later schema. Of several
// processes that do it at once, one does.
func (s *Store) addLaterSecrets(ctx context.Context) error {
	const countSecrets = `SELECT count(*) FROM secrets`
	var there int
	if err := s.write.QueryRowContext(ctx, countSecrets).Scan(&there); err != nil {
		return err
	}
	if there == len(keyring.SecretNames()) {
		return nil
	}
	return s.inTx(ctx, func(tx *transaction) error {
		if err := s.db.lockKeys(ctx, tx, true); err != nil {
			return err
		}
		_, keys, err := readKeys(ctx, tx)
		if err != nil {
			return err
		}
		at := slices.IndexFunc(keys, func(k masterKey) bool { return k.state == keyCurrent })
		if at < 0 {
			return errStaleKeys
		}
		key, ok := s.ring.Key(keys[at].id)
		if !ok {
			return errStaleKeys
		}
		for name, table := range laterSecrets {
			if _, err := tx.ExecContext(ctx, `
				INSERT INTO secrets (name, key_id, sealed) SELECT $1, $2, $3
				WHERE NOT EXISTS (SELECT 1 FROM `+table+`)
				ON CONFLICT (name) DO NOTHING`,
				string(name), int64(key.ID()), sealSecret(key, name, keyring.NewSecret())); err != nil {
				return err
			}
		}
		return nil
	})
}

// loadSecrets opens the secrets, which never change.
func (s *Store) loadSecrets(ctx context.Context) error {
	secrets, err := s.readSecrets(ctx, s.write)
	if err != nil {
		return unavailable(ctx, "reading the secrets", err)
	}
	s.secrets = secrets
	return nil
}

func (s *Store) readSecrets(ctx context.Context, q querier) (map[keyring.SecretName]*keyring.Secret, error) {
	rows, err := q.QueryContext(ctx, selectSecrets)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // rows.Err says it
	secrets := make(map[keyring.SecretName]*keyring.Secret)
	for rows.Next() {
		var name keyring.SecretName
		var id byte
		var sealed []byte
		if err := rows.Scan(&name, &id, &sealed); err != nil {
			return nil, err
		}
		key, ok := s.ring.Key(id)
		if !ok {
			return nil, errStaleKeys
		}
		raw, err := key.Open(keyring.Secrets, 0, sealed, bind("secrets.sealed", []byte(name)))
		if err != nil {
			return nil, err
		}
		if secrets[name], err = keyring.SecretOf(raw); err != nil {
			return nil, err
		}
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	for _, name := range keyring.SecretNames() {
		if secrets[name] == nil {
			return nil, fmt.Errorf("the secret %q is missing", name)
		}
	}
	return secrets, nil
}

func sealSecret(key *keyring.Key, name keyring.SecretName, secret *keyring.Secret) []byte {
	return key.Seal(keyring.Secrets, 0, secret.Raw(), bind("secrets.sealed", []byte(name)))
}

// Hasher is the keyed hash of a secret of the database.
func (s *Store) Hasher(name keyring.SecretName) func(b []byte) [32]byte { return s.secrets[name].Hash }

// maxStale is how often a call may find that the master keys have changed
// before it gives up: they change a few times in a rotation.
const maxStale = 5

// look calls read with the keys of the person's rows under one master key after
// the other, until it finds the person. That it is found under none means that
// nobody is on record, and nothing else: db is asked whether the keys are still
// those. db is what read reads.
func (s *Store) look(ctx context.Context, db querier, nik sesuai.NIK, read func(k rowKeys) (found bool, err error)) error {
	for range maxStale {
		set := s.keySet.Load()
		for _, key := range set.order() {
			if found, err := read(keysUnder(key, nik)); found || err != nil {
				return err
			}
		}
		var epoch int64
		if err := db.QueryRowContext(ctx, selectEpoch).Scan(&epoch); err != nil {
			return err
		}
		if epoch == set.epoch {
			return nil
		}
		if err := s.reloadKeys(ctx); err != nil {
			return err
		}
	}
	return errStaleKeys
}

// changePeople runs f in a transaction in which the master keys stay as they
// are in the set.
func (s *Store) changePeople(ctx context.Context, f func(tx *transaction, set *keySet) error) error {
	for range maxStale {
		set := s.keySet.Load()
		err := s.inTx(ctx, func(tx *transaction) error {
			if err := s.db.lockKeys(ctx, tx, false); err != nil {
				return err
			}
			var epoch int64
			if err := tx.QueryRowContext(ctx, selectEpoch).Scan(&epoch); err != nil {
				return err
			}
			if epoch != set.epoch {
				return errStaleKeys
			}
			return f(tx, set)
		})
		switch {
		case err == nil:
			return nil
		case errors.Is(err, errStaleKeys):
			if err := s.reloadKeys(ctx); err != nil {
				return err
			}
		case !s.db.retryable(err):
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return errors.New("others keep changing the same people")
}
