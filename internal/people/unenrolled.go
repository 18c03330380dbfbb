package people

import (
	"context"
	"encoding/binary"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/replay"
	"github.com/sesuai/sesuai/internal/sqldb"
)

// The probes of unenrolled people are found and sealed with secrets, because
// these people have no data key. A rotation of the master keys leaves them.
const (
	upsertUnenrolled = `
		INSERT INTO unenrolled_probes (person, last_at, probes) VALUES ($1, $2, $3)
		ON CONFLICT (person) DO UPDATE SET last_at = excluded.last_at, probes = excluded.probes`

	deleteUnenrolled = `DELETE FROM unenrolled_probes WHERE person = $1`
)

// unenrolledLink finds the row of a person who is not on record.
func (r *Registry) unenrolledLink(nik sesuai.NIK) [32]byte {
	return r.o.Vault.Secret(keyring.UnenrolledLink).Hash([]byte(nik.Reveal()))
}

// readUnenrolled reads the probes from before people were on record, if they are.
// The probes of a person who is not on record are in since.
func (r *Registry) readUnenrolled(ctx context.Context, tx *sqldb.Tx, people []*update) error {
	links := make([][32]byte, len(people))
	asked := make([][][]byte, len(people))
	for i, u := range people {
		links[i] = r.unenrolledLink(u.nik)
		asked[i] = [][]byte{links[i][:]}
	}
	rows, err := readProbeRows(ctx, tx, r.selectUnenrolled, asked)
	if err != nil {
		return err
	}
	for _, row := range rows {
		u := people[row.n]
		probes, err := r.openUnenrolled(links[row.n], row.lastAt.Int64, row.probes)
		switch {
		case err != nil:
			u.err = err
		case u.dataKey == nil:
			u.since = probes
		default:
			u.before = probes
		}
	}
	return nil
}

// sealUnenrolled returns the arguments of upsertUnenrolled. There is at least one
// probe.
func (r *Registry) sealUnenrolled(nik sesuai.NIK, probes []replay.Probe) []any {
	link, last := r.unenrolledLink(nik), probes[len(probes)-1].At
	return []any{link[:], last, r.o.Vault.Secret(keyring.UnenrolledProbes).Seal(link[0], encodeProbes(probes), bindUnenrolled(link, last))}
}

// standInProbes is sealUnenrolled for nobody. The row is written instead of that of a
// person who is not on record, so that the time of an answer does not tell who is. All
// of them share it, and it says nothing about any.
func (r *Registry) standInProbes() []any {
	return r.sealUnenrolled(sesuai.NIK{}, []replay.Probe{{At: time.Now().UnixMicro()}})
}

func (r *Registry) openUnenrolled(link [32]byte, lastAt int64, sealed []byte) ([]replay.Probe, error) {
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
