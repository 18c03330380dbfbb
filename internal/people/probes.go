package people

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"

	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/replay"
	"github.com/sesuai/sesuai/internal/sqldb"
)

// readProbes reads the probes of a person whose data key is known.
func readProbes(ctx context.Context, tx *sqldb.Tx, k rowKeys, d *keyring.DataKey) ([]replay.Probe, error) {
	var lastAt int64
	var sealed []byte
	link := k.probes()
	err := tx.QueryRowContext(ctx, `SELECT last_at, probes FROM probes WHERE person = $1`, link[:]).Scan(&lastAt, &sealed)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return openProbes(link, d, lastAt, sealed)
}

const upsertProbes = `
	INSERT INTO probes (person, key_id, last_at, probes) VALUES ($1, $2, $3, $4)
	ON CONFLICT (person) DO UPDATE SET last_at = excluded.last_at, probes = excluded.probes`

// writeProbes replaces the probes of a person. There is at least one.
func writeProbes(ctx context.Context, tx *sqldb.Tx, k rowKeys, d *keyring.DataKey, probes []replay.Probe) error {
	_, err := tx.ExecContext(ctx, upsertProbes, sealProbes(k, d, probes)...)
	return err
}

// sealProbes returns the arguments of upsertProbes. There is at least one probe.
func sealProbes(k rowKeys, d *keyring.DataKey, probes []replay.Probe) []any {
	link, last := k.probes(), probes[len(probes)-1].At
	return []any{link[:], int64(k.master.ID()), last, d.Seal(encodeProbes(probes), bindProbes(link, last))}
}

func openProbes(link [32]byte, d *keyring.DataKey, lastAt int64, sealed []byte) ([]replay.Probe, error) {
	b, err := d.Open(sealed, bindProbes(link, lastAt))
	if err != nil {
		return nil, damaged("probes.probes", err)
	}
	return decodeProbes("probes.probes", b)
}

// bindProbes ties probes to their row and its date, so that earlier probes do
// not open in it.
func bindProbes(link [32]byte, lastAt int64) []byte {
	return keyring.Bind("probes.probes", link[:], binary.BigEndian.AppendUint64(nil, uint64(lastAt)))
}

// The versions of encoded probes, which are their first byte. Version 1 has no
// byte of its own: it begins with the first signature's, which is 1. It is read,
// but no longer written.
const (
	unratedProbes = 1
	ratedProbes   = 2
)

// unratedSize is the size of an encoded probe of version 1: the signature, the
// request, and the time in microseconds as 8 bytes, big-endian. In version 2 the
// result follows, as a byte.
const (
	unratedSize = face.SignatureSize + len(replay.Request{}) + 8
	ratedSize   = unratedSize + 1
)

func encodeProbes(probes []replay.Probe) []byte {
	b := make([]byte, 1, 1+len(probes)*ratedSize)
	b[0] = ratedProbes
	for _, p := range probes {
		signature, err := p.Signature.MarshalBinary()
		if err != nil {
			panic(err) // it never fails
		}
		b = append(append(b, signature...), p.Request[:]...)
		b = binary.BigEndian.AppendUint64(b, uint64(p.At))
		b = append(b, byte(p.Result))
	}
	return b
}

// decodeProbes decodes what encodeProbes encoded, from that column, and version
// 1. Its probes count as verified, since they may have been.
func decodeProbes(column string, b []byte) ([]replay.Probe, error) {
	size := unratedSize
	switch {
	case len(b) == 0:
		return nil, damaged(column, errors.New("there are no probes"))
	case b[0] == ratedProbes:
		size, b = ratedSize, b[1:]
	case b[0] != unratedProbes:
		return nil, damaged(column, errors.New("the version of the probes is not known"))
	}
	if len(b)%size != 0 {
		return nil, damaged(column, errors.New("the size is not a multiple of a probe's"))
	}
	var probes []replay.Probe
	for ; len(b) > 0; b = b[size:] {
		var p replay.Probe
		if err := p.Signature.UnmarshalBinary(b[:face.SignatureSize]); err != nil {
			return nil, damaged(column, err)
		}
		rest := b[face.SignatureSize:size]
		p.Request = replay.Request(rest)
		p.At = int64(binary.BigEndian.Uint64(rest[len(p.Request):]))
		p.Result = replay.Verified
		if size == ratedSize {
			p.Result = replay.Result(rest[len(rest)-1])
		}
		if p.Result > replay.Verified {
			return nil, damaged(column, errors.New("a probe has an unknown result"))
		}
		probes = append(probes, p)
	}
	return probes, nil
}
