// Package vault knows which master keys a database is stored under, and holds
// its secrets, which outlive the master keys. It leaves key files and ciphers to
// package keyring. It leaves what is stored, and moving it from one master key
// to another, to the packages that own the tables.
package vault

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/sqldb"
)

// Options are the parts of a Vault. DB and OpenRing are required.
type Options struct {
	DB *sqldb.DB
	// OpenRing opens the keyring. isNew reports that the database has no keys
	// yet.
	OpenRing func(isNew bool) (*keyring.Ring, error)
	// Record records a change of the master keys, in the transaction that makes
	// it. Open does not call it. Changes are not recorded if it is nil.
	Record func(ctx context.Context, tx *sqldb.Tx, c audit.Change) error
	// Now is the clock that dates rows; time.Now if nil.
	Now func() time.Time
}

// Vault is the keys of a database. It is safe for concurrent use. If another
// process changes the keys, the next call that needs them notices.
//
// Errors have kind sesuai.KindUnavailable unless the method says otherwise.
type Vault struct {
	db      *sqldb.DB
	ring    *keyring.Ring
	record  func(ctx context.Context, tx *sqldb.Tx, c audit.Change) error
	now     func() time.Time
	keys    atomic.Pointer[Keys]
	secrets map[keyring.SecretName]*keyring.Secret
}

// Open opens the keyring, and checks it against the database. In a new database
// it records the first master key and makes the secrets. Errors about missing or
// wrong key files have kind sesuai.KindConfiguration.
func Open(ctx context.Context, o Options) (*Vault, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	v := &Vault{db: o.DB, record: o.Record, now: o.Now}
	if err := v.db.PrepareHot(ctx, selectEpoch); err != nil {
		return nil, err
	}
	_, rows, err := readKeys(ctx, v.db.Read())
	if err != nil {
		return nil, sqldb.Unavailable(ctx, "reading the master keys", err)
	}
	isNew := len(rows) == 0
	if v.ring, err = o.OpenRing(isNew); err != nil {
		return nil, err
	}
	if isNew {
		if err := v.addFirstKey(ctx); err != nil {
			return nil, sqldb.Unavailable(ctx, "recording the first master key", err)
		}
	}
	if err := v.load(ctx); err != nil {
		return nil, err
	}
	if err := v.makeSecrets(ctx); err != nil {
		return nil, sqldb.Unavailable(ctx, "making secrets", err)
	}
	if v.secrets, err = v.readSecrets(ctx, v.db.Read()); err != nil {
		return nil, sqldb.Unavailable(ctx, "reading the secrets", err)
	}
	return v, nil
}

// Secret returns the secret of that name. It is the same for as long as the
// database exists.
func (v *Vault) Secret(name keyring.SecretName) *keyring.Secret { return v.secrets[name] }

// addFirstKey records master key 1, unless another process has.
func (v *Vault) addFirstKey(ctx context.Context) error {
	key, ok := v.ring.Key(1)
	if !ok {
		return &sesuai.Error{Kind: sesuai.KindConfiguration, Detail: "a new database needs master key 1, which is missing"}
	}
	return v.changeKeys(ctx, "", func(tx *sqldb.Tx, rows []keyRow) error {
		if len(rows) > 0 {
			return nil
		}
		return v.insertKey(ctx, tx, key, stateCurrent)
	})
}
