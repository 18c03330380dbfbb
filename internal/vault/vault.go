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
	// Adopt gives the rows of other packages their MACs. It runs once in the life
	// of a database, in the transaction that brings one of an earlier schema up to
	// schema 6. secret returns the secret of a name. Adopt may be nil.
	Adopt func(ctx context.Context, tx *sqldb.Tx, secret func(keyring.SecretName) *keyring.Secret) error
	// ReadOnly has Open refuse a database in which it would record something, as an
	// error of kind sesuai.KindConfiguration.
	ReadOnly bool
	// Alert is called with the name of the table when the rows of the master keys
	// are not as the program wrote them. It may be nil.
	Alert func(table string)
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
	alert   func(table string)
	keys    atomic.Pointer[Keys]
	secrets map[keyring.SecretName]*keyring.Secret
}

// Open opens the keyring, and checks it against the database. In a new database
// it records the first master key and makes the secrets. Errors about missing or
// wrong key files, and about master keys or secrets that are not as the program
// wrote them, have kind sesuai.KindConfiguration.
func Open(ctx context.Context, o Options) (*Vault, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Alert == nil {
		o.Alert = func(string) {}
	}
	v := &Vault{db: o.DB, record: o.Record, now: o.Now, alert: o.Alert}
	if err := v.db.PrepareHot(ctx, SelectEpoch); err != nil {
		return nil, err
	}
	s, err := readState(ctx, v.db.Read())
	if err != nil {
		return nil, sqldb.Unavailable(ctx, "reading the master keys", err)
	}
	if s.mac == nil && o.ReadOnly {
		return nil, &sesuai.Error{
			Kind: sesuai.KindConfiguration, Detail: v.db.Name() + " has no master key yet, or those of an earlier version; sesuai serve records them",
		}
	}
	if v.ring, err = o.OpenRing(len(s.rows) == 0); err != nil {
		return nil, err
	}
	if s.mac == nil {
		if err := v.establish(ctx, o.Adopt); err != nil {
			return nil, sqldb.Unavailable(ctx, "recording the master keys", err)
		}
		if s, err = readState(ctx, v.db.Read()); err != nil {
			return nil, sqldb.Unavailable(ctx, "reading the master keys", err)
		}
	}
	if _, err := v.keysOf(s); err != nil { // without the keys no secret opens
		return nil, err
	}
	if v.secrets, err = v.readSecrets(ctx, v.db.Read()); err != nil {
		return nil, sqldb.Unavailable(ctx, "reading the secrets", err)
	}
	if err := v.load(ctx); err != nil {
		return nil, err
	}
	return v, nil
}

// Secret returns the secret of that name. It is the same for as long as the
// database exists, unless TakeSecretTx has replaced it while nothing depended on it.
func (v *Vault) Secret(name keyring.SecretName) *keyring.Secret { return v.secrets[name] }
