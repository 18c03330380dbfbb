package vault

import (
	"context"
	"crypto/hmac"
	"database/sql"
	"fmt"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/sqldb"
)

// A secret whose key_id is 0 has no value yet. A migration inserts such a row
// for every secret that its version of the schema needs, and establish makes the
// secret. A secret without a row was lost. It is not made again: what it sealed
// could never be opened.
const (
	selectSecrets = `SELECT name, key_id, sealed FROM secrets`

	updateSecret = `UPDATE secrets SET key_id = $1, sealed = $2 WHERE name = $3`
)

// establish makes the secrets of a database whose master keys have no MAC yet, and
// then the MAC, unless another process has. Such a database is new, or one of a
// schema before 6, whose rows adopt gives their MACs.
//
// Until schema 6 secrets were sealed in another form, which only establish opens,
// and which it replaces. So whoever deletes the MAC, or sets the version of the
// schema back, does not get forged rows adopted: the secrets do not open.
func (v *Vault) establish(ctx context.Context, adopt func(context.Context, *sqldb.Tx, func(keyring.SecretName) *keyring.Secret) error) error {
	return v.db.InTx(ctx, func(tx *sqldb.Tx) error {
		if err := tx.Lock(ctx, keysLock); err != nil {
			return err
		}
		s, err := readState(ctx, tx)
		if err != nil || s.mac != nil {
			return err
		}
		isNew := len(s.rows) == 0
		if isNew {
			if s, err = v.addFirstKey(ctx, tx); err != nil {
				return err
			}
		}
		keys, err := v.keysOf(s)
		if err != nil {
			return err
		}
		secrets, err := v.makeSecrets(ctx, tx, keys.Current, isNew)
		if err != nil {
			return err
		}
		if !isNew && adopt != nil {
			secret := func(name keyring.SecretName) *keyring.Secret { return secrets[name] }
			if err := adopt(ctx, tx, secret); err != nil {
				return err
			}
		}
		return sign(ctx, tx, secrets[keyring.Rows])
	})
}

// addFirstKey records master key 1.
func (v *Vault) addFirstKey(ctx context.Context, tx *sqldb.Tx) (state, error) {
	key, ok := v.ring.Key(1)
	if !ok {
		return state{}, &sesuai.Error{Kind: sesuai.KindConfiguration, Detail: "a new database needs master key 1, which is missing"}
	}
	if err := v.insertKey(ctx, tx, key, stateCurrent); err != nil {
		return state{}, err
	}
	return readState(ctx, tx)
}

// makeSecrets makes the secrets that have no value yet, and seals all in the form
// of schema 6. None may have a value if the database is new.
func (v *Vault) makeSecrets(ctx context.Context, tx *sqldb.Tx, current *keyring.Key, isNew bool) (map[keyring.SecretName]*keyring.Secret, error) {
	rows, err := sqldb.Collect(ctx, tx, scanSecret, selectSecrets)
	if err != nil {
		return nil, err
	}
	secrets := make(map[keyring.SecretName]*keyring.Secret)
	for _, r := range rows {
		secret := keyring.NewSecret()
		if r.keyID != 0 {
			if secret, err = v.openSecret(r, bindOldSecret(r.name)); err != nil || isNew {
				return nil, v.altered("the secrets are not those of a database that is new or of a schema before 6")
			}
		}
		secrets[r.name] = secret
		if err := storeSecret(ctx, tx, current, r.name, secret); err != nil {
			return nil, err
		}
	}
	return secrets, missing(secrets)
}

// secretRow is a row of secrets.
type secretRow struct {
	name   keyring.SecretName
	keyID  byte
	sealed []byte
}

func scanSecret(rows *sql.Rows) (r secretRow, err error) {
	return r, rows.Scan(&r.name, &r.keyID, &r.sealed)
}

// storeSecret stores a secret, sealed with key.
func storeSecret(ctx context.Context, tx *sqldb.Tx, key *keyring.Key, name keyring.SecretName, s *keyring.Secret) error {
	_, err := tx.ExecContext(ctx, updateSecret, int64(key.ID()), key.Seal(keyring.Secrets, 0, s.Raw(), bindSecret(name)), string(name))
	return err
}

// TakeSecretTx replaces a secret by that of another vault, in a transaction of
// Change. Nothing may be stored that depends on the former one. Secret returns the
// former one until the vault is opened again.
func (v *Vault) TakeSecretTx(ctx context.Context, tx *sqldb.Tx, keys *Keys, name keyring.SecretName, from *Vault) error {
	return storeSecret(ctx, tx, keys.Current, name, from.Secret(name))
}

// HasSecret reports whether the secret of that name is that of another vault.
func (v *Vault) HasSecret(name keyring.SecretName, from *Vault) bool {
	return hmac.Equal(v.Secret(name).Raw(), from.Secret(name).Raw())
}

// readSecrets opens the secrets. They change only by TakeSecretTx. One without a value was made
// and is lost.
func (v *Vault) readSecrets(ctx context.Context, q sqldb.Querier) (map[keyring.SecretName]*keyring.Secret, error) {
	rows, err := sqldb.Collect(ctx, q, scanSecret, selectSecrets)
	if err != nil {
		return nil, err
	}
	secrets := make(map[keyring.SecretName]*keyring.Secret)
	for _, r := range rows {
		if r.keyID == 0 {
			continue
		}
		if secrets[r.name], err = v.openSecret(r, bindSecret(r.name)); err != nil {
			return nil, err
		}
	}
	return secrets, missing(secrets)
}

// missing returns an error if there are not all secrets.
func missing(secrets map[keyring.SecretName]*keyring.Secret) error {
	for _, name := range keyring.SecretNames() {
		if secrets[name] == nil {
			return fmt.Errorf("the secret %q is missing", name)
		}
	}
	return nil
}

// openSecret opens the secret of a row.
func (v *Vault) openSecret(r secretRow, associated []byte) (*keyring.Secret, error) {
	key, ok := v.ring.Key(r.keyID)
	if !ok {
		return nil, errStaleKeys
	}
	raw, err := key.Open(keyring.Secrets, 0, r.sealed, associated)
	if err != nil {
		return nil, err
	}
	return keyring.SecretOf(raw)
}

// secretForm is the version of the form in which secrets are sealed: the first
// schema that had it.
const secretForm = 6

func bindSecret(name keyring.SecretName) []byte {
	return keyring.Bind("secrets.sealed", []byte(name), []byte{secretForm})
}

// bindOldSecret is bindSecret until schema 5.
func bindOldSecret(name keyring.SecretName) []byte {
	return keyring.Bind("secrets.sealed", []byte(name))
}
