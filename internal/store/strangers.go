package store

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
)

const (
	selectStranger = `SELECT last_at, probes FROM strangers WHERE person = $1`

	upsertStranger = `
		INSERT INTO strangers (person, last_at, probes) VALUES ($1, $2, $3)
		ON CONFLICT (person) DO UPDATE SET last_at = excluded.last_at, probes = excluded.probes`

	deleteStranger = `DELETE FROM strangers WHERE person = $1`

	deleteOldStrangers = `DELETE FROM strangers WHERE last_at < $1`
)

// strangerOf is what a stranger's row is found by. It and what is in the row are
// under secrets, and so the same under each master key.
func (s *Store) strangerOf(nik sesuai.NIK) [32]byte {
	return s.secrets[keyring.StrangerLink].Hash([]byte(nik.Reveal()))
}

// seenStranger is Seen for somebody who is not on record. The person is locked.
func (s *Store) seenStranger(ctx context.Context, tx *transaction, nik sesuai.NIK, p replay.Probe) (bool, error) {
	link := s.strangerOf(nik)
	earlier, err := s.readStranger(ctx, tx, link)
	if err != nil {
		return false, err
	}
	seen, kept := replay.Judge(earlier, p, s.o.ProbeAge)
	last := kept[len(kept)-1].At
	sealed := s.secrets[keyring.Strangers].Seal(link[0], encodeProbes(kept), bindStranger(link, last))
	_, err = tx.ExecContext(ctx, upsertStranger, link[:], last, sealed)
	return seen, err
}

// adoptStranger takes what is remembered of somebody from before the person was
// on record, and adds to it what is remembered since.
func (s *Store) adoptStranger(ctx context.Context, tx *transaction, nik sesuai.NIK, since []replay.Probe) ([]replay.Probe, error) {
	link := s.strangerOf(nik)
	before, err := s.readStranger(ctx, tx, link)
	if err != nil || len(before) == 0 {
		return since, err
	}
	if _, err := tx.ExecContext(ctx, deleteStranger, link[:]); err != nil {
		return nil, err
	}
	all := append(before, since...)
	slices.SortStableFunc(all, func(a, b replay.Probe) int { return cmp.Compare(a.At, b.At) })
	return all, nil
}

// removeStranger forgets the probes of somebody who is not on record, and
// reports whether there were any.
func (s *Store) removeStranger(ctx context.Context, tx *transaction, nik sesuai.NIK) (bool, error) {
	link := s.strangerOf(nik)
	result, err := tx.ExecContext(ctx, deleteStranger, link[:])
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n > 0, err
}

func (s *Store) readStranger(ctx context.Context, tx *transaction, link [32]byte) ([]replay.Probe, error) {
	var lastAt int64
	var sealed []byte
	err := tx.QueryRowContext(ctx, selectStranger, link[:]).Scan(&lastAt, &sealed)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	b, err := s.secrets[keyring.Strangers].Open(link[0], sealed, bindStranger(link, lastAt))
	if err != nil {
		return nil, damaged("strangers.probes", err)
	}
	return decodeProbes("strangers.probes", b)
}

// bindStranger is as bindProbes.
func bindStranger(link [32]byte, lastAt int64) []byte {
	return bind("strangers.probes", link[:], binary.BigEndian.AppendUint64(nil, uint64(lastAt)))
}
