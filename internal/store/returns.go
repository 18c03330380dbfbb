package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/binary"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/dukcapil/balikan"
	"github.com/sesuai/sesuai/internal/dukcapil/ledger"
	"github.com/sesuai/sesuai/internal/keyring"
)

const (
	insertReturn = `
		INSERT INTO returns (seq, at, day, customer, sealed, due_at, tries) VALUES ($1, $2, $3, $4, $5, $6, 0)`

	// claimReturns takes the place of a read: what it names belongs to the
	// claim. The engine says between the two parts how it passes over what
	// others are just claiming.
	claimReturns1 = `
		WITH due AS MATERIALIZED (
			SELECT seq FROM returns WHERE delivered_at IS NULL AND due_at <= $1 ORDER BY due_at, seq LIMIT $2`
	claimReturns2 = `
		)
		UPDATE returns SET due_at = $3, tries = tries + 1, claim = $4 WHERE seq IN (SELECT seq FROM due)
		RETURNING seq, customer, sealed, tries`

	deliverReturn = `
		UPDATE returns SET delivered_at = $1, sealed = NULL, claim = NULL WHERE seq = $2 AND delivered_at IS NULL`

	postponeReturn = `
		UPDATE returns SET due_at = $1, claim = NULL WHERE seq = $2 AND claim = $3 AND delivered_at IS NULL`
)

// forgetInterval is how often the NIKs that were delivered are overwritten where
// they linger, as long as somebody claims.
const forgetInterval = time.Minute

// insertReturns notes, with the events that are being committed, what is to be
// returned for them. A row has the number of its event, so there is one for each.
func (s *Store) insertReturns(ctx context.Context, tx *transaction, events []audit.Event, entries []audit.Entry) error {
	verified := 0
	for _, e := range events {
		if e.Result == audit.Verified {
			verified++
		}
	}
	now := s.now()
	return prepared(ctx, tx, insertReturn, verified, func(insert *sql.Stmt) error {
		for i, e := range events {
			if e.Result != audit.Verified {
				continue
			}
			seq := entries[i].Seq
			if _, err := insert.ExecContext(ctx, seq, entries[i].Time, int64(ledger.DayOf(e.Time)), e.RequestID,
				s.sealReturn(seq, e.RequestID, e.NIK), now); err != nil {
				return err
			}
		}
		return nil
	})
}

// sealReturn seals a NIK under a secret, which no rotation of the master keys
// changes, and binds it to its row.
func (s *Store) sealReturn(seq int64, customer string, nik sesuai.NIK) []byte {
	return s.secrets[keyring.Returns].Seal(byte(seq), []byte(nik.Reveal()), bindReturn(seq, customer))
}

func (s *Store) openReturn(seq int64, customer string, sealed []byte) (sesuai.NIK, error) {
	b, err := s.secrets[keyring.Returns].Open(byte(seq), sealed, bindReturn(seq, customer))
	if err != nil {
		return sesuai.NIK{}, err
	}
	return sesuai.ParseNIK(string(b))
}

func bindReturn(seq int64, customer string) []byte {
	return bind("returns.sealed", binary.BigEndian.AppendUint64(nil, uint64(seq)), []byte(customer))
}

// Claim implements balikan.Outbox.
func (s *Store) Claim(ctx context.Context, n int, lease time.Duration) (balikan.Claim, error) {
	var c balikan.Claim
	_, _ = rand.Read(c.Token[:]) // never fails: crypto/rand
	err := s.inTx(ctx, func(tx *transaction) error {
		now := s.now()
		rows, err := tx.QueryContext(ctx, claimReturns1+s.db.passOver()+claimReturns2,
			now, n, now+lease.Microseconds(), c.Token[:])
		if err != nil {
			return err
		}
		defer rows.Close() //nolint:errcheck // rows.Err says it
		for rows.Next() {
			var o balikan.Owed
			var sealed []byte
			if err := rows.Scan(&o.ID, &o.Customer, &sealed, &o.Tries); err != nil {
				return err
			}
			if o.NIK, err = s.openReturn(o.ID, o.Customer, sealed); err != nil {
				c.Damaged++ // it is claimed, and so in nobody's way
				continue
			}
			c.Owed = append(c.Owed, o)
		}
		return rows.Err()
	})
	if err != nil {
		return balikan.Claim{}, unavailable(ctx, "claiming returns", err)
	}
	s.forgetReturns(ctx)
	return c, nil
}

// Delivered implements balikan.Outbox.
func (s *Store) Delivered(ctx context.Context, ids []int64) error {
	err := s.inTx(ctx, func(tx *transaction) error {
		return prepared(ctx, tx, deliverReturn, len(ids), func(deliver *sql.Stmt) error {
			now := s.now()
			for _, id := range ids {
				if _, err := deliver.ExecContext(ctx, now, id); err != nil {
					return err
				}
			}
			return nil
		})
	})
	if err != nil {
		return unavailable(ctx, "recording what was returned", err)
	}
	s.lingering.Store(true)
	s.forgetReturns(ctx)
	return nil
}

// forgetReturns overwrites what was delivered where it lingers, if it has not
// just been done.
func (s *Store) forgetReturns(ctx context.Context) {
	now, forgotten := s.now(), s.forgotten.Load()
	if s.lingering.Load() && now-forgotten >= forgetInterval.Microseconds() && s.forgotten.CompareAndSwap(forgotten, now) {
		s.lingering.Store(false)
		s.db.forget(ctx)
	}
}

// Postpone implements balikan.Outbox.
func (s *Store) Postpone(ctx context.Context, token [16]byte, ids []int64, until time.Time) error {
	err := s.inTx(ctx, func(tx *transaction) error {
		return prepared(ctx, tx, postponeReturn, len(ids), func(postpone *sql.Stmt) error {
			for _, id := range ids {
				if _, err := postpone.ExecContext(ctx, until.UnixMicro(), id, token[:]); err != nil {
					return err
				}
			}
			return nil
		})
	})
	if err != nil {
		return unavailable(ctx, "postponing returns", err)
	}
	return nil
}

// Outstanding is how many returns are owed and not delivered, and when the
// person of the oldest was verified.
func (s *Store) Outstanding(ctx context.Context) (n int64, oldest time.Time, err error) {
	var at sql.NullInt64
	err = s.primary.db.QueryRowContext(ctx, `SELECT count(*), min(at) FROM returns WHERE delivered_at IS NULL`).Scan(&n, &at)
	if err != nil {
		return 0, time.Time{}, unavailable(ctx, "counting returns", err)
	}
	if at.Valid {
		oldest = time.UnixMicro(at.Int64)
	}
	return n, oldest, nil
}
