package people

import (
	"context"
	"database/sql"
	"errors"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/sqldb"
	"github.com/sesuai/sesuai/internal/vault"
)

// recordTx changes the sums, and records a change of people in the transaction
// that makes it. It is the last step of the transaction.
func (r *Registry) recordTx(ctx context.Context, tx *sqldb.Tx, d delta, c audit.Change) error {
	before, after, err := r.changeSums(ctx, tx, d)
	if err != nil || r.o.Trail == nil {
		return err
	}
	was, is := r.digest(before), r.digest(after)
	if c.Action == audit.PeopleImported {
		c.Before, c.After = was[:], is[:]
	}
	c.State = is
	return r.o.Trail.ChangeTx(ctx, tx, c)
}

// moveTx changes the sums for people who were moved from one master key to
// another. That is no change of people, and the rotation is recorded by itself.
func (r *Registry) moveTx(ctx context.Context, tx *sqldb.Tx, d delta) error {
	before, after, err := r.changeSums(ctx, tx, d)
	if err == nil && before != after {
		err = errors.New("a person was changed by moving to another master key")
	}
	return err
}

// storedElement returns the element of a person who may be on record under a
// master key; false if there is no row of person_keys.
func (r *Registry) storedElement(ctx context.Context, tx *sqldb.Tx, k rowKeys) (element, bool, error) {
	row := personKey{id: k.personKey}
	err := tx.QueryRowContext(ctx, `SELECT sealed FROM person_keys WHERE person = $1`, k.personKey[:]).Scan(&row.sealed)
	if errors.Is(err, sql.ErrNoRows) {
		return element{}, false, nil
	}
	if err != nil {
		return element{}, false, err
	}
	e, err := r.elementOfRow(k.master, row, func(args ...any) *sql.Row {
		return tx.QueryRowContext(ctx, r.selectPortrait, args...)
	})
	return e, err == nil, err
}

// start sums everybody once, in a database that has no sums yet, and tells
// Options.Start. Others who change people wait meanwhile.
func (r *Registry) start(ctx context.Context) error {
	if started, err := r.started(ctx, r.o.DB.Read()); err != nil || started {
		return err
	}
	return r.o.Vault.Change(ctx, func(tx *sqldb.Tx, keys *vault.Keys) error {
		if err := tx.Lock(ctx, sumsLock); err != nil {
			return err
		}
		if started, err := r.started(ctx, tx); err != nil || started { // by another process
			return err
		}
		total, err := r.sumAll(ctx, tx, keys.All())
		if err != nil || r.o.Start == nil {
			return err
		}
		return r.o.Start(ctx, tx, r.digest(total))
	})
}

func (r *Registry) started(ctx context.Context, q sqldb.Querier) (started bool, err error) {
	var size int
	err = q.QueryRowContext(ctx, `SELECT length(sealed) FROM people_sums WHERE bucket = $1`, everybody).Scan(&size)
	if errors.Is(err, sql.ErrNoRows) {
		return true, nil // it was, and CheckPart reports it
	}
	return size > 0, err
}

// Recount sums everybody again, and records that. It accepts what is on record
// as it is, for example after rows were restored from a backup. It returns the
// number of people. Others who change people wait meanwhile.
func (r *Registry) Recount(ctx context.Context) (people int64, err error) {
	err = r.o.Vault.Change(ctx, func(tx *sqldb.Tx, keys *vault.Keys) error {
		if err := tx.Lock(ctx, sumsLock); err != nil {
			return err
		}
		total, err := r.sumAll(ctx, tx, keys.All())
		people = total.count
		if err != nil || r.o.Trail == nil {
			return err
		}
		after := r.digest(total)
		c := audit.Change{Action: audit.PeopleRecounted, Count: people, After: after[:], State: after}
		head, err := r.o.Trail.HeadIn(ctx, tx)
		if err != nil {
			return err
		}
		c.Before = head.People[:]
		return r.o.Trail.ChangeTx(ctx, tx, c)
	})
	if err != nil {
		return 0, audit.Broken(ctx, "counting people again", err)
	}
	return people, nil
}

// changeOf describes the change of one person. Elements are nil if the person
// was, or is, not on record.
func changeOf(nik sesuai.NIK, action audit.Action, before, after *element) audit.Change {
	c := audit.Change{Action: action, NIK: nik, Count: 1}
	if before != nil {
		c.Before = before[:]
	}
	if after != nil {
		c.After = after[:]
	}
	return c
}
