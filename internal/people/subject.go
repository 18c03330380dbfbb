package people

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/registry"
	"github.com/sesuai/sesuai/internal/replay"
	"github.com/sesuai/sesuai/internal/sqldb"
	"github.com/sesuai/sesuai/internal/vault"
)

// Held is all that is stored of one person.
type Held struct {
	// Enrolment is the record; nil if the person is not on record. EnrolledAt and
	// ChangedAt are of it, Model is that of its template; "" if it has none.
	Enrolment             *registry.Enrolment
	EnrolledAt, ChangedAt time.Time
	Model                 string
	// Probes is when the probes came that are remembered of a person on record, and
	// Unenrolled those from before, or of a person who is not on record. The earliest
	// is first.
	Probes, Unenrolled []time.Time
}

// Held returns what is stored of a person. It is for the person's own right of access,
// and never for an answer of the API. The error has kind sesuai.KindUnavailable, also
// if a row does not open.
func (r *Registry) Held(ctx context.Context, nik sesuai.NIK) (Held, error) {
	var h Held
	err := r.o.Vault.Change(ctx, func(tx *sqldb.Tx, keys *vault.Keys) (err error) {
		h = Held{}
		p, err := r.findIn(ctx, tx, keys, nik)
		if err != nil {
			return err
		}
		if h.Unenrolled, err = r.unenrolledTimes(ctx, tx, nik); err != nil || p == nil {
			return err
		}
		e, err := p.enrolment()
		if err != nil {
			return err
		}
		h.Enrolment, h.Model = &e, p.model.String
		h.EnrolledAt, h.ChangedAt = time.UnixMicro(p.enrolledAt).UTC(), time.UnixMicro(p.changedAt).UTC()
		probes, err := readProbes(ctx, tx, p.keys, p.dataKey)
		h.Probes = timesOf(probes)
		return err
	})
	if err != nil {
		return Held{}, r.unavailable(ctx, "reading what is stored of a person", err)
	}
	return h, nil
}

// unenrolledTimes are the times of the row of unenrolled_probes.
func (r *Registry) unenrolledTimes(ctx context.Context, tx *sqldb.Tx, nik sesuai.NIK) ([]time.Time, error) {
	link := r.unenrolledLink(nik)
	var lastAt int64
	var sealed []byte
	err := tx.QueryRowContext(ctx, `SELECT last_at, probes FROM unenrolled_probes WHERE person = $1`, link[:]).Scan(&lastAt, &sealed)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	probes, err := r.openUnenrolled(link, lastAt, sealed)
	return timesOf(probes), err
}

func timesOf(probes []replay.Probe) []time.Time {
	var all []time.Time
	for _, p := range probes {
		all = append(all, time.UnixMicro(p.At).UTC())
	}
	return all
}
