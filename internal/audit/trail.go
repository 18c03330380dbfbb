package audit

import (
	"context"
	"database/sql"
	"errors"

	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/sqldb"
)

const (
	eventColumns = `seq, at, request_id, client, nik, result, reason, nik_outcome, name_outcome, birth_outcome,
		name_score, compared, percentage, threshold, score, model, calibration, duration, hash,
		flags, liveness_known, liveness`

	insertEvent = `
		INSERT INTO audit_events (` + eventColumns + `)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22)`

	// takeHead locks the head until the transaction ends, so that transactions
	// of all processes continue the chain one after the other.
	takeHead = `UPDATE audit_head SET seq = seq + $1 WHERE id = 1 RETURNING seq, hash`

	setHead = `UPDATE audit_head SET hash = $1 WHERE id = 1`

	selectHead = `SELECT seq, hash FROM audit_head WHERE id = 1`
)

// Options are what a Trail is made of. All are required.
type Options struct {
	DB *sqldb.DB
	// NIK makes the keyed hashes of NIKs, Chain those of the chain.
	NIK, Chain *keyring.Secret
}

// Trail is the audit trail in a database. It is safe for concurrent use, and
// several processes can append to it. Errors have kind sesuai.KindUnavailable
// unless stated otherwise.
type Trail struct{ o Options }

// NewTrail opens the trail of a database that has the tables of Migrations.
func NewTrail(ctx context.Context, o Options) (*Trail, error) {
	if err := o.DB.PrepareHot(ctx, takeHead, insertEvent, setHead); err != nil {
		return nil, err
	}
	return &Trail{o}, nil
}

// AppendTx appends events to the trail in a transaction. The first event gets
// the number that AppendTx returns, each other event the next one. Errors are
// those of the database.
func (t *Trail) AppendTx(ctx context.Context, tx *sqldb.Tx, events []Event) (first int64, err error) {
	head, err := scanHead(tx.QueryRowContext(ctx, takeHead, len(events)))
	if err != nil {
		return 0, err
	}
	head.Seq -= int64(len(events))
	first = head.Seq + 1
	rows := make([][]any, len(events))
	for i, event := range events {
		e := NewEntry(event, t.o.NIK.Hash([]byte(event.NIK.Reveal())))
		head = head.Link(&e, t.o.Chain.Hash)
		rows[i] = []any{
			e.Seq, e.Time, e.RequestID, e.Client, e.NIK[:], string(e.Result), e.Reason,
			int64(e.NIKOutcome), int64(e.Name), int64(e.DateOfBirth),
			e.NameScore, sqldb.Int(e.Compared), e.Percentage, e.Threshold, e.Score,
			e.Model, e.Calibration, e.Duration, e.Hash[:],
			e.Flags.String(), sqldb.Int(e.LivenessKnown), e.Liveness,
		}
	}
	if err := tx.ExecEach(ctx, insertEvent, rows); err != nil {
		return 0, err
	}
	_, err = tx.ExecContext(ctx, setHead, head.Hash[:])
	return first, err
}

// Head returns the recorded head of the trail. A copy that is stored elsewhere
// later shows whether the end of the trail was cut off together with this record.
func (t *Trail) Head(ctx context.Context) (Head, error) {
	head, err := scanHead(t.o.DB.Read().QueryRowContext(ctx, selectHead))
	if err != nil {
		return Head{}, sqldb.Unavailable(ctx, "reading the audit trail", err)
	}
	return head, nil
}

func scanHead(row *sql.Row) (head Head, err error) {
	err = row.Scan(&head.Seq, sqldb.ScanHash(&head.Hash))
	return head, err
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
		&flags, &e.LivenessKnown, &e.Liveness)
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
