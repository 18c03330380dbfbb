package store

import (
	"context"
	"database/sql"
	"errors"
	"math"
	"time"

	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/keyring"
)

// commitTimeout bounds how long a batch of events may take. Its callers have
// deadlines of their own; this one keeps a stuck disk from holding up the
// writing connection for ever.
const commitTimeout = 15 * time.Second

const (
	eventColumns = `seq, at, request_id, client, nik, result, reason, nik_outcome, name_outcome, birth_outcome,
		name_score, compared, percentage, threshold, score, model, calibration, duration, hash,
		flags, liveness_known, liveness`

	insertEvent = `
		INSERT INTO audit_events (` + eventColumns + `)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22)`

	selectEvents = `SELECT ` + eventColumns + ` FROM audit_events WHERE seq > $1 ORDER BY seq LIMIT $2`

	// takeHead takes the head, so that whoever else continues the chain, in
	// whatever process, does it after this transaction.
	takeHead = `UPDATE audit_head SET seq = seq + $1 WHERE id = 1 RETURNING seq, hash`

	setHead = `UPDATE audit_head SET hash = $1 WHERE id = 1`

	selectHead = `SELECT seq, hash FROM audit_head WHERE id = 1`
)

// Append implements audit.Log. Events that are appended at the same time share
// one transaction; if that fails, none of them is recorded.
func (s *Store) Append(ctx context.Context, e audit.Event) error {
	if err := s.trail.append(ctx, e); err != nil {
		return unavailable(ctx, "recording an event", err)
	}
	return nil
}

// commitEvents continues the chain with the events, in one transaction, and
// notes with each of a verified person what is to be returned for it.
func (s *Store) commitEvents(events []audit.Event) error {
	ctx, cancel := context.WithTimeout(context.Background(), commitTimeout)
	defer cancel()
	nikHash := s.Hasher(keyring.AuditNIK)
	entries := make([]audit.Entry, len(events))
	for i, e := range events {
		entries[i] = audit.NewEntry(e, nikHash([]byte(e.NIK.Reveal())))
	}
	mac := s.Hasher(keyring.AuditChain)
	return s.inTx(ctx, func(tx *transaction) error {
		var head audit.Head
		var hash []byte
		if err := tx.QueryRowContext(ctx, takeHead, len(events)).Scan(&head.Seq, &hash); err != nil {
			return err
		}
		head.Seq -= int64(len(events))
		if err := setHash(&head.Hash, hash); err != nil {
			return err
		}
		insert, err := tx.PrepareContext(ctx, insertEvent)
		if err != nil {
			return err
		}
		defer insert.Close() //nolint:errcheck // the transaction's end closes it, too
		for i := range entries {
			e := &entries[i]
			head = head.Link(e, mac)
			if _, err := insert.ExecContext(ctx,
				e.Seq, e.Time, e.RequestID, e.Client, e.NIK[:], string(e.Result), e.Reason,
				int64(e.NIKOutcome), int64(e.Name), int64(e.DateOfBirth),
				e.NameScore, asInt(e.Compared), e.Percentage, e.Threshold, e.Score,
				e.Model, e.Calibration, e.Duration, e.Hash[:],
				e.Flags.String(), asInt(e.LivenessKnown), e.Liveness); err != nil {
				return err
			}
		}
		if s.o.Returns {
			if err := s.insertReturns(ctx, tx, events, entries); err != nil {
				return err
			}
		}
		_, err = tx.ExecContext(ctx, setHead, head.Hash[:])
		return err
	})
}

// Head is how far the audit trail goes. Noted elsewhere, it later shows
// whether the trail's end was cut off together with its record here.
func (s *Store) Head(ctx context.Context) (audit.Head, error) {
	head, err := scanHead(s.primary.db.QueryRowContext(ctx, selectHead))
	if err != nil {
		return audit.Head{}, unavailable(ctx, "reading the audit trail", err)
	}
	return head, nil
}

// pageOfEvents is how many events VerifyTrail reads at once.
const pageOfEvents = 1000

// VerifyTrail walks the whole audit trail and returns its head. The error is
// an *audit.BrokenError for the first event that is not as it was recorded, or
// of kind sesuai.KindUnavailable if the trail could not be read. Events may be
// appended meanwhile.
func (s *Store) VerifyTrail(ctx context.Context) (audit.Head, error) {
	mac := s.Hasher(keyring.AuditChain)
	var head audit.Head
	for after := int64(math.MinInt64); ; after = head.Seq {
		entries, recorded, unread := s.readEvents(ctx, after)
		var err error
		if head, err = head.Verify(entries, mac); err != nil {
			return head, err
		}
		if _, ok := errors.AsType[*audit.BrokenError](unread); ok {
			return head, unread
		}
		if unread != nil {
			return head, unavailable(ctx, "reading the audit trail", unread)
		}
		if len(entries) == 0 {
			return head, head.Check(recorded)
		}
	}
}

// readEvents returns the next events after a number, and the recorded head as
// it was at that moment. Transactions are kept short: SQLite cannot put back
// its log past one that reads.
func (s *Store) readEvents(ctx context.Context, after int64) (_ []audit.Entry, _ audit.Head, err error) {
	tx, err := s.primary.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, audit.Head{}, err
	}
	defer func() {
		if e := tx.Rollback(); e != nil && !errors.Is(e, sql.ErrTxDone) {
			err = errors.Join(err, e)
		}
	}()
	head, err := scanHead(tx.QueryRowContext(ctx, selectHead))
	if err != nil {
		return nil, audit.Head{}, err
	}
	rows, err := tx.QueryContext(ctx, selectEvents, after, pageOfEvents)
	if err != nil {
		return nil, audit.Head{}, err
	}
	defer rows.Close() //nolint:errcheck // rows.Err says it
	var entries []audit.Entry
	for rows.Next() {
		e, err := scanEvent(rows)
		if err != nil {
			// Reading has not failed: rows.Err would say so. What is there
			// is nothing that was ever written.
			return entries, head, &audit.BrokenError{Seq: e.Seq, Why: "it cannot be read"}
		}
		entries = append(entries, e)
	}
	return entries, head, rows.Err()
}

func scanEvent(rows *sql.Rows) (audit.Entry, error) {
	var e audit.Entry
	var nik, hash []byte
	var compared, livenessKnown int64
	var flags string
	if err := rows.Scan(
		&e.Seq, &e.Time, &e.RequestID, &e.Client, &nik, &e.Result, &e.Reason,
		&e.NIKOutcome, &e.Name, &e.DateOfBirth,
		&e.NameScore, &compared, &e.Percentage, &e.Threshold, &e.Score,
		&e.Model, &e.Calibration, &e.Duration, &hash,
		&flags, &livenessKnown, &e.Liveness); err != nil {
		return e, err // seq, the first, was read
	}
	e.Compared, e.LivenessKnown = compared != 0, livenessKnown != 0
	var err error
	e.Flags, err = audit.ParseFlags(flags)
	return e, errors.Join(err, setHash(&e.NIK, nik), setHash(&e.Hash, hash))
}

func scanHead(row *sql.Row) (audit.Head, error) {
	var head audit.Head
	var hash []byte
	if err := row.Scan(&head.Seq, &hash); err != nil {
		return audit.Head{}, err
	}
	return head, setHash(&head.Hash, hash)
}

// setHash sets h to what was read of it.
func setHash(h *[32]byte, b []byte) error {
	if len(b) != len(h) {
		return errors.New("a stored hash is not of the right size")
	}
	copy(h[:], b)
	return nil
}

func asInt(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
