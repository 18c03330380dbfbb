package store

import (
	"context"
	"database/sql"
	"errors"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/name"
	"github.com/sesuai/sesuai/internal/registry"
)

const (
	selectPerson = `SELECT attributes FROM people WHERE nik = $1`

	selectPortrait = `
		SELECT p.attributes, t.model, t.template
		FROM people p LEFT JOIN templates t ON t.link = $2
		WHERE p.nik = $1`

	upsertPerson = `
		INSERT INTO people (nik, attributes, enrolled_at, changed_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (nik) DO UPDATE SET attributes = excluded.attributes, changed_at = excluded.changed_at`

	upsertTemplate = `
		INSERT INTO templates (link, model, template) VALUES ($1, $2, $3)
		ON CONFLICT (link) DO UPDATE SET model = excluded.model, template = excluded.template`

	deleteTemplate = `DELETE FROM templates WHERE link = $1`
)

// Check implements registry.Registry.
func (s *Store) Check(ctx context.Context, claim sesuai.Claim) (registry.Record, error) {
	k := s.keysOf(claim.NIK)
	var sealed []byte
	err := s.selectPerson.QueryRowContext(ctx, k.nik[:]).Scan(&sealed)
	if errors.Is(err, sql.ErrNoRows) {
		return registry.Record{}, nil
	}
	if err != nil {
		return registry.Record{}, unavailable(ctx, "reading a person", err)
	}
	r, err := s.openRecord(k, sealed)
	if err != nil {
		return registry.Record{}, unavailable(ctx, "reading a person", err)
	}
	return registry.Record{
		Found:       true,
		Status:      r.status,
		NameScore:   name.Score(claim.Name.Reveal(), r.Name),
		DateOfBirth: sesuai.OutcomeOf(claim.DateOfBirth.Reveal() == r.DateOfBirth),
		Portrait:    r.Portrait != nil,
		Revision:    revisionOf(sealed),
	}, nil
}

// Compare implements registry.Registry.
func (s *Store) Compare(ctx context.Context, nik sesuai.NIK, probe face.Probe) (registry.Comparison, error) {
	if s.o.Scale == nil {
		return registry.Comparison{}, unavailable(ctx, "comparing", errors.New("the store was opened without a scale"))
	}
	p, err := s.portrait(ctx, s.selectPortrait.QueryRowContext, s.keysOf(nik))
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

// sealedPerson is a person as the rows hold them, and how they are found.
type sealedPerson struct {
	keys       keys
	record     record
	attributes []byte
	model      string // "" without a portrait
	template   []byte // nil without a portrait
}

// seal does all of an enrolment that needs no database.
func (s *Store) seal(e registry.Enrolment) (sealedPerson, error) {
	p := sealedPerson{keys: s.keysOf(e.Person.NIK), record: newRecord(e.Person, e.Portrait)}
	var err error
	if p.attributes, err = s.sealRecord(p.keys, p.record); err != nil || e.Portrait == nil {
		return p, err
	}
	p.model = e.Portrait.Template.Model
	p.template, err = s.sealTemplate(p.keys, p.record, *e.Portrait)
	return p, err
}

// Enrol implements registry.Enroller.
func (s *Store) Enrol(ctx context.Context, p registry.Person, portrait *registry.Portrait) (registry.Change, error) {
	changes, err := s.EnrolBatch(ctx, []registry.Enrolment{{Person: p, Portrait: portrait}}, true)
	if err != nil {
		return registry.Unchanged, err
	}
	return changes[0], nil
}

// EnrolBatch implements registry.Enroller.
func (s *Store) EnrolBatch(ctx context.Context, batch []registry.Enrolment, replace bool) ([]registry.Change, error) {
	if err := registry.ValidateBatch(batch); err != nil {
		return nil, err
	}
	// Sealing is done before the transaction, which others wait for.
	people := make([]sealedPerson, len(batch))
	for i, e := range batch {
		var err error
		if people[i], err = s.seal(e); err != nil {
			return nil, unavailable(ctx, "sealing a person", err)
		}
	}
	changes := make([]registry.Change, len(people))
	err := s.inTx(ctx, func(tx *sql.Tx) error {
		for i, p := range people {
			var err error
			if changes[i], err = s.enrol(ctx, tx, p, replace); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, unavailable(ctx, "enrolling people", err)
	}
	return changes, nil
}

func (s *Store) enrol(ctx context.Context, tx *sql.Tx, p sealedPerson, replace bool) (registry.Change, error) {
	change := registry.Added
	before, err := s.portrait(ctx, inTransaction(tx, selectPortrait), p.keys)
	switch {
	case err != nil:
		return change, err
	case before.found && before.record.equal(p.record):
		return registry.Unchanged, nil
	case before.found && !replace:
		return registry.Kept, nil
	case before.found:
		change = registry.Replaced
	}
	now := s.now()
	if _, err := tx.ExecContext(ctx, upsertPerson, p.keys.nik[:], p.attributes, now, now); err != nil {
		return change, err
	}
	if p.template == nil {
		_, err = tx.ExecContext(ctx, deleteTemplate, p.keys.link[:])
	} else {
		_, err = tx.ExecContext(ctx, upsertTemplate, p.keys.link[:], p.model, p.template)
	}
	return change, err
}

// Holds implements registry.Enroller.
func (s *Store) Holds(ctx context.Context, p registry.Person, source [32]byte, model string) (bool, error) {
	recorded, err := s.portrait(ctx, s.selectPortrait.QueryRowContext, s.keysOf(p.NIK))
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
	k := s.keysOf(nik)
	var sealed []byte
	var entry registry.Entry
	err := s.read.QueryRowContext(ctx,
		`SELECT attributes, enrolled_at, changed_at FROM people WHERE nik = $1`, k.nik[:]).
		Scan(&sealed, &entry.EnrolledAt, &entry.ChangedAt)
	if errors.Is(err, sql.ErrNoRows) {
		return registry.Entry{}, false, nil
	}
	if err != nil {
		return registry.Entry{}, false, unavailable(ctx, "reading a person", err)
	}
	r, err := s.openRecord(k, sealed)
	if err != nil {
		return registry.Entry{}, false, unavailable(ctx, "reading a person", err)
	}
	entry.Status = r.status
	for _, a := range sesuai.Attributes {
		if _, ok := r.Attributes[a]; ok {
			entry.Attributes = append(entry.Attributes, a)
		}
	}
	if r.Portrait != nil {
		entry.Portrait, entry.Model = true, r.Portrait.Model
	}
	return entry, true, nil
}

// Remove implements registry.Enroller, and forgets the person's earlier
// probes. What is sealed about the person is
// overwritten in the database's files; copies of them are another matter.
func (s *Store) Remove(ctx context.Context, nik sesuai.NIK) (bool, error) {
	k := s.keysOf(nik)
	var removed int64
	err := s.inTx(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, deleteTemplate, k.link[:]); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, deleteProbes, k.probes[:]); err != nil {
			return err
		}
		result, err := tx.ExecContext(ctx, `DELETE FROM people WHERE nik = $1`, k.nik[:])
		if err != nil {
			return err
		}
		removed, err = result.RowsAffected()
		return err
	})
	if err != nil {
		return false, unavailable(ctx, "removing a person", err)
	}
	if removed > 0 {
		s.forget(ctx)
	}
	return removed > 0, nil
}

// Count implements registry.Enroller.
func (s *Store) Count(ctx context.Context) (int, error) {
	var n int
	if err := s.read.QueryRowContext(ctx, `SELECT count(*) FROM people`).Scan(&n); err != nil {
		return 0, unavailable(ctx, "counting people", err)
	}
	return n, nil
}

// CountByModel counts the templates on record by the model that made them. It
// reads the whole table.
func (s *Store) CountByModel(ctx context.Context) (map[string]int, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT model, count(*) FROM templates GROUP BY model`)
	if err != nil {
		return nil, unavailable(ctx, "counting templates", err)
	}
	defer rows.Close()
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
	found    bool
	record   record
	revision string // "" if not found
	// template and signature are set if record.Portrait is, the latter if it
	// is known.
	template  face.Template
	signature face.Signature
}

// portrait is what the reference was enrolled as.
func (p onRecord) portrait() registry.Portrait {
	return registry.Portrait{
		Template: p.template, Source: [32]byte(p.record.Portrait.Source), Signature: p.signature,
	}
}

// queryRow runs selectPortrait.
type queryRow func(ctx context.Context, args ...any) *sql.Row

// inTransaction is query as part of the transaction.
func inTransaction(tx *sql.Tx, query string) queryRow {
	return func(ctx context.Context, args ...any) *sql.Row { return tx.QueryRowContext(ctx, query, args...) }
}

// portrait reads a person with the template. That one of the two says that
// there is a template, and the other that there is none, is damage, and must
// not be read as "no portrait".
func (s *Store) portrait(ctx context.Context, query queryRow, k keys) (onRecord, error) {
	var attributes, sealed []byte
	var model sql.NullString
	err := query(ctx, k.nik[:], k.link[:]).Scan(&attributes, &model, &sealed)
	if errors.Is(err, sql.ErrNoRows) {
		return onRecord{}, nil
	}
	if err != nil {
		return onRecord{}, err
	}
	p := onRecord{found: true}
	if p.record, err = s.openRecord(k, attributes); err != nil {
		return onRecord{}, err
	}
	p.revision = revisionOf(attributes)
	switch {
	case p.record.Portrait == nil && !model.Valid:
		return p, nil
	case p.record.Portrait == nil || !model.Valid || p.record.Portrait.Model != model.String:
		return onRecord{}, damaged("templates.model", errors.New("a person and the template on record do not belong together"))
	}
	if p.template, p.signature, err = s.openTemplate(k, p.record, sealed); err != nil {
		return onRecord{}, err
	}
	return p, nil
}
