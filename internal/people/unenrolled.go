package people

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"slices"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/replay"
	"github.com/sesuai/sesuai/internal/sqldb"
)

// The probes of unenrolled people are found and sealed with secrets, because
// these people have no data key. A rotation of the master keys leaves them.
const (
	selectUnenrolled = `SELECT last_at, probes FROM unenrolled_probes WHERE person = $1 LIMIT 1` // LIMIT: see joinsOf

	upsertUnenrolled = `
		INSERT INTO unenrolled_probes (person, last_at, probes) VALUES ($1, $2, $3)
		ON CONFLICT (person) DO UPDATE SET last_at = excluded.last_at, probes = excluded.probes`

	deleteUnenrolled = `DELETE FROM unenrolled_probes WHERE person = $1`
)

// unenrolledLink finds the row of a person who is not on record.
func (r *Registry) unenrolledLink(nik sesuai.NIK) [32]byte {
	return r.o.Vault.Secret(keyring.UnenrolledLink).Hash([]byte(nik.Reveal()))
}

// updateUnenrolled is Update for a person who is not on record. The person is
// locked.
func (r *Registry) updateUnenrolled(ctx context.Context, tx *sqldb.Tx, nik sesuai.NIK, change func([]replay.Probe) []replay.Probe) error {
	link := r.unenrolledLink(nik)
	earlier, err := r.readUnenrolled(ctx, tx, link)
	if err != nil {
		return err
	}
	kept := change(earlier)
	last := kept[len(kept)-1].At
	sealed := r.o.Vault.Secret(keyring.UnenrolledProbes).Seal(link[0], encodeProbes(kept), bindUnenrolled(link, last))
	_, err = tx.ExecContext(ctx, upsertUnenrolled, link[:], last, sealed)
	return err
}

// adoptUnenrolled removes the probes from before a person was on record, and
// returns them with those since, oldest first.
func (r *Registry) adoptUnenrolled(ctx context.Context, tx *sqldb.Tx, nik sesuai.NIK, since []replay.Probe) ([]replay.Probe, error) {
	link := r.unenrolledLink(nik)
	before, err := r.readUnenrolled(ctx, tx, link)
	if err != nil || len(before) == 0 {
		return since, err
	}
	if _, err := tx.ExecContext(ctx, deleteUnenrolled, link[:]); err != nil {
		return nil, err
	}
	all := append(before, since...)
	slices.SortStableFunc(all, func(a, b replay.Probe) int { return cmp.Compare(a.At, b.At) })
	return all, nil
}

func (r *Registry) readUnenrolled(ctx context.Context, tx *sqldb.Tx, link [32]byte) ([]replay.Probe, error) {
	var lastAt int64
	var sealed []byte
	err := tx.QueryRowContext(ctx, selectUnenrolled, link[:]).Scan(&lastAt, &sealed)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	b, err := r.o.Vault.Secret(keyring.UnenrolledProbes).Open(link[0], sealed, bindUnenrolled(link, lastAt))
	if err != nil {
		return nil, damaged("unenrolled_probes.probes", err)
	}
	return decodeProbes("unenrolled_probes.probes", b)
}

// bindUnenrolled is like bindProbes. "strangers.probes" is the name in rows
// sealed since schema 4.
func bindUnenrolled(link [32]byte, lastAt int64) []byte {
	return keyring.Bind("strangers.probes", link[:], binary.BigEndian.AppendUint64(nil, uint64(lastAt)))
}
