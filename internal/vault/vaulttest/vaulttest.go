// Package vaulttest turns the tables of package vault back into those of an earlier
// schema, for tests of upgrades. It is for tests only, and leaves the tables of
// other packages to them.
package vaulttest

import (
	"database/sql"
	"testing"

	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/sqldb"
)

// Downgrade makes the tables of vault those of that schema, which is 5 or earlier.
// keys is the file of the first master key.
func Downgrade(t testing.TB, db *sqldb.DB, keys string, schema int) {
	t.Helper()
	ring, err := keyring.Open(t.Context(), keyring.Options{Path: keys})
	if err != nil {
		t.Fatal(err)
	}
	statements := []string{
		`DELETE FROM secrets WHERE name IN ('rows', 'people sums')`, `ALTER TABLE key_epoch DROP COLUMN mac`,
	}
	if schema < 4 {
		statements = append(statements, `DELETE FROM secrets WHERE name IN ('stranger link', 'strangers', 'returns')`)
	}
	err = db.InTx(t.Context(), func(tx *sqldb.Tx) error {
		if err := sealAgain(t, tx, ring); err != nil {
			return err
		}
		for _, s := range statements {
			if _, err := tx.ExecContext(t.Context(), s); err != nil {
				return err
			}
		}
		_, err := tx.ExecContext(t.Context(), `DELETE FROM schema_versions WHERE version_id > $1`, schema)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// sealAgain seals the secrets in the form that they had until schema 5.
func sealAgain(t testing.TB, tx *sqldb.Tx, ring *keyring.Ring) error {
	t.Helper()
	type secret struct {
		name   string
		id     byte
		sealed []byte
	}
	secrets, err := sqldb.Collect(t.Context(), tx, func(rows *sql.Rows) (s secret, err error) {
		return s, rows.Scan(&s.name, &s.id, &s.sealed)
	}, `SELECT name, key_id, sealed FROM secrets`)
	if err != nil {
		return err
	}
	for _, s := range secrets {
		key, ok := ring.Key(s.id)
		if !ok {
			t.Fatalf("master key %d is missing", s.id)
		}
		raw, err := key.Open(keyring.Secrets, 0, s.sealed, keyring.Bind("secrets.sealed", []byte(s.name), []byte{6}))
		if err != nil {
			return err
		}
		old := key.Seal(keyring.Secrets, 0, raw, keyring.Bind("secrets.sealed", []byte(s.name)))
		if _, err := tx.ExecContext(t.Context(), `UPDATE secrets SET sealed = $1 WHERE name = $2`, old, s.name); err != nil {
			return err
		}
	}
	return nil
}
