package people

import (
	"context"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/sqldb"
	"github.com/sesuai/sesuai/internal/vault"
)

// findIn reads a person with the template, in a transaction of Vault.Change. It
// returns nil if the person is not on record, and an error if anything about the
// person is damaged.
func (r *Registry) findIn(ctx context.Context, tx *sqldb.Tx, keys *vault.Keys, nik sesuai.NIK) (*person, error) {
	for _, key := range keys.Order() {
		p, err := r.findUnder(ctx, tx, keysUnder(key, nik))
		if err != nil || p != nil {
			return p, err
		}
	}
	return nil, nil
}

// findUnder is findIn for one master key.
func (r *Registry) findUnder(ctx context.Context, tx *sqldb.Tx, k rowKeys) (*person, error) {
	p, err := scanPortrait(tx.QueryRowContext(ctx, r.selectPortrait, k.nik[:], k.personKey[:], k.link[:]), k)
	if err != nil || p == nil {
		return nil, err
	}
	if _, err := p.portrait(); err != nil {
		return nil, err
	}
	return p, nil
}

// insert inserts the rows of people who are not on record.
func insert(ctx context.Context, tx *sqldb.Tx, people []sealedPerson, enrolledAt, changedAt int64) error {
	var persons, personKeys, templates [][]any
	for i := range people {
		p := &people[i]
		id := int64(p.keys.master.ID())
		persons = append(persons, []any{p.keys.nik[:], id, p.attributes, enrolledAt, changedAt})
		personKeys = append(personKeys, []any{p.keys.personKey[:], id, p.personKey})
		if p.template != nil {
			templates = append(templates, []any{p.keys.link[:], id, p.model, p.template})
		}
	}
	if err := tx.InsertRows(ctx, "people", []string{"nik", "key_id", "attributes", "enrolled_at", "changed_at"}, persons); err != nil {
		return err
	}
	if err := tx.InsertRows(ctx, "person_keys", []string{"person", "key_id", "sealed"}, personKeys); err != nil {
		return err
	}
	return tx.InsertRows(ctx, "templates", []string{"link", "key_id", "model", "template"}, templates)
}

// exchange replaces the rows of before by those of p and keeps the probes. Both
// are of one person, but the master keys may differ. It returns the element of
// before, and adds the exchange to d.
func (r *Registry) exchange(ctx context.Context, tx *sqldb.Tx, before *person, p sealedPerson, changedAt int64, d *delta) (was element, err error) {
	portrait, err := before.portrait()
	if err != nil {
		return was, err
	}
	if was, err = r.elementOf(before.keys.text, before.record, portrait); err != nil {
		return was, err
	}
	d.remove(before.keys, was)
	d.add(p.keys, p.element)
	probes, err := readProbes(ctx, tx, before.keys, before.dataKey)
	if err != nil {
		return was, err
	}
	if _, err := remove(ctx, tx, before.keys); err != nil {
		return was, err
	}
	if err := insert(ctx, tx, []sealedPerson{p}, before.enrolledAt, changedAt); err != nil || len(probes) == 0 {
		return was, err
	}
	return was, writeProbes(ctx, tx, p.keys, p.dataKey, probes)
}

// remove deletes all rows of a person, also damaged or incomplete ones. It
// reports whether the person was on record: whether there was any row but that of
// the probes.
func remove(ctx context.Context, tx *sqldb.Tx, k rowKeys) (removed bool, err error) {
	probes := k.probes()
	if _, err := deletes(ctx, tx, `DELETE FROM probes WHERE person = $1`, probes[:]); err != nil {
		return false, err
	}
	for _, row := range []struct {
		statement string
		key       []byte
	}{
		{`DELETE FROM person_keys WHERE person = $1`, k.personKey[:]},
		{`DELETE FROM templates WHERE link = $1`, k.link[:]},
		{`DELETE FROM people WHERE nik = $1`, k.nik[:]},
	} {
		there, err := deletes(ctx, tx, row.statement, row.key)
		if err != nil {
			return false, err
		}
		removed = removed || there
	}
	return removed, nil
}

// deletes runs a statement and reports whether it has deleted a row.
func deletes(ctx context.Context, tx *sqldb.Tx, statement string, key []byte) (bool, error) {
	result, err := tx.ExecContext(ctx, statement, key)
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n > 0, err
}

// Remove implements registry.Enroller. It also deletes the person's data key and
// the earlier probes, those from before the person was on record too. Without
// the data key no copy of the other tables can be opened. In the files of the
// database the deleted rows are overwritten as far as the engine does that:
// docs/operate/security.md.
func (r *Registry) Remove(ctx context.Context, nik sesuai.NIK) (removed bool, err error) {
	var probes bool
	err = r.o.Vault.Change(ctx, func(tx *sqldb.Tx, keys *vault.Keys) error {
		if err := r.lockPerson(ctx, tx, nik); err != nil {
			return err
		}
		link := r.unenrolledLink(nik)
		if probes, err = deletes(ctx, tx, deleteUnenrolled, link[:]); err != nil {
			return err
		}
		removed = false
		var d delta
		var before *element
		for _, key := range keys.All() {
			k := keysUnder(key, nik)
			was, summed, err := r.storedElement(ctx, tx, k)
			if err != nil {
				return err
			}
			if summed {
				d.remove(k, was)
				before = &was
			}
			there, err := remove(ctx, tx, k)
			if err != nil {
				return err
			}
			removed = removed || there
		}
		switch {
		case removed || probes || before != nil:
			return r.recordTx(ctx, tx, d, changeOf(nik, audit.PersonRemoved, before, nil))
		default:
			return tx.AwaitReplication(ctx) // as in enrol
		}
	})
	if err != nil {
		return false, sqldb.Unavailable(ctx, "removing a person", err)
	}
	if removed || probes {
		r.o.DB.Scrub(ctx)
	}
	return removed, nil
}
