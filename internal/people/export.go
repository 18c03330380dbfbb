package people

import (
	"context"
	"database/sql"
	"errors"
	"slices"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/registry"
	"github.com/sesuai/sesuai/internal/sqldb"
)

// pageSize is the number of people that are read at once.
const pageSize = 200

// personKey is a row of person_keys: there is one for each person on record.
type personKey struct {
	id     [32]byte
	sealed []byte
}

// nik returns the person's NIK. master is the key that the row is sealed under.
func (row personKey) nik(master *keyring.Key) (sesuai.NIK, error) {
	_, text, err := openDataKey(master, row.id, row.sealed)
	if err != nil {
		return sesuai.NIK{}, err
	}
	nik, err := sesuai.ParseNIK(string(text))
	if err != nil {
		return sesuai.NIK{}, damaged("person_keys.sealed", err)
	}
	return nik, nil
}

// keys finds the person's rows under a master key.
func (row personKey) keys(master *keyring.Key) (rowKeys, error) {
	nik, err := row.nik(master)
	if err != nil {
		return rowKeys{}, err
	}
	return keysUnder(master, nik), nil
}

// pages calls each with the people under a master key, up to pageSize at a time.
// People who are added meanwhile may be missing.
func (r *Registry) pages(ctx context.Context, key *keyring.Key, each func(page []personKey) error) error {
	after := []byte{}
	for {
		page, err := sqldb.Collect(ctx, r.o.DB.Read(), func(rows *sql.Rows) (row personKey, err error) {
			return row, rows.Scan(sqldb.ScanHash(&row.id), &row.sealed)
		}, `SELECT person, sealed FROM person_keys WHERE person > $1 AND key_id = $2 ORDER BY person LIMIT $3`,
			after, int64(key.ID()), pageSize)
		if err != nil || len(page) == 0 {
			return err
		}
		if err := each(page); err != nil {
			return err
		}
		after = page[len(page)-1].id[:]
	}
}

// HasNIK reports whether such holds for the NIK of anybody on record. It reads one
// NIK after another, in an order that does not depend on them, until it holds for one.
// People who are added meanwhile may be missing. Errors have kind
// sesuai.KindUnavailable.
func (r *Registry) HasNIK(ctx context.Context, such func(sesuai.NIK) bool) (bool, error) {
	if err := r.o.Vault.Reload(ctx); err != nil {
		return false, err
	}
	// A rotation moves people from a retiring key to the current one, which
	// therefore comes last.
	found := errors.New("there is such a person")
	for _, key := range slices.Backward(r.o.Vault.Keys().All()) {
		err := r.pages(ctx, key, func(page []personKey) error {
			for _, row := range page {
				nik, err := row.nik(key)
				if err != nil {
					return err
				}
				if such(nik) {
					return found
				}
			}
			return nil
		})
		if errors.Is(err, found) {
			return true, nil
		}
		if err != nil {
			return false, r.unavailable(ctx, "reading NIKs", err)
		}
	}
	return false, nil
}

// Export implements registry.Exporter. It fails while a rotation of the master
// keys is not finished: it could miss people who are being moved.
func (r *Registry) Export(ctx context.Context, each func(registry.Enrolment) error) error {
	if err := r.o.Vault.Reload(ctx); err != nil {
		return err
	}
	keys := r.o.Vault.Keys()
	if len(keys.Retiring) > 0 {
		return sqldb.Unavailable(ctx, "exporting", errors.New("a rotation of the master keys is not finished"))
	}
	var stopped error // by each
	err := r.pages(ctx, keys.Current, func(page []personKey) error {
		for _, row := range page {
			p, err := r.readExported(ctx, keys.Current, row)
			if err != nil {
				return err
			}
			if p == nil {
				continue // removed meanwhile
			}
			e, err := p.enrolment()
			if err != nil {
				return err
			}
			if stopped = each(e); stopped != nil {
				return stopped
			}
		}
		return nil
	})
	if stopped != nil {
		return stopped
	}
	if err == nil {
		err = r.o.Vault.Check(ctx, keys)
	}
	if err != nil {
		return r.unavailable(ctx, "exporting", err)
	}
	return nil
}

// readExported reads the person of a row of person_keys.
func (r *Registry) readExported(ctx context.Context, key *keyring.Key, row personKey) (*person, error) {
	k, err := row.keys(key)
	if err != nil {
		return nil, err
	}
	p, _, err := r.lookUp(ctx, k)
	return p, err
}
