package people

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/replay"
	"github.com/sesuai/sesuai/internal/sqldb"
	"github.com/sesuai/sesuai/internal/vault"
)

// update is what UpdateTx does about one person.
type update struct {
	nik     sesuai.NIK
	changes []func(earlier []replay.Probe, err error) (kept []replay.Probe)
	// keys are those that the person is on record under. dataKey is nil if the
	// person is not on record.
	keys    rowKeys
	dataKey *keyring.DataKey
	// before are the probes from before the person was on record, and since
	// those from then on; err is why they cannot be read. The probes that were
	// read last are those that change has kept.
	before, since []replay.Probe
	err           error
}

// UpdateTx implements recorder.Probes. Probes from before a person was enrolled
// are kept when the person is.
//
// It reads again whether the person is on record, and the data key, although
// Prepare has just read both. The person may have been removed, replaced or moved
// since, and the new probes must open with the data key that is there. That is
// part of the statement that reads the probes, so it costs no round trip.
func (r *Registry) UpdateTx(ctx context.Context, tx *sqldb.Tx, keys *vault.Keys, updates []replay.Update) error {
	people, err := r.lockFree(ctx, tx, byPerson(updates))
	if err != nil || len(people) == 0 {
		return err
	}
	if err := r.readEnrolled(ctx, tx, keys, people); err != nil {
		return err
	}
	if r.o.Unenrolled {
		if err := r.readUnenrolled(ctx, tx, people); err != nil {
			return err
		}
	}
	return r.writeUpdates(ctx, tx, people)
}

// lockFree locks people and returns them, without those whom another transaction
// has locked.
func (r *Registry) lockFree(ctx context.Context, tx *sqldb.Tx, people []*update) (free []*update, err error) {
	niks := make([]sesuai.NIK, len(people))
	for i, u := range people {
		niks[i] = u.nik
	}
	busy, err := r.tryLockPeople(ctx, tx, niks)
	if err != nil {
		return nil, err
	}
	for i, u := range people {
		if !busy[i] {
			free = append(free, u)
		}
	}
	return free, nil
}

// byPerson returns the updates of each person, in their order.
func byPerson(updates []replay.Update) []*update {
	var people []*update
	known := make(map[string]*update, len(updates))
	for _, given := range updates {
		text := given.NIK.Reveal()
		u := known[text]
		if u == nil {
			u = &update{nik: given.NIK}
			known[text] = u
			people = append(people, u)
		}
		u.changes = append(u.changes, given.Change)
	}
	return people
}

// readEnrolled reads the probes of the people who are on record.
func (r *Registry) readEnrolled(ctx context.Context, tx *sqldb.Tx, keys *vault.Keys, people []*update) error {
	absent := people
	for _, key := range keys.Order() {
		if len(absent) == 0 {
			return nil
		}
		asked := make([][][]byte, len(absent))
		for i, u := range absent {
			u.keys = keysUnder(key, u.nik)
			link := u.keys.probes()
			asked[i] = [][]byte{u.keys.nik[:], u.keys.personKey[:], link[:]}
		}
		rows, err := readProbeRows(ctx, tx, r.selectProbes, asked)
		if err != nil {
			return err
		}
		found := make(map[*update]bool, len(rows))
		for _, row := range rows {
			u := absent[row.n]
			found[u] = true
			u.err = u.open(row)
		}
		absent = slices.DeleteFunc(slices.Clone(absent), func(u *update) bool { return found[u] })
	}
	return nil
}

// open opens what was read of a person who is on record.
func (u *update) open(row probesRow) (err error) {
	if u.dataKey, _, err = openDataKey(u.keys.master, u.keys.personKey, row.personKey); err != nil || !row.lastAt.Valid {
		return err
	}
	u.since, err = openProbes(u.keys.probes(), u.dataKey, row.lastAt.Int64, row.probes)
	return err
}

// change makes the changes of one person and reports whether they have kept
// probes, which are in u.since.
func (u *update) change(remembers bool) (kept bool) {
	if u.err != nil {
		for _, change := range u.changes {
			change(nil, u.err)
		}
		return false
	}
	earlier := u.since
	if len(u.before) > 0 {
		earlier = append(slices.Clone(u.before), u.since...)
		slices.SortStableFunc(earlier, func(a, b replay.Probe) int { return cmp.Compare(a.At, b.At) })
	}
	for _, change := range u.changes {
		if probes := change(earlier, nil); len(probes) > 0 && remembers {
			earlier, kept = probes, true
		}
	}
	u.since = earlier
	return kept
}

// writeUpdates makes the changes and writes what they have kept.
func (r *Registry) writeUpdates(ctx context.Context, tx *sqldb.Tx, people []*update) error {
	var enrolled, unenrolled, adopted [][]any
	for _, u := range people {
		onRecord := u.dataKey != nil
		kept := u.change(onRecord || r.o.Unenrolled)
		switch {
		case u.err != nil:
			r.alert(u.err)
		case !onRecord && !r.o.Unenrolled:
			unenrolled = append(unenrolled, r.standInProbes())
		case !kept:
		case !onRecord:
			unenrolled = append(unenrolled, r.sealUnenrolled(u.nik, u.since))
		default:
			enrolled = append(enrolled, sealProbes(u.keys, u.dataKey, u.since))
			if len(u.before) > 0 {
				link := r.unenrolledLink(u.nik)
				adopted = append(adopted, []any{link[:]})
			}
		}
	}
	if err := tx.ExecEach(ctx, deleteUnenrolled, adopted); err != nil {
		return err
	}
	if err := tx.ExecEach(ctx, upsertProbes, enrolled); err != nil {
		return err
	}
	return tx.ExecEach(ctx, upsertUnenrolled, unenrolled)
}

// probesRow is a row that readProbeRows reads.
type probesRow struct {
	n         int    // of the person
	personKey []byte // nil if the person is not on record
	lastAt    sql.NullInt64
	probes    []byte
}

// readProbeRows runs a query for each person and returns its rows, at most one
// each. asked has the arguments of each query. PostgreSQL gets one query for all
// people, with an array for each argument.
func readProbeRows(ctx context.Context, tx *sqldb.Tx, query string, asked [][][]byte) ([]probesRow, error) {
	scan := func(rows *sql.Rows) (row probesRow, err error) {
		return row, rows.Scan(&row.n, &row.personKey, &row.lastAt, &row.probes)
	}
	if tx.Engine() == sqldb.PostgreSQL {
		arrays := make([][][]byte, len(asked[0]))
		for _, arguments := range asked {
			for i, a := range arguments {
				arrays[i] = append(arrays[i], a)
			}
		}
		return sqldb.Collect(ctx, tx, scan, query, anys(arrays)...)
	}
	var all []probesRow
	for n, arguments := range asked {
		rows, err := sqldb.Collect(ctx, tx, scan, query, anys(arguments)...)
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			row.n = n
			all = append(all, row)
		}
	}
	return all, nil
}

func anys[T any](all []T) []any {
	converted := make([]any, len(all))
	for i, one := range all {
		converted[i] = one
	}
	return converted
}

// RemoveBefore implements recorder.Probes. It passes over rows that another
// transaction is updating: they are recent from then on.
func (r *Registry) RemoveBefore(ctx context.Context, t time.Time, limit int) (more bool, err error) {
	err = r.o.DB.InTx(ctx, func(tx *sqldb.Tx) error {
		more = false
		for _, table := range []string{"probes", "unenrolled_probes"} {
			// Without MATERIALIZED a plan could select rows several times.
			removed, err := tx.ExecContext(ctx, `
				WITH old AS MATERIALIZED (SELECT person FROM `+table+` WHERE last_at < $1 LIMIT $2`+r.o.DB.SkipLocked()+`)
				DELETE FROM `+table+` WHERE person IN (SELECT person FROM old)`, t.UnixMicro(), limit)
			if err != nil {
				return err
			}
			n, err := removed.RowsAffected()
			if err != nil {
				return err
			}
			more = more || n >= int64(limit)
			if err := r.o.Removed(ctx, tx, table, n); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return false, sqldb.Unavailable(ctx, "removing old probes", err)
	}
	return more, nil
}
