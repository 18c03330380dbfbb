package store

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/replay"
)

const (
	// selectProbes returns a row for a person on record, with or without
	// probes.
	selectProbes = `
		SELECT p.last_at, p.probes FROM people LEFT JOIN probes p ON p.person = $2 WHERE people.nik = $1`

	upsertProbes = `
		INSERT INTO probes (person, last_at, probes) VALUES ($1, $2, $3)
		ON CONFLICT (person) DO UPDATE SET last_at = excluded.last_at, probes = excluded.probes`

	deleteProbes = `DELETE FROM probes WHERE person = $1`

	deleteOldProbes = `DELETE FROM probes WHERE last_at < $1`
)

// sweepInterval is how often the rows of people whom nobody asks about any
// more are looked through.
const sweepInterval = time.Hour

// Seen implements replay.Memory. Of somebody who is not on record, or not any
// more, nothing is remembered.
func (s *Store) Seen(ctx context.Context, nik sesuai.NIK, p replay.Probe) (bool, error) {
	if err := s.sweepProbes(ctx); err != nil {
		return false, err
	}
	k := s.keysOf(nik)
	var seen bool
	err := s.inTx(ctx, func(tx *sql.Tx) error {
		var lastAt sql.NullInt64
		var sealed []byte
		err := tx.QueryRowContext(ctx, selectProbes, k.nik[:], k.probes[:]).Scan(&lastAt, &sealed)
		if errors.Is(err, sql.ErrNoRows) {
			return nil // taken off the record since it was found there
		}
		if err != nil {
			return err
		}
		var earlier []replay.Probe
		if lastAt.Valid {
			if earlier, err = s.openProbes(k, lastAt.Int64, sealed); err != nil {
				return err
			}
		}
		var kept []replay.Probe
		seen, kept = replay.Judge(earlier, p, s.o.ProbeAge)
		last := kept[len(kept)-1].At
		_, err = tx.ExecContext(ctx, upsertProbes, k.probes[:], last, s.sealProbes(k, last, kept))
		return err
	})
	if err != nil {
		return false, unavailable(ctx, "remembering a probe", err)
	}
	return seen, nil
}

// sweepProbes removes what has not been added to for longer than probes are
// remembered, if it has not just been done.
func (s *Store) sweepProbes(ctx context.Context) error {
	now, swept := s.now(), s.swept.Load()
	if now-swept < sweepInterval.Microseconds() || !s.swept.CompareAndSwap(swept, now) {
		return nil
	}
	if _, err := s.write.ExecContext(ctx, deleteOldProbes, now-s.o.ProbeAge.Microseconds()); err != nil {
		s.swept.Store(swept) // the next one does it
		return unavailable(ctx, "forgetting old probes", err)
	}
	return nil
}

// probeSize is how many bytes a probe takes in the sealed form.
const probeSize = face.SignatureSize + len(replay.Request{}) + 8

func (s *Store) sealProbes(k keys, lastAt int64, probes []replay.Probe) []byte {
	b := make([]byte, 0, replay.MaxProbes*probeSize)
	for _, p := range probes {
		signature, err := p.Signature.MarshalBinary()
		if err != nil {
			panic(err) // it never fails
		}
		b = append(append(b, signature...), p.Request[:]...)
		b = binary.BigEndian.AppendUint64(b, uint64(p.At))
	}
	return s.o.Ring.Seal(keyring.Probes, b, bindProbes(k, lastAt))
}

func (s *Store) openProbes(k keys, lastAt int64, sealed []byte) ([]replay.Probe, error) {
	b, err := s.o.Ring.Open(keyring.Probes, sealed, bindProbes(k, lastAt))
	if err != nil {
		return nil, damaged("probes.probes", err)
	}
	if len(b)%probeSize != 0 {
		return nil, damaged("probes.probes", errors.New("not of whole probes"))
	}
	var probes []replay.Probe
	for ; len(b) > 0; b = b[probeSize:] {
		var p replay.Probe
		if err := p.Signature.UnmarshalBinary(b[:face.SignatureSize]); err != nil {
			return nil, damaged("probes.probes", err)
		}
		rest := b[face.SignatureSize:]
		p.Request = replay.Request(rest)
		p.At = int64(binary.BigEndian.Uint64(rest[len(p.Request):]))
		probes = append(probes, p)
	}
	return probes, nil
}

// bindProbes ties probes to their row as it is, dates included, so that those
// of an earlier time do not open in it.
func bindProbes(k keys, lastAt int64) []byte {
	return bind("probes.probes", k.probes[:], binary.BigEndian.AppendUint64(nil, uint64(lastAt)))
}
