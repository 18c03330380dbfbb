package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/registry"
)

// MasterKey is how a master key is used.
type MasterKey struct {
	// ID is its number; Path says where its file is.
	ID byte `json:"id"`
	// State is added, current, retiring or retired.
	State   string    `json:"state"`
	AddedAt time.Time `json:"added_at"`
	// There is whether this process has the key.
	There bool `json:"there"`
	// People is how many people are stored under it.
	People int `json:"people"`
}

// Keys are the master keys, oldest first. It counts, and so reads a whole
// table.
func (s *Store) Keys(ctx context.Context) ([]MasterKey, error) {
	if err := s.loadKeys(ctx); err != nil {
		return nil, err
	}
	_, keys, err := readKeys(ctx, s.write)
	if err != nil {
		return nil, unavailable(ctx, "reading the master keys", err)
	}
	people, err := s.countByKey(ctx)
	if err != nil {
		return nil, unavailable(ctx, "counting people by master key", err)
	}
	var all []MasterKey
	for _, k := range keys {
		_, there := s.ring.Key(k.id)
		all = append(all, MasterKey{
			ID: k.id, State: k.state, AddedAt: time.UnixMicro(k.addedAt).UTC(), There: there, People: people[k.id],
		})
	}
	return all, nil
}

func (s *Store) countByKey(ctx context.Context) (map[byte]int, error) {
	rows, err := s.write.QueryContext(ctx, `SELECT key_id, count(*) FROM person_keys GROUP BY key_id`)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // rows.Err says it
	counts := make(map[byte]int)
	for rows.Next() {
		var id byte
		var n int
		if err := rows.Scan(&id, &n); err != nil {
			return nil, err
		}
		counts[id] = n
	}
	return counts, rows.Err()
}

// AddKey makes the file of a further master key and records it. Nothing is
// stored under it before Rotate: until then the file can be brought to all that
// use the database. An error of kind sesuai.KindConflict says that one has been
// added already.
func (s *Store) AddKey(ctx context.Context) (id byte, err error) {
	err = s.inTx(ctx, func(tx *transaction) error {
		if err := s.db.lockKeys(ctx, tx, true); err != nil {
			return err
		}
		_, keys, err := readKeys(ctx, tx)
		if err != nil {
			return err
		}
		last := keys[len(keys)-1]
		switch {
		case last.state == keyAdded:
			return &sesuai.Error{
				Kind:   sesuai.KindConflict,
				Detail: fmt.Sprintf("master key %d has been added and is not in use yet: rotate to it first", last.id),
			}
		case last.id == keyring.MaxKeys:
			return &sesuai.Error{Kind: sesuai.KindConflict, Detail: "there have been as many master keys as there can be"}
		}
		id = last.id + 1
		key, err := s.ring.Create(id)
		if err != nil {
			return err
		}
		check := key.Check()
		_, err = tx.ExecContext(ctx, `INSERT INTO master_keys (id, check_value, state, added_at) VALUES ($1, $2, $3, $4)`,
			int64(id), check[:], keyAdded, s.now())
		return err
	})
	if sesuai.KindOf(err) == sesuai.KindConflict {
		return 0, err
	}
	if err != nil {
		return 0, unavailable(ctx, "adding a master key", err)
	}
	return id, nil
}

// Rotation is how far a rotation is.
type Rotation struct {
	// From and To are the master keys' numbers.
	From byte `json:"from"`
	To   byte `json:"to"`
	// People is how many were stored under From at the start, Moved how many
	// have been moved since.
	People int `json:"people"`
	Moved  int `json:"moved"`
	// Damaged is how many cannot be moved, because they do not open.
	Damaged int `json:"damaged"`
	// Retired is whether nothing is stored under From any more.
	Retired bool `json:"retired"`
}

// Rotate makes the key that was added the current one, and moves everybody
// from the retiring ones to it: their rows are found by other hashes then, and
// sealed with other keys. It can be stopped at any time, and goes on where it
// was when it is called again. Others may read and write meanwhile. progress,
// if not nil, is called now and then.
//
// Errors are of kind sesuai.KindConflict if there is nothing to rotate to, or
// if people are left who cannot be moved, and of kind sesuai.KindUnavailable
// otherwise; the result holds in any case.
func (s *Store) Rotate(ctx context.Context, progress func(Rotation)) (r Rotation, err error) {
	if progress == nil {
		progress = func(Rotation) {}
	}
	if err := s.beginRotation(ctx); err != nil {
		return r, err
	}
	if err := s.loadKeys(ctx); err != nil {
		return r, err
	}
	set := s.keySet.Load()
	for _, old := range slices.Backward(set.retiring) {
		r = Rotation{From: old.ID(), To: set.current.ID()}
		counts, err := s.countByKey(ctx)
		if err != nil {
			return r, unavailable(ctx, "rotating", err)
		}
		r.People = counts[old.ID()]
		if err := s.moveAll(ctx, old, &r, progress); err != nil {
			return r, unavailable(ctx, "rotating", err)
		}
		if err := s.retire(ctx, old, &r); err != nil {
			return r, err
		}
		progress(r)
	}
	return r, nil
}

// beginRotation switches to the key that was added, unless a rotation is to be
// gone on with.
func (s *Store) beginRotation(ctx context.Context) error {
	if err := s.ring.Refresh(); err != nil {
		return err
	}
	err := s.inTx(ctx, func(tx *transaction) error {
		if err := s.db.lockKeys(ctx, tx, true); err != nil {
			return err
		}
		_, keys, err := readKeys(ctx, tx)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(keys, func(k masterKey) bool { return k.state == keyRetiring }) {
			return nil
		}
		added := keys[len(keys)-1]
		if added.state != keyAdded {
			return &sesuai.Error{Kind: sesuai.KindConflict, Detail: "there is no other master key to rotate to: add one first"}
		}
		key, ok := s.ring.Key(added.id)
		if !ok || !key.Matches(added.check) {
			return &sesuai.Error{
				Kind:   sesuai.KindConfiguration,
				Detail: fmt.Sprintf("the file of master key %d is not there, or has another key", added.id),
			}
		}
		return s.switchTo(ctx, tx, key)
	})
	if kind := sesuai.KindOf(err); kind == sesuai.KindConflict {
		return err
	}
	if err != nil {
		return unavailable(ctx, "beginning a rotation", err)
	}
	return nil
}

// switchTo makes a key the current one, and seals the secrets with it.
func (s *Store) switchTo(ctx context.Context, tx *transaction, key *keyring.Key) error {
	secrets, err := s.readSecrets(ctx, tx)
	if err != nil {
		return err
	}
	for name, secret := range secrets {
		if _, err := tx.ExecContext(ctx, `UPDATE secrets SET key_id = $1, sealed = $2 WHERE name = $3`,
			int64(key.ID()), sealSecret(key, name, secret), string(name)); err != nil {
			return err
		}
	}
	if _, err := tx.ExecContext(ctx, `UPDATE master_keys SET state = $1 WHERE state = $2`, keyRetiring, keyCurrent); err != nil {
		return err
	}
	return setState(ctx, tx, key.ID(), keyCurrent)
}

// setState gives a key another state, in another epoch.
func setState(ctx context.Context, tx *transaction, id byte, state string) error {
	if _, err := tx.ExecContext(ctx, `UPDATE master_keys SET state = $1 WHERE id = $2`, state, int64(id)); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, `UPDATE key_epoch SET epoch = epoch + 1 WHERE id = 1`)
	return err
}

// peoplePerMove is how many people are moved in one transaction: enough to
// share the wait for the disk, and few enough to keep nobody waiting for long.
const peoplePerMove = 20

// moveAll moves everybody from a retiring key, until there is nobody left who
// can be moved.
func (s *Store) moveAll(ctx context.Context, old *keyring.Key, r *Rotation, progress func(Rotation)) error {
	for {
		before, after := r.Moved, []byte{}
		r.Damaged = 0
		for {
			page, err := personKeys(ctx, s.write, old, after)
			if err != nil {
				return err
			}
			if len(page) == 0 {
				break
			}
			for some := range slices.Chunk(page, peoplePerMove) {
				if err := s.move(ctx, old, some, r); err != nil {
					return err
				}
			}
			last := page[len(page)-1].id
			after = last[:]
			progress(*r)
		}
		// A pass that has moved nobody has seen all that were there since
		// the switch, after which nobody is added under the old key.
		if r.Moved == before {
			return nil
		}
	}
}

// move moves some people in one transaction; if one of them is damaged, each by
// itself.
func (s *Store) move(ctx context.Context, old *keyring.Key, people []personKeyRow, r *Rotation) error {
	var moved int
	err := s.changePeople(ctx, func(tx *transaction, set *keySet) error {
		moved = 0
		for _, row := range people {
			there, err := s.moveOne(ctx, tx, set, old, row)
			if err != nil {
				return err
			}
			if there {
				moved++
			}
		}
		return nil
	})
	if !errors.Is(err, registry.ErrDamaged) {
		r.Moved += moved
		return err
	}
	if len(people) == 1 {
		r.Damaged++
		return nil
	}
	for i := range people {
		if err := s.move(ctx, old, people[i:i+1], r); err != nil {
			return err
		}
	}
	return nil
}

// moveOne moves one person, and reports false for one who is not there any more.
func (s *Store) moveOne(ctx context.Context, tx *transaction, set *keySet, old *keyring.Key, row personKeyRow) (bool, error) {
	_, nik, err := openDataKey(old, row.id, row.sealed)
	if err != nil {
		return false, err
	}
	if err := s.db.lockPerson(ctx, tx, s.lockOf(nik)); err != nil {
		return false, err
	}
	k := keysUnder(old, nik)
	before, err := readPortrait(tx.QueryRowContext(ctx, selectPortrait, k.nik[:], k.personKey[:], k.link[:]), k)
	if err != nil || !before.found {
		return false, err
	}
	p, err := sealAs(set.current, nik, before.record, before.portrait())
	if err != nil {
		return false, err
	}
	return true, s.exchange(ctx, tx, before, p, before.changedAt)
}

// retire notes that nothing is stored under a key any more, if that is so.
func (s *Store) retire(ctx context.Context, old *keyring.Key, r *Rotation) error {
	// Counted without keeping anybody waiting: since the switch nothing is
	// added under the old key.
	left := 0
	for _, table := range []string{"people", "person_keys", "templates", "probes"} {
		var n int
		if err := s.write.QueryRowContext(ctx, `SELECT count(*) FROM `+table+` WHERE key_id = $1`, int64(old.ID())).Scan(&n); err != nil {
			return unavailable(ctx, "retiring a master key", err)
		}
		left = max(left, n)
	}
	r.Damaged = left
	if left > 0 {
		return &sesuai.Error{
			Kind: sesuai.KindConflict,
			Detail: fmt.Sprintf("%d people cannot be moved from master key %d, because what is on record of them is damaged; "+
				"remove them or restore them from a backup, and rotate again", left, old.ID()),
		}
	}
	err := s.inTx(ctx, func(tx *transaction) error {
		if err := s.db.lockKeys(ctx, tx, true); err != nil {
			return err
		}
		return setState(ctx, tx, old.ID(), keyRetired)
	})
	if err != nil {
		return unavailable(ctx, "retiring a master key", err)
	}
	r.Retired = true
	s.db.forget(ctx)
	return s.reloadKeys(ctx)
}
