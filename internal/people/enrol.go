package people

import (
	"context"
	"runtime"

	"golang.org/x/sync/errgroup"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/registry"
	"github.com/sesuai/sesuai/internal/sqldb"
	"github.com/sesuai/sesuai/internal/vault"
)

// Enrol implements registry.Enroller.
func (r *Registry) Enrol(ctx context.Context, p registry.Person, portrait *registry.Portrait) (registry.Change, error) {
	changes, err := r.EnrolBatch(ctx, []registry.Enrolment{{Person: p, Portrait: portrait}}, true)
	if err != nil {
		return registry.Unchanged, err
	}
	return changes[0], nil
}

// EnrolBatch implements registry.Enroller. People who are not on record yet are
// inserted together.
func (r *Registry) EnrolBatch(ctx context.Context, batch []registry.Enrolment, replace bool) ([]registry.Change, error) {
	if err := registry.ValidateBatch(batch); err != nil {
		return nil, err
	}
	if len(batch) == 0 {
		return nil, nil
	}
	// People are sealed before the transaction, because others wait for that.
	under := r.o.Vault.Keys().Current
	people, err := r.sealAll(under, batch)
	if err != nil {
		return nil, sqldb.Unavailable(ctx, "sealing people", err)
	}
	changes := make([]registry.Change, len(batch))
	err = r.o.Vault.Change(ctx, func(tx *sqldb.Tx, keys *vault.Keys) (err error) {
		if under != keys.Current { // the keys were rotated meanwhile
			if people, err = r.sealAll(keys.Current, batch); err != nil {
				return err
			}
			under = keys.Current
		}
		return r.enrol(ctx, tx, keys, people, replace, changes)
	})
	if err != nil {
		return nil, sqldb.Unavailable(ctx, "enrolling people", err)
	}
	return changes, nil
}

// sealAll seals a batch, on all cores if it is large.
func (r *Registry) sealAll(master *keyring.Key, batch []registry.Enrolment) ([]sealedPerson, error) {
	people := make([]sealedPerson, len(batch))
	const share = 32 // people for each goroutine
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for start := 0; start < len(batch); start += share {
		group.Go(func() error {
			for i := start; i < min(start+share, len(batch)); i++ {
				e := batch[i]
				var err error
				if people[i], err = r.sealPerson(master, e.Person.NIK, newRecord(e.Person, e.Portrait), e.Portrait); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return people, group.Wait()
}

// enrol puts people on record and sets changes. If another transaction adds one
// of them meanwhile, the insertion fails with an error that is retryable.
func (r *Registry) enrol(ctx context.Context, tx *sqldb.Tx, keys *vault.Keys, people []sealedPerson, replace bool, changes []registry.Change) error {
	onRecord, err := findOnRecord(ctx, tx, keys, people)
	if err != nil {
		return err
	}
	var locked []sesuai.NIK
	for i, p := range people {
		if onRecord[i] {
			locked = append(locked, p.keys.text)
		}
	}
	if err := r.lockPeople(ctx, tx, locked); err != nil {
		return err
	}
	now := r.now()
	var d delta
	var c audit.Change // of the last person that changes
	added := make([]sealedPerson, 0, len(people))
	for i, p := range people {
		changes[i] = registry.Added
		if onRecord[i] {
			if changes[i], err = r.replace(ctx, tx, keys, p, replace, now, &d, &c); err != nil {
				return err
			}
		}
		if changes[i] == registry.Added {
			added = append(added, p)
			d.add(p.keys, p.element)
			c = changeOf(p.keys.text, audit.PersonAdded, nil, &p.element)
		}
	}
	if len(added) > 0 {
		err = insert(ctx, tx, added, now, now)
	} else {
		// A person who is on record may stand on the primary alone: an
		// earlier try may have been cut off while it waited for a standby.
		err = tx.AwaitReplication(ctx)
	}
	if err != nil {
		return err
	}
	n := 0
	for _, change := range changes {
		if change == registry.Added || change == registry.Replaced {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	if n > 1 {
		c = audit.Change{Action: audit.PeopleImported, Count: int64(n)}
	}
	return r.recordTx(ctx, tx, d, c)
}

// findOnRecord reports which of the people are on record under any master key.
func findOnRecord(ctx context.Context, tx *sqldb.Tx, keys *vault.Keys, people []sealedPerson) ([]bool, error) {
	// All keys are in one query: people move from a retiring key to the current.
	var niks [][]byte
	owner := make(map[string]int)
	for _, key := range keys.All() {
		for i, p := range people {
			nik := p.keys.nik
			if key != p.keys.master {
				nik = key.Hash(keyring.NIKIndex, []byte(p.keys.text.Reveal()))
			}
			niks = append(niks, nik[:])
			owner[string(nik[:])] = i
		}
	}
	found, err := selectNIKs(ctx, tx, niks)
	if err != nil {
		return nil, err
	}
	onRecord := make([]bool, len(people))
	for _, nik := range found {
		onRecord[owner[string(nik)]] = true
	}
	return onRecord, nil
}

// replace replaces a person who is on record, and locked, by p, unless both are
// equal or the person is to be kept. If the person is not on record any more it
// returns registry.Added, and p is still to be inserted. It adds what it changes
// to d, and describes it in c.
func (r *Registry) replace(ctx context.Context, tx *sqldb.Tx, keys *vault.Keys, p sealedPerson, replace bool, now int64, d *delta, c *audit.Change) (registry.Change, error) {
	before, err := r.findIn(ctx, tx, keys, p.keys.text)
	switch {
	case err != nil:
		return registry.Unchanged, err
	case before == nil:
		return registry.Added, nil
	case before.record.equal(p.record):
		return registry.Unchanged, nil
	case !replace:
		return registry.Kept, nil
	}
	was, err := r.exchange(ctx, tx, before, p, now, d)
	action := audit.PersonReplaced
	if before.record.equalButPortrait(p.record) {
		action = audit.PortraitReplaced
	}
	*c = changeOf(p.keys.text, action, &was, &p.element)
	return registry.Replaced, err
}
