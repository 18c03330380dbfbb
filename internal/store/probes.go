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
	selectProbes = `SELECT last_at, probes FROM probes WHERE person = $1`

	upsertProbes = `
		INSERT INTO probes (person, key_id, last_at, probes) VALUES ($1, $2, $3, $4)
		ON CONFLICT (person) DO UPDATE SET last_at = excluded.last_at, probes = excluded.probes`

	// selectProbesOf returns a row for a person on record, with or without
	// probes.
	selectProbesOf = `
		SELECT k.sealed, p.last_at, p.probes
		FROM people
		LEFT JOIN person_keys k ON k.person = $2
		LEFT JOIN probes p ON p.person = $3
		WHERE people.nik = $1`

	deleteProbes = `DELETE FROM probes WHERE person = $1`

	deleteOldProbes = `DELETE FROM probes WHERE last_at < $1`
)

// sweepInterval is how often the rows of people whom nobody asks about any
// more are looked through.
const sweepInterval = time.Hour

// Seen implements replay.Memory. Of somebody who is not on record, or not any
// more, nothing is remembered, unless the store was opened for strangers. Then
// whoever is enrolled later takes along what is remembered from before.
func (s *Store) Seen(ctx context.Context, nik sesuai.NIK, p replay.Probe) (bool, error) {
	if err := s.sweepProbes(ctx); err != nil {
		return false, err
	}
	var seen bool
	err := s.changePeople(ctx, func(tx *transaction, set *keySet) error {
		seen = false
		if err := s.db.lockPerson(ctx, tx, s.lockOf(nik)); err != nil {
			return err
		}
		for _, key := range set.order() {
			k := keysUnder(key, nik)
			d, earlier, err := s.probesOf(ctx, tx, k)
			if err != nil {
				return err
			}
			if d == nil {
				continue // not on record under that key
			}
			if s.o.Strangers {
				if earlier, err = s.adoptStranger(ctx, tx, nik, earlier); err != nil {
					return err
				}
			}
			var kept []replay.Probe
			seen, kept = replay.Judge(earlier, p, s.o.ProbeAge)
			return s.writeProbes(ctx, tx, k, d, kept)
		}
		if !s.o.Strangers {
			return nil // taken off the record since it was found there
		}
		var err error
		seen, err = s.seenStranger(ctx, tx, nik, p)
		return err
	})
	if err != nil {
		return false, unavailable(ctx, "remembering a probe", err)
	}
	return seen, nil
}

// probesOf reads the data key and the probes of a person; no data key means
// that nobody is on record.
func (s *Store) probesOf(ctx context.Context, tx *transaction, k rowKeys) (*keyring.DataKey, []replay.Probe, error) {
	var personKey, sealed []byte
	var lastAt sql.NullInt64
	err := tx.QueryRowContext(ctx, s.db.joining(selectProbesOf), k.nik[:], k.personKey[:], k.probes[:]).Scan(&personKey, &lastAt, &sealed)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	d, _, err := openDataKey(k.master, k.personKey, personKey)
	if err != nil || !lastAt.Valid {
		return d, nil, err
	}
	probes, err := openProbes(k, d, lastAt.Int64, sealed)
	return d, probes, err
}

// readProbes reads the probes of a person whose data key is known.
func (s *Store) readProbes(ctx context.Context, tx *transaction, k rowKeys, d *keyring.DataKey) ([]replay.Probe, error) {
	var lastAt int64
	var sealed []byte
	err := tx.QueryRowContext(ctx, selectProbes, k.probes[:]).Scan(&lastAt, &sealed)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return openProbes(k, d, lastAt, sealed)
}

// writeProbes puts probes, oldest first, in the place of those that are there.
func (s *Store) writeProbes(ctx context.Context, tx *transaction, k rowKeys, d *keyring.DataKey, probes []replay.Probe) error {
	if len(probes) == 0 {
		return nil
	}
	last := probes[len(probes)-1].At
	_, err := tx.ExecContext(ctx, upsertProbes, k.probes[:], int64(k.master.ID()), last, sealProbes(k, d, last, probes))
	return err
}

// sweepProbes removes what has not been added to for longer than probes are
// remembered, if it has not just been done.
func (s *Store) sweepProbes(ctx context.Context) error {
	now, swept := s.now(), s.swept.Load()
	if now-swept < sweepInterval.Microseconds() || !s.swept.CompareAndSwap(swept, now) {
		return nil
	}
	for _, statement := range []string{deleteOldProbes, deleteOldStrangers} {
		if _, err := s.write.ExecContext(ctx, statement, now-s.o.ProbeAge.Microseconds()); err != nil {
			s.swept.Store(swept) // the next one does it
			return unavailable(ctx, "forgetting old probes", err)
		}
	}
	return nil
}

// probeSize is how many bytes a probe takes in the sealed form.
const probeSize = face.SignatureSize + len(replay.Request{}) + 8

func sealProbes(k rowKeys, d *keyring.DataKey, lastAt int64, probes []replay.Probe) []byte {
	return d.Seal(encodeProbes(probes), bindProbes(k, lastAt))
}

func encodeProbes(probes []replay.Probe) []byte {
	b := make([]byte, 0, replay.MaxProbes*probeSize)
	for _, p := range probes {
		signature, err := p.Signature.MarshalBinary()
		if err != nil {
			panic(err) // it never fails
		}
		b = append(append(b, signature...), p.Request[:]...)
		b = binary.BigEndian.AppendUint64(b, uint64(p.At))
	}
	return b
}

func openProbes(k rowKeys, d *keyring.DataKey, lastAt int64, sealed []byte) ([]replay.Probe, error) {
	b, err := d.Open(sealed, bindProbes(k, lastAt))
	if err != nil {
		return nil, damaged("probes.probes", err)
	}
	return decodeProbes("probes.probes", b)
}

// decodeProbes reads what encodeProbes wrote, from that column.
func decodeProbes(column string, b []byte) ([]replay.Probe, error) {
	if len(b)%probeSize != 0 {
		return nil, damaged(column, errors.New("not of whole probes"))
	}
	var probes []replay.Probe
	for ; len(b) > 0; b = b[probeSize:] {
		var p replay.Probe
		if err := p.Signature.UnmarshalBinary(b[:face.SignatureSize]); err != nil {
			return nil, damaged(column, err)
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
func bindProbes(k rowKeys, lastAt int64) []byte {
	return bind("probes.probes", k.probes[:], binary.BigEndian.AppendUint64(nil, uint64(lastAt)))
}
