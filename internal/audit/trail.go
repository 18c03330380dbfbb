package audit

import (
	"context"
	"crypto/hmac"
	"database/sql"
	"errors"
	"fmt"
	"sync"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/sqldb"
)

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

	// takeHead locks the head until the transaction ends, so that transactions
	// of all processes continue the chain one after the other.
	takeHead = `UPDATE audit_head SET seq = seq + $1 WHERE id = 1 RETURNING seq, hash, people, clients, mac`

	setHead = `UPDATE audit_head SET hash = $1, people = $2, clients = $3, mac = $4 WHERE id = 1`

	selectHead = `SELECT seq, hash, people, clients, mac FROM audit_head WHERE id = 1`
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
	o Options

	mu   sync.Mutex
	last Head
}

// NewTrail opens the trail of a database that has the tables of Migrations.
func NewTrail(ctx context.Context, o Options) (*Trail, error) {
	if err := o.DB.PrepareHot(ctx, takeHead, insertEvent, setHead); err != nil {
		return nil, err
	}
	return &Trail{o: o}, nil
}

// StartTx signs the head of a trail that has had no signed head yet, with the
// digests of the people and the clients on record. The caller must know that
// from elsewhere: a head without a MAC may also be one that was reset. If the
// head is signed already the error is a *BrokenError.
func (t *Trail) StartTx(ctx context.Context, tx *sqldb.Tx, people, clients [32]byte) error {
	var mac [32]byte
	head, err := scanHead(tx.QueryRowContext(ctx, takeHead, 0), &mac)
	if err != nil {
		return err
	}
	if mac != [32]byte{} {
		return &BrokenError{0, "the recorded head is signed, but what it is about was reset"}
	}
	head.People, head.Clients = people, clients
	return t.setHead(ctx, tx, head)
}

func (t *Trail) setHead(ctx context.Context, tx *sqldb.Tx, head Head) error {
	mac := head.sign(t.o.Chain.Hash)
	_, err := tx.ExecContext(ctx, setHead, head.Hash[:], optional(head.People), optional(head.Clients), mac[:])
	return err
}

// AppendTx appends events to the trail in a transaction. The first event gets
// the number that AppendTx returns, each other event the next one. If the
// recorded head is not the last one that was recorded, the error is a
// *BrokenError: a new head would hide that. Other errors are those of the
// database.
func (t *Trail) AppendTx(ctx context.Context, tx *sqldb.Tx, events []Event) (first int64, err error) {
	return t.AppendLockedTx(ctx, tx, len(events), func() ([]Event, error) { return events, nil })
}

// AppendLockedTx is AppendTx for n events that depend on what the database holds. It
// calls events once no other transaction appends until this one ends. An error of events
// is returned as it is.
func (t *Trail) AppendLockedTx(ctx context.Context, tx *sqldb.Tx, n int, events func() ([]Event, error)) (first int64, err error) {
	last := t.lastSeen()
	var mac [32]byte
	head, err := scanHead(tx.QueryRowContext(ctx, takeHead, n), &mac)
	if err != nil {
		return 0, err
	}
	head.Seq -= int64(n)
	if err := t.accept(head, mac, last); err != nil {
		return 0, err
	}
	all, err := events()
	if err == nil && len(all) != n {
		err = fmt.Errorf("%d events for %d numbers of the audit trail", len(all), n)
	}
	if err != nil {
		return 0, err
	}
	first = head.Seq + 1
	rows := make([][]any, n)
	for i, event := range all {
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
	if err := tx.ExecEach(ctx, insertEvent, rows); err != nil {
		return 0, err
	}
	return first, t.setHead(ctx, tx, head)
}

// RecordedTx reports whether the trail has an event under a number that an earlier
// call of AppendTx gave it. So a caller whose commit failed with the connection
// learns what became of it: RecordedTx waits for transactions that append, also if
// nobody is connected to them any more.
func (t *Trail) RecordedTx(ctx context.Context, tx *sqldb.Tx, seq int64, event Event) (bool, error) {
	var mac [32]byte
	if _, err := scanHead(tx.QueryRowContext(ctx, takeHead, 0), &mac); err != nil {
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

// Head returns the recorded head of the trail. A copy that is stored elsewhere
// later shows whether the end of the trail was cut off together with this record.
// If the record is not one of this trail the error is a *BrokenError.
func (t *Trail) Head(ctx context.Context) (Head, error) {
	last := t.lastSeen()
	head, mac, err := t.readHead(ctx, t.o.DB.Read())
	if err != nil {
		return Head{}, err
	}
	return head, t.accept(head, mac, last)
}

// HeadIn is Head in a transaction, which may have begun before other heads were
// recorded.
func (t *Trail) HeadIn(ctx context.Context, q sqldb.Querier) (Head, error) {
	head, mac, err := t.readHead(ctx, q)
	if err != nil {
		return Head{}, err
	}
	return head, t.accept(head, mac, Head{})
}

// readHead reads the head and its MAC.
func (t *Trail) readHead(ctx context.Context, q sqldb.Querier) (head Head, mac [32]byte, err error) {
	head, err = scanHead(q.QueryRowContext(ctx, selectHead), &mac)
	switch {
	case errors.Is(err, sql.ErrNoRows), errors.Is(err, errNoHash):
		return head, mac, &BrokenError{0, "the recorded head cannot be read"}
	case err != nil:
		return head, mac, sqldb.Unavailable(ctx, "reading the audit trail", err)
	default:
		return head, mac, nil
	}
}

// lastSeen returns the last head that was accepted. To compare it with a head,
// take it before that one is read.
func (t *Trail) lastSeen() Head {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.last
}

// accept returns a *BrokenError if the MAC is not that of the head, or if the
// head is not last or one after it. The head must be committed.
func (t *Trail) accept(head Head, mac [32]byte, last Head) error {
	if want := head.sign(t.o.Chain.Hash); !hmac.Equal(want[:], mac[:]) {
		return &BrokenError{head.Seq, "the recorded head was changed"}
	}
	if head.Seq < last.Seq {
		return &BrokenError{head.Seq + 1, fmt.Sprintf("it is missing: this process has seen event %d", last.Seq)}
	}
	if head.Seq == last.Seq && head.Hash != last.Hash {
		return &BrokenError{head.Seq, "this process has seen another one"}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if head.Seq > t.last.Seq {
		t.last = head
	}
	return nil
}

func scanHead(row *sql.Row, mac *[32]byte) (head Head, err error) {
	err = row.Scan(&head.Seq, sqldb.ScanHash(&head.Hash), optionalScanner{&head.People}, optionalScanner{&head.Clients}, optionalScanner{mac})
	return head, err
}

// optional returns what is stored of a hash that may be missing: nothing for the
// zero one.
func optional(h [32]byte) []byte {
	if h == [32]byte{} {
		return []byte{}
	}
	return h[:]
}

// optionalScanner scans what optional returned.
type optionalScanner struct{ h *[32]byte }

// errNoHash is the error of an optionalScanner.
var errNoHash = errors.New("a stored hash has neither 0 nor 32 bytes")

// Scan implements sql.Scanner.
func (s optionalScanner) Scan(value any) error {
	b, ok := value.([]byte)
	if !ok || len(b) != 0 && (len(b) != len(s.h) || [32]byte(b) == [32]byte{}) {
		return errNoHash
	}
	*s.h = [32]byte{}
	copy(s.h[:], b)
	return nil
}

// errUnreadable is the error of scanEntry for a row that AppendTx cannot have
// written.
var errUnreadable = errors.New("a stored event cannot be read")

// scanEntry reads the eventColumns.
func scanEntry(rows *sql.Rows) (e Entry, err error) {
	var flags string
	err = rows.Scan(
		&e.Seq, &e.Time, &e.RequestID, &e.Client, sqldb.ScanHash(&e.NIK), &e.Result, &e.Reason,
		&e.NIKOutcome, &e.Name, &e.DateOfBirth,
		&e.NameScore, &e.Compared, &e.Percentage, &e.Threshold, &e.Score,
		&e.Model, &e.Calibration, &e.Duration, sqldb.ScanHash(&e.Hash),
		&flags, &e.LivenessKnown, &e.Liveness, &e.Action, &e.Actor, &e.Count,
		optionalScanner{&e.Before}, optionalScanner{&e.After}, optionalScanner{&e.State},
		&e.NameThreshold, &e.ReplayChecked, &e.LivenessThreshold, &e.Measures,
		&e.Cosine, &e.ReferenceLength, &e.ProbeLength, &e.Endpoint, &e.Attributes, &e.Reference,
		&e.ConsentID, &e.ConsentAt, &e.Purpose)
	if err == nil {
		e.Flags, err = ParseFlags(flags)
	}
	switch {
	case rows.Err() != nil: // the context has ended
		return e, rows.Err()
	case err != nil:
		return e, errUnreadable
	default:
		return e, nil
	}
}
