package vault

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/sqldb"
)

// A secret whose key_id is 0 has no value yet. A migration inserts such a row
// for every secret that its version of the schema needs, and Open makes the
// secret. A secret without a row was lost. It is not made again: what it sealed
// could never be opened.
const (
	selectSecretsToMake = `SELECT name FROM secrets WHERE key_id = 0`

	selectSecrets = `SELECT name, key_id, sealed FROM secrets WHERE key_id <> 0`

	updateSecret = `UPDATE secrets SET key_id = $1, sealed = $2 WHERE name = $3`
)

// makeSecrets makes the secrets that have no value yet.
func (v *Vault) makeSecrets(ctx context.Context) error {
	if names, err := secretsToMake(ctx, v.db.Read()); err != nil || len(names) == 0 {
		return err
	}
	return v.changeKeys(ctx, "", func(tx *sqldb.Tx, rows []keyRow) error {
		key, err := v.currentKey(rows)
		if err != nil {
			return err
		}
		names, err := secretsToMake(ctx, tx) // another process may have made them
		if err != nil {
			return err
		}
		for _, name := range names {
			if err := storeSecret(ctx, tx, key, name, keyring.NewSecret()); err != nil {
				return err
			}
		}
		return nil
	})
}

func secretsToMake(ctx context.Context, q sqldb.Querier) ([]keyring.SecretName, error) {
	return sqldb.Collect(ctx, q, func(rows *sql.Rows) (name keyring.SecretName, err error) {
		return name, rows.Scan(&name)
	}, selectSecretsToMake)
}

// storeSecret stores a secret, sealed with key.
func storeSecret(ctx context.Context, tx *sqldb.Tx, key *keyring.Key, name keyring.SecretName, s *keyring.Secret) error {
	_, err := tx.ExecContext(ctx, updateSecret, int64(key.ID()), key.Seal(keyring.Secrets, 0, s.Raw(), bindSecret(name)), string(name))
	return err
}

// readSecrets opens the secrets. They never change.
func (v *Vault) readSecrets(ctx context.Context, q sqldb.Querier) (map[keyring.SecretName]*keyring.Secret, error) {
	secrets := make(map[keyring.SecretName]*keyring.Secret)
	_, err := sqldb.Collect(ctx, q, func(rows *sql.Rows) (struct{}, error) {
		var name keyring.SecretName
		var id byte
		var sealed []byte
		if err := rows.Scan(&name, &id, &sealed); err != nil {
			return struct{}{}, err
		}
		key, ok := v.ring.Key(id)
		if !ok {
			return struct{}{}, errStaleKeys
		}
		raw, err := key.Open(keyring.Secrets, 0, sealed, bindSecret(name))
		if err != nil {
			return struct{}{}, err
		}
		secrets[name], err = keyring.SecretOf(raw)
		return struct{}{}, err
	}, selectSecrets)
	if err != nil {
		return nil, err
	}
	for _, name := range keyring.SecretNames() {
		if secrets[name] == nil {
			return nil, fmt.Errorf("the secret %q is missing", name)
		}
	}
	return secrets, nil
}

func bindSecret(name keyring.SecretName) []byte {
	return keyring.Bind("secrets.sealed", []byte(name))
}
