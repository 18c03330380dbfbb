package people

import (
	"context"
	"database/sql"
	"errors"
	"strings"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/registry"
	"github.com/sesuai/sesuai/internal/sqldb"
	"github.com/sesuai/sesuai/internal/vault"
)

// person is what is on record about a person.
type person struct {
	keys                  rowKeys
	dataKey               *keyring.DataKey
	record                record
	enrolledAt, changedAt int64
	// model and template are the row of templates, still sealed.
	model    sql.NullString
	template []byte
}

// portrait opens the reference portrait of a person who was read with the
// template; nil if there is none. If only one of the tables says that there is a
// portrait, that is damage. It must not be read as "no portrait".
func (p *person) portrait() (*registry.Portrait, error) {
	recorded := p.record.Portrait
	switch {
	case recorded == nil && !p.model.Valid:
		return nil, nil
	case recorded == nil || !p.model.Valid || recorded.Model != p.model.String:
		return nil, damaged("templates.model", errors.New("the person and the template do not belong together"))
	}
	template, signature, err := openTemplate(p.keys, p.dataKey, p.record, p.template)
	if err != nil {
		return nil, err
	}
	return &registry.Portrait{Template: template, Source: [32]byte(recorded.Source), Signature: signature}, nil
}

// find reads a person. It returns nil if the person is not on record.
func (r *Registry) find(ctx context.Context, nik sesuai.NIK) (p *person, err error) {
	err = r.o.Vault.Find(ctx, func(key *keyring.Key) (bool, int64, error) {
		var epoch int64
		p, epoch, err = r.lookUp(ctx, keysUnder(key, nik))
		return p != nil, epoch, err
	})
	return p, err
}

const (
	selectPerson = `SELECT p.attributes, p.enrolled_at, p.changed_at, k.sealed, t.model, t.template`
	// selectRest are the columns of a row that there is in any case: whether there is
	// a row of people, and any of the others, and the epoch of the keys.
	selectRest = `, p.nik IS NOT NULL, k.person IS NOT NULL OR t.link IS NOT NULL, (` + vault.SelectEpoch + `)`
)

// lookUp reads a person under a master key, and the epoch. It returns nil if the person
// is not on record. There is one statement for everybody: with others for somebody who
// is not on record, the time would tell.
//
// It returns an error if a person without a row in people has other rows. They are
// written and deleted together, so somebody else has deleted that row or changed its
// hash. It must not be read as "not on record".
func (r *Registry) lookUp(ctx context.Context, k rowKeys) (_ *person, epoch int64, err error) {
	p := person{keys: k}
	var attributes, personKey []byte
	var enrolledAt, changedAt sql.NullInt64
	var there, rest bool
	err = r.readPerson.QueryRowContext(ctx, k.nik[:], k.personKey[:], k.link[:]).
		Scan(&attributes, &enrolledAt, &changedAt, &personKey, &p.model, &p.template, &there, &rest, &epoch)
	switch {
	case err != nil:
		return nil, 0, err
	case !there && rest:
		return nil, 0, damaged("people.nik", errors.New("the row of a person is missing"))
	case !there:
		return nil, epoch, nil
	}
	p.enrolledAt, p.changedAt = enrolledAt.Int64, changedAt.Int64
	opened, err := p.open(nil, attributes, personKey)
	return opened, epoch, err
}

// scanPortrait reads a row of Registry.selectPortrait. It returns nil if there is none.
func scanPortrait(row *sql.Row, k rowKeys) (*person, error) {
	p := person{keys: k}
	var attributes, personKey []byte
	err := row.Scan(&attributes, &p.enrolledAt, &p.changedAt, &personKey, &p.model, &p.template)
	return p.open(err, attributes, personKey)
}

// open opens what was read, unless that failed with err.
func (p *person) open(err error, attributes, personKey []byte) (*person, error) {
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if p.dataKey, _, err = openDataKey(p.keys.master, p.keys.personKey, personKey); err != nil {
		return nil, err
	}
	if p.record, err = openRecord(p.keys, p.dataKey, attributes); err != nil {
		return nil, err
	}
	return p, nil
}

// unavailable is sqldb.Unavailable, and alerts if a row is damaged.
func (r *Registry) unavailable(ctx context.Context, doing string, err error) error {
	r.alert(err)
	return sqldb.Unavailable(ctx, doing, err)
}

// alert alerts if err says that a row is damaged.
func (r *Registry) alert(err error) {
	if d, ok := errors.AsType[*damagedError](err); ok {
		table, _, _ := strings.Cut(d.column, ".")
		r.o.Alert(table)
	}
}

// Holds implements registry.Enroller.
func (r *Registry) Holds(ctx context.Context, p registry.Person, portrait *registry.Portrait) (bool, error) {
	recorded, err := r.find(ctx, p.NIK)
	if err != nil {
		return false, r.unavailable(ctx, "reading a person", err)
	}
	if recorded == nil {
		return false, nil
	}
	if _, err := recorded.portrait(); err != nil {
		return false, r.unavailable(ctx, "reading a portrait", err)
	}
	return recorded.record.equal(newRecord(p, portrait)), nil
}

// Lookup implements registry.Enroller.
func (r *Registry) Lookup(ctx context.Context, nik sesuai.NIK) (registry.Entry, bool, error) {
	p, err := r.find(ctx, nik)
	if err != nil {
		return registry.Entry{}, false, r.unavailable(ctx, "reading a person", err)
	}
	if p == nil {
		return registry.Entry{}, false, nil
	}
	entry := registry.Entry{Status: p.record.status, EnrolledAt: p.enrolledAt, ChangedAt: p.changedAt}
	for _, a := range sesuai.Attributes {
		if _, ok := p.record.Attributes[a]; ok {
			entry.Attributes = append(entry.Attributes, a)
		}
	}
	if p.record.Portrait != nil {
		entry.Portrait, entry.Model = true, p.record.Portrait.Model
	}
	return entry, true, nil
}

// Count implements registry.Enroller.
func (r *Registry) Count(ctx context.Context) (n int, err error) {
	if err := r.o.DB.Read().QueryRowContext(ctx, `SELECT count(*) FROM people`).Scan(&n); err != nil {
		return 0, sqldb.Unavailable(ctx, "counting people", err)
	}
	return n, nil
}
