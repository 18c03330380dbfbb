package store

import (
	"context"
	"encoding/binary"
	"errors"
	"runtime"

	"golang.org/x/sync/errgroup"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/registry"
)

const (
	insertPerson = `
		INSERT INTO people (nik, key_id, attributes, enrolled_at, changed_at) VALUES ($1, $2, $3, $4, $5)`

	insertTemplate = `INSERT INTO templates (link, key_id, model, template) VALUES ($1, $2, $3, $4)`

	insertPersonKey = `INSERT INTO person_keys (person, key_id, sealed) VALUES ($1, $2, $3)`

	deletePerson    = `DELETE FROM people WHERE nik = $1`
	deleteTemplate  = `DELETE FROM templates WHERE link = $1`
	deletePersonKey = `DELETE FROM person_keys WHERE person = $1`
)

// Enrol implements registry.Enroller.
func (s *Store) Enrol(ctx context.Context, p registry.Person, portrait *registry.Portrait) (registry.Change, error) {
	changes, err := s.EnrolBatch(ctx, []registry.Enrolment{{Person: p, Portrait: portrait}}, true)
	if err != nil {
		return registry.Unchanged, err
	}
	return changes[0], nil
}

// EnrolBatch implements registry.Enroller. People who are not on record yet are
// added all at once, by whatever the database has for that.
func (s *Store) EnrolBatch(ctx context.Context, batch []registry.Enrolment, replace bool) ([]registry.Change, error) {
	if err := registry.ValidateBatch(batch); err != nil {
		return nil, err
	}
	if len(batch) == 0 {
		return nil, nil
	}
	changes := make([]registry.Change, len(batch))
	// Sealed before the transaction, for which others wait.
	under := s.keySet.Load().current
	people, err := sealAll(under, batch)
	if err != nil {
		return nil, unavailable(ctx, "sealing people", err)
	}
	err = s.changePeople(ctx, func(tx *transaction, set *keySet) (err error) {
		// One that finds the keys rotated needs other rows.
		if under != set.current {
			if people, err = sealAll(set.current, batch); err != nil {
				return err
			}
			under = set.current
		}
		return s.enrol(ctx, tx, set, batch, people, replace, changes)
	})
	if err != nil {
		return nil, unavailable(ctx, "enrolling people", err)
	}
	s.wrote(ctx)
	return changes, nil
}

// sealAll seals a batch, on all cores if it is large.
func sealAll(master *keyring.Key, batch []registry.Enrolment) ([]sealedPerson, error) {
	people := make([]sealedPerson, len(batch))
	const share = 32 // of a batch, for each goroutine
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for start := 0; start < len(batch); start += share {
		group.Go(func() error {
			for i := start; i < min(start+share, len(batch)); i++ {
				var err error
				if people[i], err = sealPerson(master, batch[i]); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return people, group.Wait()
}

// enrol does a batch in a transaction, and says in changes what it did. That
// somebody else adds one of them meanwhile shows when the rows are inserted;
// then it begins again.
func (s *Store) enrol(ctx context.Context, tx *transaction, set *keySet, batch []registry.Enrolment, people []sealedPerson, replace bool, changes []registry.Change) error {
	there, err := s.whoIsThere(ctx, tx, set, batch, people)
	if err != nil {
		return err
	}
	now := s.now()
	fresh := make([]sealedPerson, 0, len(people))
	for i, p := range people {
		changes[i] = registry.Added
		if there[i] {
			if changes[i], err = s.replace(ctx, tx, set, batch[i].Person.NIK, p, replace, now); err != nil {
				return err
			}
		}
		if changes[i] == registry.Added {
			fresh = append(fresh, p)
		}
	}
	if len(fresh) == 0 {
		return s.db.confirm(ctx, tx)
	}
	return s.db.insert(ctx, tx, fresh, now)
}

// whoIsThere reports which of a batch are on record, under whatever master key.
func (s *Store) whoIsThere(ctx context.Context, tx *transaction, set *keySet, batch []registry.Enrolment, people []sealedPerson) (map[int]bool, error) {
	var niks [][]byte
	for i := range people {
		niks = append(niks, people[i].keys.nik[:])
	}
	// In one statement, since people move from a retiring key to the current.
	for _, key := range set.retiring {
		for _, e := range batch {
			nik := key.Hash(keyring.NIKIndex, []byte(e.Person.NIK.Reveal()))
			niks = append(niks, nik[:])
		}
	}
	found, err := s.db.onRecord(ctx, tx, niks)
	if err != nil {
		return nil, err
	}
	there := make(map[int]bool)
	for i := range found {
		there[i%len(people)] = true
	}
	return there, nil
}

// replace puts p in the place of somebody who is on record, unless that is the
// same or is to be kept. That nobody is on record any more is registry.Added:
// p is yet to be inserted.
func (s *Store) replace(ctx context.Context, tx *transaction, set *keySet, nik sesuai.NIK, p sealedPerson, replace bool, now int64) (registry.Change, error) {
	if err := s.db.lockPerson(ctx, tx, s.lockOf(nik)); err != nil {
		return registry.Unchanged, err
	}
	before, err := s.findIn(ctx, tx, set, nik)
	switch {
	case err != nil:
		return registry.Unchanged, err
	case !before.found:
		return registry.Added, nil
	case before.record.equal(p.record):
		return registry.Unchanged, nil
	case !replace:
		return registry.Kept, nil
	}
	return registry.Replaced, s.exchange(ctx, tx, before, p, now)
}

// findIn reads a person as part of a transaction that has locked the keys.
func (s *Store) findIn(ctx context.Context, tx *transaction, set *keySet, nik sesuai.NIK) (onRecord, error) {
	for _, key := range set.order() {
		k := keysUnder(key, nik)
		p, err := readPortrait(tx.QueryRowContext(ctx, selectPortrait, k.nik[:], k.personKey[:], k.link[:]), k)
		if err != nil || p.found {
			return p, err
		}
	}
	return onRecord{}, nil
}

// exchange puts p's rows in the place of those of before, and takes the probes
// over. Both are of one person, perhaps under two master keys.
func (s *Store) exchange(ctx context.Context, tx *transaction, before onRecord, p sealedPerson, changedAt int64) error {
	probes, err := s.readProbes(ctx, tx, before.keys, before.dataKey)
	if err != nil {
		return err
	}
	if _, err := removeRows(ctx, tx, before.keys); err != nil {
		return err
	}
	if err := insertRows(ctx, tx, p, before.enrolledAt, changedAt); err != nil {
		return err
	}
	return s.writeProbes(ctx, tx, p.keys, p.dataKey, probes)
}

// insertRows adds a person of whom nothing is there.
func insertRows(ctx context.Context, tx *transaction, p sealedPerson, enrolledAt, changedAt int64) error {
	id := int64(p.keys.master.ID())
	if _, err := tx.ExecContext(ctx, insertPerson, p.keys.nik[:], id, p.attributes, enrolledAt, changedAt); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, insertPersonKey, p.keys.personKey[:], id, p.personKey); err != nil {
		return err
	}
	if p.template == nil {
		return nil
	}
	_, err := tx.ExecContext(ctx, insertTemplate, p.keys.link[:], id, p.model, p.template)
	return err
}

// removeRows deletes all rows of a person and reports whether the person was
// there. Rows whose person is not are deleted, too.
func removeRows(ctx context.Context, tx *transaction, k rowKeys) (bool, error) {
	for _, row := range []struct {
		statement string
		key       [32]byte
	}{{deletePersonKey, k.personKey}, {deleteTemplate, k.link}, {deleteProbes, k.probes}} {
		if _, err := tx.ExecContext(ctx, row.statement, row.key[:]); err != nil {
			return false, err
		}
	}
	result, err := tx.ExecContext(ctx, deletePerson, k.nik[:])
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n > 0, err
}

// Remove implements registry.Enroller, and forgets the person's data key and
// earlier probes, those from before the person was on record too: what was sealed about the person opens in no copy of the
// other tables any more. In the database's own files it is overwritten, as far
// as the database does that; docs/security.md says what that leaves.
func (s *Store) Remove(ctx context.Context, nik sesuai.NIK) (bool, error) {
	var removed, forgotten bool
	err := s.changePeople(ctx, func(tx *transaction, set *keySet) (err error) {
		if err := s.db.lockPerson(ctx, tx, s.lockOf(nik)); err != nil {
			return err
		}
		removed = false
		if forgotten, err = s.removeStranger(ctx, tx, nik); err != nil {
			return err
		}
		for _, key := range append([]*keyring.Key{set.current}, set.retiring...) {
			there, err := removeRows(ctx, tx, keysUnder(key, nik))
			if err != nil {
				return err
			}
			removed = removed || there
		}
		if !removed && !forgotten {
			return s.db.confirm(ctx, tx)
		}
		return nil
	})
	if err != nil {
		return false, unavailable(ctx, "removing a person", err)
	}
	if removed {
		s.wrote(ctx)
	}
	if removed || forgotten {
		s.db.forget(ctx)
	}
	return removed, nil
}

// lockOf is the number that whoever changes a person's rows locks.
func (s *Store) lockOf(nik sesuai.NIK) int64 {
	sum := s.secrets[keyring.PersonLock].Hash([]byte(nik.Reveal()))
	return int64(binary.BigEndian.Uint64(sum[:8]))
}

// pageOfPeople is how many people Export and rotation read at once.
const pageOfPeople = 200

// selectPersonKeys pages through the people under one master key.
const selectPersonKeys = `
	SELECT person, sealed FROM person_keys WHERE person > $1 AND key_id = $2 ORDER BY person LIMIT $3`

// personKeyRow is a row of person_keys: who there is.
type personKeyRow struct {
	id     [32]byte
	sealed []byte
}

// personKeys reads the next page of people under a master key, after that hash.
func personKeys(ctx context.Context, q querier, key *keyring.Key, after []byte) ([]personKeyRow, error) {
	rows, err := q.QueryContext(ctx, selectPersonKeys, after, int64(key.ID()), pageOfPeople)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // rows.Err says it
	var page []personKeyRow
	for rows.Next() {
		var r personKeyRow
		var id []byte
		if err := rows.Scan(&id, &r.sealed); err != nil {
			return nil, err
		}
		if err := setHash(&r.id, id); err != nil {
			return nil, err
		}
		page = append(page, r)
	}
	return page, rows.Err()
}

// Export implements registry.Exporter. It fails while a rotation of the master
// keys is under way, since people who are moved meanwhile could be passed over.
func (s *Store) Export(ctx context.Context, each func(registry.Enrolment) error) error {
	if err := s.reloadKeys(ctx); err != nil {
		return err
	}
	set := s.keySet.Load()
	if len(set.retiring) > 0 {
		return unavailable(ctx, "exporting", errors.New("a rotation of the master keys is not finished"))
	}
	after := []byte{}
	for {
		page, err := personKeys(ctx, s.primary.db, set.current, after)
		if err != nil {
			return unavailable(ctx, "exporting", err)
		}
		if len(page) == 0 {
			break
		}
		for _, row := range page {
			e, found, err := s.export(ctx, set, row)
			if err != nil {
				return unavailable(ctx, "exporting", err)
			}
			if !found {
				continue // removed meanwhile
			}
			if err := each(e); err != nil {
				return err
			}
		}
		last := page[len(page)-1].id
		after = last[:]
	}
	var epoch int64
	if err := s.primary.db.QueryRowContext(ctx, selectEpoch).Scan(&epoch); err != nil {
		return unavailable(ctx, "exporting", err)
	}
	if epoch != set.epoch {
		return unavailable(ctx, "exporting", errStaleKeys)
	}
	return nil
}

// export reads the person of a row of person_keys.
func (s *Store) export(ctx context.Context, set *keySet, row personKeyRow) (registry.Enrolment, bool, error) {
	_, nik, err := openDataKey(set.current, row.id, row.sealed)
	if err != nil {
		return registry.Enrolment{}, false, err
	}
	k := keysUnder(set.current, nik)
	p, err := readPortrait(s.primary.portrait.QueryRowContext(ctx, k.nik[:], k.personKey[:], k.link[:]), k)
	if err != nil || !p.found {
		return registry.Enrolment{}, false, err
	}
	e, err := p.enrolment(nik)
	return e, err == nil, err
}
