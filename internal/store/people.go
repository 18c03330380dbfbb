package store

import (
	"context"
	"database/sql"
	"errors"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/name"
	"github.com/sesuai/sesuai/internal/registry"
)

const (
	selectPerson = `
		SELECT p.attributes, p.enrolled_at, p.changed_at, k.sealed
		FROM people p LEFT JOIN person_keys k ON k.person = $2
		WHERE p.nik = $1`

	selectPortrait = `
		SELECT p.attributes, p.enrolled_at, p.changed_at, k.sealed, t.model, t.template
		FROM people p LEFT JOIN person_keys k ON k.person = $2 LEFT JOIN templates t ON t.link = $3
		WHERE p.nik = $1`
)

// reader is a database to read people from, with the statements of the busiest
// reads.
type reader struct {
	db               *sql.DB
	person, portrait *sql.Stmt
}

// newReader prepares the statements as joining has them: see engine.
func newReader(ctx context.Context, db *sql.DB, joining func(string) string) (*reader, error) {
	person, err := db.PrepareContext(ctx, joining(selectPerson))
	if err != nil {
		return nil, unavailable(ctx, "preparing statements", err)
	}
	portrait, err := db.PrepareContext(ctx, joining(selectPortrait))
	if err != nil {
		return nil, errors.Join(unavailable(ctx, "preparing statements", err), person.Close())
	}
	return &reader{db, person, portrait}, nil
}

func (r *reader) close() error { return errors.Join(r.person.Close(), r.portrait.Close()) }

// Check implements registry.Registry.
func (s *Store) Check(ctx context.Context, claim sesuai.Claim) (registry.Record, error) {
	p, err := s.findNear(ctx, claim.NIK, false)
	if err != nil {
		return registry.Record{}, unavailable(ctx, "reading a person", err)
	}
	if !p.found {
		return registry.Record{}, nil
	}
	return registry.Record{
		Found:       true,
		Status:      p.record.status,
		NameScore:   name.Score(claim.Name.Reveal(), p.record.Name),
		DateOfBirth: sesuai.OutcomeOf(claim.DateOfBirth.Reveal() == p.record.DateOfBirth),
		Portrait:    p.record.Portrait != nil,
		Revision:    p.revision,
	}, nil
}

// Compare implements registry.Registry.
func (s *Store) Compare(ctx context.Context, nik sesuai.NIK, probe face.Probe) (registry.Comparison, error) {
	if s.o.Scale == nil {
		return registry.Comparison{}, unavailable(ctx, "comparing", errors.New("the store was opened without a scale"))
	}
	p, err := s.findNear(ctx, nik, true)
	if err != nil {
		return registry.Comparison{}, unavailable(ctx, "reading a portrait", err)
	}
	if !p.found || p.record.Portrait == nil {
		return registry.Comparison{Revision: p.revision}, nil
	}
	score, err := p.template.Score(probe.Template)
	if err != nil {
		return registry.Comparison{}, unavailable(ctx, "comparing", err)
	}
	return registry.Comparison{
		Portrait:       true,
		Score:          score,
		Percentage:     s.o.Scale.Percentage(score),
		Model:          p.template.Model,
		Calibration:    s.o.Calibration,
		SamePhotograph: p.portrait().Made(probe),
		Revision:       p.revision,
	}, nil
}

// Holds implements registry.Enroller.
func (s *Store) Holds(ctx context.Context, p registry.Person, source [32]byte, model string) (bool, error) {
	recorded, err := s.find(ctx, s.primary, p.NIK, true)
	if err != nil {
		return false, unavailable(ctx, "reading a person", err)
	}
	if !recorded.found {
		return false, nil
	}
	var portrait *registry.Portrait
	if source != [32]byte{} || model != "" {
		portrait = &registry.Portrait{Template: face.Template{Model: model}, Source: source}
	}
	return recorded.record.equal(newRecord(p, portrait)), nil
}

// Lookup implements registry.Enroller.
func (s *Store) Lookup(ctx context.Context, nik sesuai.NIK) (registry.Entry, bool, error) {
	p, err := s.find(ctx, s.primary, nik, false)
	if err != nil {
		return registry.Entry{}, false, unavailable(ctx, "reading a person", err)
	}
	if !p.found {
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
func (s *Store) Count(ctx context.Context) (int, error) {
	var n int
	if err := s.primary.db.QueryRowContext(ctx, `SELECT count(*) FROM people`).Scan(&n); err != nil {
		return 0, unavailable(ctx, "counting people", err)
	}
	return n, nil
}

// CountByModel counts the templates on record by the model that made them. It
// reads the whole table.
func (s *Store) CountByModel(ctx context.Context) (map[string]int, error) {
	rows, err := s.primary.db.QueryContext(ctx, `SELECT model, count(*) FROM templates GROUP BY model`)
	if err != nil {
		return nil, unavailable(ctx, "counting templates", err)
	}
	defer rows.Close() //nolint:errcheck // rows.Err says it
	counts := make(map[string]int)
	for rows.Next() {
		var model string
		var n int
		if err := rows.Scan(&model, &n); err != nil {
			return nil, unavailable(ctx, "counting templates", err)
		}
		counts[model] = n
	}
	if err := rows.Err(); err != nil {
		return nil, unavailable(ctx, "counting templates", err)
	}
	return counts, nil
}

// onRecord is all that is recorded about a person.
type onRecord struct {
	found                 bool
	keys                  rowKeys
	dataKey               *keyring.DataKey
	record                record
	enrolledAt, changedAt int64
	revision              string // "" if not found
	// template and signature are set if record.Portrait is, and the template
	// was asked for.
	template  face.Template
	signature face.Signature
}

// portrait is what the reference was enrolled as; nil if there is none.
func (p onRecord) portrait() *registry.Portrait {
	if p.record.Portrait == nil {
		return nil
	}
	return &registry.Portrait{
		Template: p.template, Source: [32]byte(p.record.Portrait.Source), Signature: p.signature,
	}
}

// findNear is find on a replica that is not too far behind, and on the primary
// if there is none or it does not answer.
func (s *Store) findNear(ctx context.Context, nik sesuai.NIK, template bool) (onRecord, error) {
	if s.replicas == nil {
		return s.find(ctx, s.primary, nik, template)
	}
	replica, reader := s.replicas.pick()
	if replica == nil {
		return s.find(ctx, s.primary, nik, template)
	}
	p, err := s.find(ctx, reader, nik, template)
	if err == nil || ctx.Err() != nil || errors.Is(err, registry.ErrDamaged) {
		return p, err
	}
	replica.distrust()
	return s.find(ctx, s.primary, nik, template)
}

// find reads a person, with the template if it is wanted.
func (s *Store) find(ctx context.Context, r *reader, nik sesuai.NIK, template bool) (p onRecord, err error) {
	err = s.look(ctx, r.db, nik, func(k rowKeys) (bool, error) {
		if template {
			p, err = readPortrait(r.portrait.QueryRowContext(ctx, k.nik[:], k.personKey[:], k.link[:]), k)
		} else {
			p, err = readPerson(r.person.QueryRowContext(ctx, k.nik[:], k.personKey[:]), k)
		}
		return p.found, err
	})
	return p, err
}

// readPerson reads a row of selectPerson, and what columns there are behind it
// into more.
func readPerson(row *sql.Row, k rowKeys, more ...any) (onRecord, error) {
	p := onRecord{keys: k}
	var attributes, personKey []byte
	err := row.Scan(append([]any{&attributes, &p.enrolledAt, &p.changedAt, &personKey}, more...)...)
	if errors.Is(err, sql.ErrNoRows) {
		return onRecord{}, nil
	}
	if err != nil {
		return onRecord{}, err
	}
	if p.dataKey, _, err = openDataKey(k.master, k.personKey, personKey); err != nil {
		return onRecord{}, err
	}
	if p.record, err = openRecord(k, p.dataKey, attributes); err != nil {
		return onRecord{}, err
	}
	p.found, p.revision = true, revisionOf(attributes)
	return p, nil
}

// readPortrait reads a row of selectPortrait. That one of the tables says that
// there is a template, and the other that there is none, is damage, and must
// not be read as "no portrait".
func readPortrait(row *sql.Row, k rowKeys) (onRecord, error) {
	var model sql.NullString
	var template []byte
	p, err := readPerson(row, k, &model, &template)
	if err != nil || !p.found {
		return onRecord{}, err
	}
	switch {
	case p.record.Portrait == nil && !model.Valid:
		return p, nil
	case p.record.Portrait == nil || !model.Valid || p.record.Portrait.Model != model.String:
		return onRecord{}, damaged("templates.model", errors.New("a person and the template on record do not belong together"))
	}
	if p.template, p.signature, err = openTemplate(k, p.dataKey, p.record, template); err != nil {
		return onRecord{}, err
	}
	return p, nil
}
