package vault_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/sqldb"
	"github.com/sesuai/sesuai/internal/sqldb/pgtest"
	"github.com/sesuai/sesuai/internal/sqldb/sqltest"
	"github.com/sesuai/sesuai/internal/vault"
	"github.com/sesuai/sesuai/internal/vault/vaulttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(pgtest.Main{M: m}) }

var engines = sqltest.New(vault.Migrations)

// tryOpen opens a vault on a database, with the key files of a folder.
func tryOpen(t testing.TB, db *sqldb.DB, keys string) (*vault.Vault, error) {
	return vault.Open(t.Context(), vault.Options{DB: db, OpenRing: func(isNew bool) (*keyring.Ring, error) {
		return keyring.Open(t.Context(), keyring.Options{Path: filepath.Join(keys, keyring.FileName), Create: isNew})
	}})
}

// open opens a vault on a connection of its own.
func open(t testing.TB, d sqltest.Database) *vault.Vault {
	t.Helper()
	v, err := tryOpen(t, d.Open(t), d.Dir)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func addKey(t *testing.T, v *vault.Vault, want byte) {
	t.Helper()
	if id, err := v.AddKey(t.Context()); err != nil || id != want {
		t.Fatalf("AddKey = %d, %v, want %d", id, err, want)
	}
}

func startRotation(t *testing.T, v *vault.Vault) {
	t.Helper()
	if err := v.StartRotation(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// ids are the numbers of keys.
func ids(keys []*keyring.Key) (all []byte) {
	for _, k := range keys {
		all = append(all, k.ID())
	}
	return all
}

func assertKeys(t *testing.T, keys *vault.Keys, all, order []byte) {
	t.Helper()
	if got := ids(keys.All()); !bytes.Equal(got, all) || keys.Current.ID() != all[0] {
		t.Errorf("the keys are %v and %d is current, want %v", got, keys.Current.ID(), all)
	}
	if got := ids(keys.Order()); !bytes.Equal(got, order) {
		t.Errorf("they are looked for in the order %v, want %v", got, order)
	}
}

func TestOpenTogether(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		vaults := make([]*vault.Vault, 4)
		var group sync.WaitGroup
		for i := range vaults {
			db := d.Open(t)
			group.Go(func() {
				var err error
				if vaults[i], err = tryOpen(t, db, d.Dir); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		if t.Failed() {
			return
		}
		for _, name := range keyring.SecretNames() {
			for _, v := range vaults {
				if !bytes.Equal(v.Secret(name).Raw(), vaults[0].Secret(name).Raw()) {
					t.Errorf("two vaults have different secrets of the name %q", name)
				}
			}
		}
		assertKeys(t, vaults[0].Keys(), []byte{1}, []byte{1})
	})
}

func TestOpenRefusesAnotherKey(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		open(t, d)
		other := t.TempDir()
		if _, err := keyring.Open(t.Context(), keyring.Options{Path: filepath.Join(other, keyring.FileName), Create: true}); err != nil {
			t.Fatal(err)
		}
		_, err := tryOpen(t, d.Open(t), other)
		if sesuai.KindOf(err) != sesuai.KindConfiguration || !strings.Contains(err.Error(), "another master key") {
			t.Errorf("Open = %v", err)
		}
		if _, err := tryOpen(t, d.Open(t), t.TempDir()); sesuai.KindOf(err) != sesuai.KindConfiguration {
			t.Errorf("Open without a key = %v", err)
		}
		open(t, d) // the refusal has changed nothing
	})
}

func TestRotation(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		v, other := open(t, d), open(t, d)
		if err := v.StartRotation(t.Context()); sesuai.KindOf(err) != sesuai.KindConflict {
			t.Errorf("StartRotation without another key = %v", err)
		}
		addKey(t, v, 2)
		if _, err := v.AddKey(t.Context()); sesuai.KindOf(err) != sesuai.KindConflict {
			t.Errorf("AddKey again = %v", err)
		}
		assertKeys(t, v.Keys(), []byte{1}, []byte{1})
		startRotation(t, v)
		assertKeys(t, v.Keys(), []byte{2, 1}, []byte{2, 1, 2})
		startRotation(t, v) // it goes on
		addKey(t, v, 3)
		startRotation(t, v)
		assertKeys(t, v.Keys(), []byte{2, 1}, []byte{2, 1, 2})

		// Another process notices when it needs the keys.
		assertKeys(t, other.Keys(), []byte{1}, []byte{1})
		var looked []byte
		err := other.Find(t.Context(), func(key *keyring.Key) (bool, int64, error) {
			looked = append(looked, key.ID())
			return false, epoch(t, d), nil
		})
		if err != nil || !bytes.Equal(looked, []byte{1, 2, 1, 2}) {
			t.Errorf("Find has looked under %v, %v", looked, err)
		}
		if err := v.Retire(t.Context(), v.Keys().Retiring[0]); err != nil {
			t.Fatal(err)
		}
		tries := 0
		err = other.Change(t.Context(), func(_ *sqldb.Tx, keys *vault.Keys) error {
			tries++
			assertKeys(t, keys, []byte{2}, []byte{2})
			return nil
		})
		if err != nil || tries != 1 {
			t.Errorf("Change has called %d times, %v", tries, err)
		}
		list, err := v.List(t.Context())
		for i := range list {
			if list[i].AddedAt.After(time.Now()) || list[i].AddedAt.Before(time.Now().Add(-time.Hour)) {
				t.Errorf("key %d was added at %v", i+1, list[i].AddedAt)
			}
			list[i].AddedAt = time.Time{}
		}
		want := []vault.MasterKey{{ID: 1, State: "retired", There: true}, {ID: 2, State: "current", There: true}, {ID: 3, State: "added", There: true}}
		if d := cmp.Diff(want, list); d != "" || err != nil {
			t.Errorf("List (-want +got), %v:\n%s", err, d)
		}
		// The secrets are sealed with the current key now: without the first
		// one they are as before.
		if err := os.Remove(filepath.Join(d.Dir, keyring.FileName)); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(open(t, d).Secret(keyring.AuditNIK).Raw(), v.Secret(keyring.AuditNIK).Raw()) {
			t.Error("a secret has changed")
		}
	})
}

// epoch reads the epoch of the keys.
func epoch(t *testing.T, d sqltest.Database) (epoch int64) {
	t.Helper()
	if err := d.Open(t).Read().QueryRowContext(t.Context(), vault.SelectEpoch).Scan(&epoch); err != nil {
		t.Fatal(err)
	}
	return epoch
}

// TestFindStops at a row that is found, and at an error.
func TestFindStops(t *testing.T) {
	d := engines.SQLite(t)
	v := open(t, d)
	addKey(t, v, 2)
	startRotation(t, v)
	for want, answer := range map[int]func() (bool, error){
		1: func() (bool, error) { return true, nil },
		2: func() (bool, error) { return false, errors.New("no") },
		3: func() (bool, error) { return false, nil },
	} {
		looks := 0
		err := v.Find(t.Context(), func(*keyring.Key) (bool, int64, error) {
			if looks++; want == 3 || looks == want {
				found, err := answer()
				return found, epoch(t, d), err
			}
			return false, 0, nil // only the last one counts
		})
		if looks != want || (err != nil) != (want == 2) {
			t.Errorf("Find has looked %d times, want %d; %v", looks, want, err)
		}
	}
}

// TestChangeExcludesARotation: the keys do not change during a Change.
func TestChangeExcludesARotation(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		v, other := open(t, d), open(t, d)
		addKey(t, v, 2)
		err := v.Change(t.Context(), func(_ *sqldb.Tx, keys *vault.Keys) error {
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			if err := other.StartRotation(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("StartRotation during a Change = %v", err)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		startRotation(t, other)
	})
}

// downgrade makes a database of an open vault one of an earlier schema.
func downgrade(t *testing.T, d sqltest.Database, schema int) {
	t.Helper()
	vaulttest.Downgrade(t, d.Open(t), filepath.Join(d.Dir, keyring.FileName), schema)
}

// TestSecretsThatCameLater: a database of schema 3 has not all secrets. They are
// made when it is opened, also during a rotation. But a secret that is lost is
// not made again: it may be needed for what is there.
func TestSecretsThatCameLater(t *testing.T) {
	const later = `name IN ('stranger link', 'strangers', 'returns', 'people sums', 'rows')`
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		v := open(t, d)
		addKey(t, v, 2)
		startRotation(t, v)
		downgrade(t, d, 3)
		var vaults []*vault.Vault
		for range 2 {
			vaults = append(vaults, open(t, d))
		}
		for _, name := range keyring.SecretNames() {
			raw := vaults[0].Secret(name).Raw()
			if !bytes.Equal(raw, vaults[1].Secret(name).Raw()) {
				t.Errorf("two vaults have different secrets of the name %q", name)
			}
			isNew := slices.Contains([]keyring.SecretName{
				keyring.UnenrolledLink, keyring.UnenrolledProbes, keyring.Outbox, keyring.PeopleSums, keyring.Rows,
			}, name)
			if bytes.Equal(raw, v.Secret(name).Raw()) == isNew {
				t.Errorf("the secret of the name %q is new: %v", name, !isNew)
			}
		}

		d.Exec(t, `CREATE TABLE copies AS SELECT * FROM secrets`)
		for _, lost := range []string{`name = 'audit nik'`, `name = 'strangers'`, later} {
			for _, statement := range []string{`DELETE FROM secrets WHERE `, `UPDATE secrets SET key_id = 0, sealed = x'' WHERE `} {
				d.Exec(t, statement+lost)
				if _, err := tryOpen(t, d.Open(t), d.Dir); err == nil || !strings.Contains(err.Error(), "is missing") {
					t.Errorf("%s: a lost secret was made again: %v", lost, err)
				}
				d.Exec(t, `DELETE FROM secrets`)
				d.Exec(t, `INSERT INTO secrets SELECT * FROM copies`)
			}
		}
	})
}

// TestUpgradeOfADatabaseWithoutKeys: one that was migrated and never opened.
func TestUpgradeOfADatabaseWithoutKeys(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		db := d.Open(t)
		err := db.InTx(t.Context(), func(tx *sqldb.Tx) error {
			for _, statement := range []string{
				`DELETE FROM secrets`, `ALTER TABLE key_epoch DROP COLUMN mac`, `DELETE FROM schema_versions WHERE version_id > 3`,
			} {
				if _, err := tx.ExecContext(t.Context(), statement); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		open(t, d)
	})
}

// TestAdopt: rows of other tables are adopted once, with the secrets that the
// vault has afterwards, and never in a new database.
func TestAdopt(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		var adopted []*keyring.Secret
		tryAdopt := func() (*vault.Vault, error) {
			return vault.Open(t.Context(), vault.Options{
				DB: d.Open(t),
				OpenRing: func(isNew bool) (*keyring.Ring, error) {
					return keyring.Open(t.Context(), keyring.Options{Path: filepath.Join(d.Dir, keyring.FileName), Create: isNew})
				},
				Adopt: func(_ context.Context, _ *sqldb.Tx, secret func(keyring.SecretName) *keyring.Secret) error {
					adopted = append(adopted, secret(keyring.Rows))
					return nil
				},
			})
		}
		adopt := func(want int) *vault.Vault {
			t.Helper()
			v, err := tryAdopt()
			if err != nil {
				t.Fatal(err)
			}
			if len(adopted) != want {
				t.Fatalf("rows were adopted %d times, want %d", len(adopted), want)
			}
			return v
		}
		adopt(0)
		downgrade(t, d, 5)
		v := adopt(1)
		if !bytes.Equal(adopted[0].Raw(), v.Secret(keyring.Rows).Raw()) {
			t.Error("rows were adopted with another secret")
		}
		adopt(1)

		// Whoever writes the database cannot have rows adopted again.
		for _, statements := range [][]string{
			{`UPDATE key_epoch SET mac = NULL`},
			{`UPDATE key_epoch SET mac = NULL`, `UPDATE secrets SET key_id = 0, sealed = x'' WHERE name = 'rows'`},
			{`ALTER TABLE key_epoch DROP COLUMN mac`, `DELETE FROM secrets WHERE name IN ('rows', 'people sums')`, `DELETE FROM schema_versions WHERE version_id > 5`},
			{`UPDATE key_epoch SET mac = NULL`, `DELETE FROM master_keys`},
		} {
			for _, statement := range statements {
				d.Exec(t, statement)
			}
			if _, err := tryAdopt(); sesuai.KindOf(err) != sesuai.KindConfiguration || len(adopted) != 1 {
				t.Errorf("%q: Open = %v, and rows were adopted %d times", statements, err, len(adopted))
			}
		}
	})
}

// TestAlteredKeys: the rows of the master keys are not used if somebody else has
// changed them, by a process that serves or by one that starts.
func TestAlteredKeys(t *testing.T) {
	for _, change := range []string{
		`UPDATE key_epoch SET epoch = epoch + 1`,
		`UPDATE key_epoch SET epoch = epoch + 1, mac = x'00'`,
		`UPDATE master_keys SET state = 'retired' WHERE id = 1`,
		`UPDATE master_keys SET state = CASE id WHEN 1 THEN 'current' ELSE 'added' END`,
		`UPDATE master_keys SET added_at = added_at + 1 WHERE id = 2`,
		`UPDATE master_keys SET check_value = x'00' WHERE id = 3`,
		`DELETE FROM master_keys WHERE id = 1`,
	} {
		engines.Each(t, func(t *testing.T, d sqltest.Database) {
			var alerts []string
			v, err := vault.Open(t.Context(), vault.Options{
				DB: d.Open(t),
				OpenRing: func(isNew bool) (*keyring.Ring, error) {
					return keyring.Open(t.Context(), keyring.Options{Path: filepath.Join(d.Dir, keyring.FileName), Create: isNew})
				},
				Alert: func(table string) { alerts = append(alerts, table) },
			})
			if err != nil {
				t.Fatal(err)
			}
			addKey(t, v, 2)
			startRotation(t, v)
			addKey(t, v, 3)
			d.Exec(t, change)
			if err := v.Reload(t.Context()); sesuai.KindOf(err) != sesuai.KindUnavailable || !slices.Equal(alerts, []string{"master_keys"}) {
				t.Errorf("%s: Reload = %v, with the alerts %q", change, err, alerts)
			}
			if err := v.Retire(t.Context(), v.Keys().Retiring[0]); err == nil {
				t.Errorf("%s: Retire has written over it", change)
			}
			if _, err := tryOpen(t, d.Open(t), d.Dir); sesuai.KindOf(err) != sesuai.KindConfiguration {
				t.Errorf("%s: Open = %v", change, err)
			}
		})
	}
}
