package people

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/registry"
	"github.com/sesuai/sesuai/internal/sqldb"
	"github.com/sesuai/sesuai/internal/vault"
)

// MasterKey describes a master key and how many people are stored under it.
type MasterKey struct {
	vault.MasterKey
	People int `json:"people"`
}

// Keys returns the master keys, oldest first. It reads a whole table. Errors
// about key files have kind sesuai.KindConfiguration.
func (r *Registry) Keys(ctx context.Context) ([]MasterKey, error) {
	keys, err := r.o.Vault.List(ctx)
	if err != nil {
		return nil, err
	}
	people, err := r.countByKey(ctx)
	if err != nil {
		return nil, sqldb.Unavailable(ctx, "counting people by master key", err)
	}
	var all []MasterKey
	for _, k := range keys {
		all = append(all, MasterKey{k, people[k.ID]})
	}
	return all, nil
}

func (r *Registry) countByKey(ctx context.Context) (map[byte]int, error) {
	counts := make(map[byte]int)
	_, err := sqldb.Collect(ctx, r.o.DB.Read(), func(rows *sql.Rows) (id byte, err error) {
		var n int
		err = rows.Scan(&id, &n)
		counts[id] = n
		return id, err
	}, `SELECT key_id, count(*) FROM person_keys GROUP BY key_id`)
	return counts, err
}

// Rotation is the progress of a rotation.
type Rotation struct {
	// From and To are the numbers of the master keys.
	From byte `json:"from"`
	To   byte `json:"to"`
	// People is how many people were stored under From at the start. Moved is
	// how many have been moved since.
	People int `json:"people"`
	Moved  int `json:"moved"`
	// Damaged is how many people cannot be moved, because their rows do not
	// open.
	Damaged int `json:"damaged"`
	// Retired reports that nothing is stored under From any more.
	Retired bool `json:"retired"`
}

// Rotate makes the key that was added the current one, and moves everybody from
// the retiring keys to it. If it is interrupted, the next call continues. Others
// may read and write meanwhile. Rotate calls progress, if it is not nil, now and
// then.
//
// If there is no key to rotate to, or people cannot be moved, the error has kind
// sesuai.KindConflict. The result is valid with any error.
func (r *Registry) Rotate(ctx context.Context, progress func(Rotation)) (done Rotation, err error) {
	if progress == nil {
		progress = func(Rotation) {}
	}
	if err := r.o.Vault.StartRotation(ctx); err != nil {
		return done, err
	}
	keys := r.o.Vault.Keys()
	for _, old := range slices.Backward(keys.Retiring) {
		done = Rotation{From: old.ID(), To: keys.Current.ID()}
		counts, err := r.countByKey(ctx)
		if err != nil {
			return done, sqldb.Unavailable(ctx, "rotating", err)
		}
		done.People = counts[old.ID()]
		if err := r.moveAll(ctx, old, &done, progress); err != nil {
			return done, sqldb.Unavailable(ctx, "rotating", err)
		}
		if err := r.retire(ctx, old, &done); err != nil {
			return done, err
		}
		progress(done)
	}
	return done, nil
}

// peoplePerMove is the number of people that one transaction moves: enough to
// share the wait for the disk, and few enough not to keep others waiting.
const peoplePerMove = 20

// moveAll moves everybody who can be moved from a retiring key.
func (r *Registry) moveAll(ctx context.Context, old *keyring.Key, done *Rotation, progress func(Rotation)) error {
	for {
		before := done.Moved
		done.Damaged = 0
		err := r.pages(ctx, old, func(page []personKey) error {
			for some := range slices.Chunk(page, peoplePerMove) {
				began := time.Now()
				if err := r.move(ctx, old, some, done); err != nil {
					return err
				}
				if err := pause(ctx, time.Since(began)/4); err != nil {
					return err
				}
			}
			progress(*done)
			return nil
		})
		// Nobody is added under the old key any more. So a pass that has moved
		// nobody has seen everybody.
		if err != nil || done.Moved == before {
			return err
		}
	}
}

// pause waits between two transactions. SQLite keeps no queue of processes that
// wait for its lock: each looks for it at times, and must find it free.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// move moves people in one transaction. If one of them is damaged, it moves each
// in a transaction of its own.
func (r *Registry) move(ctx context.Context, old *keyring.Key, people []personKey, done *Rotation) error {
	var moved int
	err := r.o.Vault.Change(ctx, func(tx *sqldb.Tx, keys *vault.Keys) error {
		moved = 0
		found := make([]rowKeys, len(people))
		niks := make([]sesuai.NIK, len(people))
		for i, row := range people {
			var err error
			if found[i], err = row.keys(old); err != nil {
				return err
			}
			niks[i] = found[i].text
		}
		if err := r.lockPeople(ctx, tx, niks); err != nil {
			return err
		}
		var d delta
		for _, k := range found {
			there, err := r.moveOne(ctx, tx, keys, k, &d)
			if err != nil {
				return err
			}
			if there {
				moved++
			}
		}
		if moved == 0 {
			return nil
		}
		return r.moveTx(ctx, tx, d)
	})
	if !errors.Is(err, registry.ErrDamaged) {
		done.Moved += moved
		return err
	}
	if len(people) == 1 {
		done.Damaged++
		return nil
	}
	for i := range people {
		if err := r.move(ctx, old, people[i:i+1], done); err != nil {
			return err
		}
	}
	return nil
}

// moveOne moves one person, who is locked, and adds that to d. It returns false if
// the person was removed meanwhile.
func (r *Registry) moveOne(ctx context.Context, tx *sqldb.Tx, keys *vault.Keys, k rowKeys, d *delta) (bool, error) {
	before, err := r.findUnder(ctx, tx, k)
	if err != nil || before == nil {
		return false, err
	}
	portrait, err := before.portrait()
	if err != nil {
		return false, err
	}
	p, err := r.sealPerson(keys.Current, k.text, before.record, portrait)
	if err != nil {
		return false, err
	}
	_, err = r.exchange(ctx, tx, before, p, before.changedAt, d)
	return true, err
}

// retire retires a key, if nothing is stored under it any more.
func (r *Registry) retire(ctx context.Context, old *keyring.Key, done *Rotation) error {
	// Nothing is added under the old key any more, so this needs no lock.
	done.Damaged = 0
	for _, table := range []string{"people", "person_keys", "templates", "probes"} {
		var n int
		err := r.o.DB.Read().QueryRowContext(ctx, `SELECT count(*) FROM `+table+` WHERE key_id = $1`, int64(old.ID())).Scan(&n)
		if err != nil {
			return sqldb.Unavailable(ctx, "retiring a master key", err)
		}
		done.Damaged = max(done.Damaged, n)
	}
	if done.Damaged > 0 {
		return &sesuai.Error{
			Kind: sesuai.KindConflict,
			Detail: fmt.Sprintf("%d people cannot be moved from master key %d, because their records are damaged; "+
				"remove them or restore them from a backup, and rotate again", done.Damaged, old.ID()),
		}
	}
	if err := r.o.Vault.Retire(ctx, old); err != nil {
		return err
	}
	done.Retired = true
	r.o.DB.Scrub(ctx)
	return nil
}
