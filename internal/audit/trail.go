package audit

import (
	"context"
	"sync"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/sqldb"
)

// columnCount is the number of eventColumns.
const columnCount = 41

const (
	eventColumns = `seq, at, request_id, client, nik, result, reason, nik_outcome, name_outcome, birth_outcome,
		name_score, compared, percentage, threshold, score, model, calibration, duration, hash,
		flags, liveness_known, liveness, action, actor, item_count, digest_before, digest_after, state,
		name_threshold, replay_checked, liveness_threshold, measures,
		cosine, reference_length, probe_length, endpoint, attributes, reference, consent_id, consent_at, purpose`

	insertEvent = `
		INSERT INTO audit_events (` + eventColumns + `)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22,
			$23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35, $36, $37, $38, $39, $40, $41)`
)

// Options are what a Trail is made of. DB, NIK and Chain are required.
type Options struct {
	DB *sqldb.DB
	// NIK makes the keyed hashes of NIKs, Chain those of the chain.
	NIK, Chain *keyring.Secret
	// Actor is the operating system's user of this process. It is recorded with
	// each change.
	Actor string
}

// Trail is the audit trail in a database. It is safe for concurrent use, and
// several processes can append to it. Errors have kind sesuai.KindUnavailable
// unless stated otherwise.
//
// The recorded head has a MAC, so that only a process with the key can move it.
// A Trail also remembers the last head that it has seen, and does not accept an
// earlier one.
type Trail struct {
	o      Options
	signer *checkpointSigner

	mu   sync.Mutex
	last Head
}

// NewTrail opens the trail of a database that has the tables of Migrations.
func NewTrail(ctx context.Context, o Options) (*Trail, error) {
	if err := o.DB.PrepareHot(ctx, takeHead, insertEvent, setHead); err != nil {
		return nil, err
	}
	signer, err := newCheckpointSigner(o.Chain)
	if err != nil {
		return nil, err
	}
	return &Trail{o: o, signer: signer}, nil
}

// StartTx signs the head of a trail that has had no signed head yet, with the
// digests of the people and the clients on record. The caller must know that
// from elsewhere: a head without a MAC may also be one that was reset. If the
// head is signed already the error is a *BrokenError.
func (t *Trail) StartTx(ctx context.Context, tx *sqldb.Tx, people, clients [32]byte) error {
	r, err := scanHead(tx.QueryRowContext(ctx, takeHead))
	if err != nil {
		return err
	}
	if r.mac != [32]byte{} {
		return brokenAt(0, "the recorded head is signed, but what it is about was reset")
	}
	r.head.People, r.head.Clients = people, clients
	return t.setHead(ctx, tx, r.head, r.base)
}

// AppendTx appends events to the trail in a transaction. The first event gets
// the number that AppendTx returns, each other event the next one. If the
// recorded head is not the last one that was recorded, the error is a
// *BrokenError: a new head would hide that. Other errors are those of the
// database.
func (t *Trail) AppendTx(ctx context.Context, tx *sqldb.Tx, events []Event) (first int64, err error) {
	return t.AppendLockedTx(ctx, tx, func() ([]Event, error) { return events, nil })
}

// AppendLockedTx is AppendTx for events that depend on what the database holds. It calls
// events once no other transaction appends until this one ends. An error of events is
// returned as it is.
func (t *Trail) AppendLockedTx(ctx context.Context, tx *sqldb.Tx, events func() ([]Event, error)) (first int64, err error) {
	last := t.lastSeen()
	r, err := scanHead(tx.QueryRowContext(ctx, takeHead))
	if err != nil {
		return 0, err
	}
	if err := t.accept(r, last); err != nil {
		return 0, err
	}
	all, err := events()
	if err != nil {
		return 0, err
	}
	head, err := t.insertTx(ctx, tx, r.head, all)
	if err != nil {
		return 0, err
	}
	return r.head.Seq + 1, t.setHead(ctx, tx, head, r.base)
}

// insertTx inserts the events after a head, and returns the head after them.
func (t *Trail) insertTx(ctx context.Context, tx *sqldb.Tx, head Head, events []Event) (Head, error) {
	rows := make([][]any, len(events))
	for i, event := range events {
		e := NewEntry(event, t.hashNIK(event.NIK))
		head = head.Link(&e, t.o.Chain.Hash)
		rows[i] = []any{
			e.Seq, e.Time, e.RequestID, e.Client, e.NIK[:], string(e.Result), e.Reason,
			int64(e.NIKOutcome), int64(e.Name), int64(e.DateOfBirth),
			e.NameScore, sqldb.Int(e.Compared), e.Percentage, e.Threshold, e.Score,
			e.Model, e.Calibration, e.Duration, e.Hash[:],
			e.Flags.String(), sqldb.Int(e.LivenessKnown), e.Liveness,
			string(e.Action), e.Actor, e.Count, optional(e.Before), optional(e.After), optional(e.State),
			e.NameThreshold, sqldb.Int(e.ReplayChecked), e.LivenessThreshold, e.Measures,
			e.Cosine, e.ReferenceLength, e.ProbeLength, string(e.Endpoint), e.Attributes, e.Reference,
			e.ConsentID, e.ConsentAt, e.Purpose,
		}
	}
	return head, tx.ExecEach(ctx, insertEvent, rows)
}

// RecordedTx reports whether the trail has an event under a number that an earlier
// call of AppendTx gave it. So a caller whose commit failed with the connection
// learns what became of it: RecordedTx waits for transactions that append, also if
// nobody is connected to them any more.
func (t *Trail) RecordedTx(ctx context.Context, tx *sqldb.Tx, seq int64, event Event) (bool, error) {
	if _, err := scanHead(tx.QueryRowContext(ctx, takeHead)); err != nil {
		return false, err
	}
	e := NewEntry(event, t.hashNIK(event.NIK))
	var n int
	err := tx.QueryRowContext(ctx, `
		SELECT count(*) FROM audit_events
		WHERE seq = $1 AND at = $2 AND request_id = $3 AND client = $4 AND nik = $5 AND result = $6 AND duration = $7`,
		seq, e.Time, e.RequestID, e.Client, e.NIK[:], string(e.Result), e.Duration).Scan(&n)
	return n > 0, err
}

// hashNIK returns the keyed hash of a NIK; zero if there is none.
func (t *Trail) hashNIK(nik sesuai.NIK) (hash [32]byte) {
	if nik.IsZero() {
		return hash
	}
	return t.o.NIK.Hash([]byte(nik.Reveal()))
}
