package batch

import (
	"context"
	"database/sql"
	"encoding/binary"
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/sqldb"
)

const (
	insertBatch = `
		INSERT INTO batches (id, client, endpoint, state, created_at, total, mac) VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING number`
	updateBatch = `
		UPDATE batches SET state = $1, started_at = $2, finished_at = $3, total = $4, mac = $5 WHERE number = $6`
	columns      = `number, id, client, endpoint, state, created_at, started_at, finished_at, total, mac`
	selectBatch  = `SELECT ` + columns + ` FROM batches WHERE id = $1`
	selectNumber = `SELECT ` + columns + ` FROM batches WHERE number = $1`
	selectClient = `SELECT ` + columns + ` FROM batches WHERE client = $1 AND state IN ('running', 'finished') ORDER BY number DESC LIMIT $2`
	selectAll    = `SELECT ` + columns + ` FROM batches ORDER BY number`
	countOpen    = `SELECT count(*) FROM batches WHERE client = $1 AND state IN ('receiving', 'running')`
	deleteBatch  = `DELETE FROM batches WHERE number = $1`

	insertRow    = `INSERT INTO batch_rows (batch, line, outcome, tries, sealed, answer) VALUES ($1, $2, $3, 0, $4, $5)`
	selectCounts = `SELECT outcome, count(*) FROM batch_rows WHERE batch = $1 GROUP BY outcome`
	selectLines  = `
		SELECT line FROM batch_rows WHERE batch = $1 AND line BETWEEN $2 AND $3 AND outcome = 0 ORDER BY tries, line`
	selectRow = `
		SELECT sealed, tries, tried_at FROM batch_rows WHERE batch = $1 AND line = $2 AND outcome = 0
		AND EXISTS (SELECT 1 FROM batches WHERE number = $1 AND state = 'running')`
	answerRow   = `UPDATE batch_rows SET outcome = $1, answer = $2, sealed = NULL WHERE batch = $3 AND line = $4 AND (outcome = 0 OR $5 = 1)`
	postponeRow = `
		UPDATE batch_rows SET tries = tries + 1, tried_at = coalesce(tried_at, $1) WHERE batch = $2 AND line = $3 AND outcome = 0`
	selectAnswers = `
		SELECT line, outcome, answer FROM batch_rows WHERE batch = $1 AND line > $2 AND outcome <> 0 ORDER BY line LIMIT $3`
	deleteRows = `
		DELETE FROM batch_rows WHERE batch = $1 AND line IN (SELECT line FROM batch_rows WHERE batch = $1 ORDER BY line LIMIT $2)`
)

// errAltered is about a row that is not as the program wrote it.
var errAltered = errors.New("a stored batch is not as it was written")

// store is the tables.
type store struct {
	db     *sqldb.DB
	secret *keyring.Secret
	alert  func(table string)
}

// unavailable is err as an error of kind sesuai.KindUnavailable. It alerts of what is
// altered.
func (s *store) unavailable(ctx context.Context, doing, table string, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, errAltered) {
		s.alert(table)
	}
	return sqldb.Unavailable(ctx, doing, err)
}

func itoa(n int) string { return strconv.Itoa(n) }

func number(n int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(n)) }

// micro is a time as it is stored; NULL if it is zero.
func micro(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMicro()
}

// mac is the MAC of a batch's columns.
func (s *store) mac(b Batch) []byte {
	at := func(t time.Time) []byte {
		if t.IsZero() {
			return nil
		}
		return number(t.UnixMicro())
	}
	sum := s.secret.Hash(keyring.Bind("batches.mac", []byte(b.ID), []byte(b.Client), []byte(b.Endpoint), []byte(b.State),
		at(b.CreatedAt), at(b.StartedAt), at(b.FinishedAt), number(int64(b.Total))))
	return sum[:]
}

// scan reads a row of columns.
func (s *store) scan(rows interface{ Scan(...any) error }) (b Batch, err error) {
	var created int64
	var started, finished sql.NullInt64
	var mac []byte
	err = rows.Scan(&b.number, &b.ID, &b.Client, &b.Endpoint, &b.State, &created, &started, &finished, &b.Total, &mac)
	if err != nil {
		return Batch{}, err
	}
	b.CreatedAt = time.UnixMicro(created)
	if started.Valid {
		b.StartedAt = time.UnixMicro(started.Int64)
	}
	if finished.Valid {
		b.FinishedAt = time.UnixMicro(finished.Int64)
	}
	if string(mac) != string(s.mac(b)) {
		return Batch{}, errAltered
	}
	return b, nil
}

// add adds a batch that receives rows.
func (s *store) add(ctx context.Context, tx *sqldb.Tx, b *Batch) error {
	return tx.QueryRowContext(ctx, insertBatch, b.ID, b.Client, string(b.Endpoint), string(b.State), b.CreatedAt.UnixMicro(), b.Total, s.mac(*b)).
		Scan(&b.number)
}

// update writes what may change of a batch.
func (s *store) update(ctx context.Context, tx *sqldb.Tx, b Batch) error {
	_, err := tx.ExecContext(ctx, updateBatch, string(b.State), micro(b.StartedAt), micro(b.FinishedAt), b.Total, s.mac(b), b.number)
	return err
}

// one returns the batch of a query; false if there is none.
func (s *store) one(ctx context.Context, q sqldb.Querier, query string, key any) (Batch, bool, error) {
	b, err := s.scan(q.QueryRowContext(ctx, query, key))
	if errors.Is(err, sql.ErrNoRows) {
		return Batch{}, false, nil
	}
	return b, err == nil, err
}

// locked takes the lock of a batch until the transaction ends, and returns the batch as it
// is now. It is Removed if there is none.
func (s *store) locked(ctx context.Context, tx *sqldb.Tx, b Batch) (Batch, error) {
	if err := s.lock(ctx, tx, b.ID); err != nil {
		return Batch{}, err
	}
	now, ok, err := s.one(ctx, tx, selectNumber, b.number)
	if err == nil && !ok {
		now.State = Removed
	}
	return now, err
}

// lock takes the lock of a client's batches, or of a batch, until the transaction ends.
func (s *store) lock(ctx context.Context, tx *sqldb.Tx, of string) error {
	sum := s.secret.Hash(keyring.Bind("batches.lock", []byte(of)))
	return tx.Lock(ctx, int64(binary.BigEndian.Uint64(sum[:8])))
}

// bindRow binds what was sent of a row to its batch, and bindAnswer its answer.
func bindRow(b Batch, line int) []byte {
	return keyring.Bind("batch_rows.sealed", []byte(b.ID), []byte(b.Client), []byte(b.Endpoint), number(int64(line)))
}

func bindAnswer(b Batch, line int, o Outcome) []byte {
	return keyring.Bind("batch_rows.answer", []byte(b.ID), []byte(b.Client), []byte(b.Endpoint), number(int64(line)), []byte{byte(o)})
}

// sealRow seals a row: its fields as JSON, preceded by their length, and the photograph.
func (s *store) sealRow(b Batch, r Row) ([]byte, error) {
	fields, err := json.Marshal(r)
	if err != nil {
		return nil, errors.New("a row cannot be encoded") // err may quote it
	}
	plain := binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(fields)+len(r.Photo)), uint32(len(fields)))
	plain = append(append(plain, fields...), r.Photo...)
	defer clear(plain)
	defer clear(fields)
	return s.secret.Seal(byte(r.Line), plain, bindRow(b, r.Line)), nil
}

func (s *store) openRow(b Batch, line int, sealed []byte) (Row, error) {
	plain, err := s.secret.Open(byte(line), sealed, bindRow(b, line))
	if err != nil || len(plain) < 4 {
		return Row{}, errAltered
	}
	n := int(binary.BigEndian.Uint32(plain))
	r := Row{Line: line}
	if n > len(plain)-4 || json.Unmarshal(plain[4:4+n], &r) != nil {
		return Row{}, errAltered
	}
	if photo := plain[4+n:]; len(photo) > 0 {
		r.Photo = photo
	}
	return r, nil
}

func (s *store) sealAnswer(b Batch, a Answer) ([]byte, error) {
	plain, err := json.Marshal(a)
	if err != nil {
		return nil, errors.New("an answer cannot be encoded")
	}
	return s.secret.Seal(byte(a.Line), plain, bindAnswer(b, a.Line, a.Outcome)), nil
}

// answers returns answers of lines after one, in their order.
func (s *store) answers(ctx context.Context, b Batch, after, limit int) ([]Answer, error) {
	return sqldb.Collect(ctx, s.db.Read(), func(rows *sql.Rows) (a Answer, err error) {
		var sealed []byte
		if err := rows.Scan(&a.Line, &a.Outcome, &sealed); err != nil {
			return a, err
		}
		plain, err := s.secret.Open(byte(a.Line), sealed, bindAnswer(b, a.Line, a.Outcome))
		if err != nil || json.Unmarshal(plain, &a) != nil {
			return a, errAltered
		}
		return a, nil
	}, selectAnswers, b.number, after, limit)
}

// insert adds rows. Those with an answer are answered already.
func (s *store) insert(ctx context.Context, tx *sqldb.Tx, b Batch, all []received) error {
	args := make([][]any, len(all))
	for i, r := range all {
		var sealed, answer []byte
		var err error
		if r.answer.Outcome == Pending {
			sealed, err = s.sealRow(b, r.row)
		} else {
			answer, err = s.sealAnswer(b, r.answer)
		}
		if err != nil {
			return err
		}
		args[i] = []any{b.number, r.row.Line, int(r.answer.Outcome), sealed, answer}
	}
	return tx.ExecEach(ctx, insertRow, args)
}

// answer stores the answer of a row, in place of what was sent. It returns false if
// there is nothing to answer. With replace it replaces an answer that the same
// transaction has stored.
func (s *store) answer(ctx context.Context, tx *sqldb.Tx, b Batch, a Answer, replace bool) (bool, error) {
	sealed, err := s.sealAnswer(b, a)
	if err != nil {
		return false, err
	}
	result, err := tx.ExecContext(ctx, answerRow, int(a.Outcome), sealed, b.number, a.Line, sqldb.Int(replace))
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n == 1, err
}

// counts counts the rows of a batch. None of them may be missing.
func (s *store) counts(ctx context.Context, q sqldb.Querier, b Batch) (c Counts, err error) {
	_, err = sqldb.Collect(ctx, q, func(rows *sql.Rows) (struct{}, error) {
		var o Outcome
		var n int
		err := rows.Scan(&o, &n)
		switch o {
		case Pending:
			c.pending = n
		case Verified:
			c.Verified = n
		case NotVerified:
			c.NotVerified = n
		case Rejected:
			c.Rejected = n
		}
		return struct{}{}, err
	}, selectCounts, b.number)
	if err == nil && b.State != Receiving && c.pending+c.Done() != b.Total {
		err = errAltered
	}
	return c, err
}

// lines returns the lines of the rows that are not answered, in their order.
func (s *store) lines(ctx context.Context, tx *sqldb.Tx, b Batch) ([]int, error) {
	return sqldb.Collect(ctx, tx, scanInt, `SELECT line FROM batch_rows WHERE batch = $1 AND outcome = 0 ORDER BY line`, b.number)
}

// pending returns those of some lines that are not answered, by the number of their
// tries.
func (s *store) pending(ctx context.Context, b Batch, first, last int64) ([]int, error) {
	return sqldb.Collect(ctx, s.db.Read(), scanInt, selectLines, b.number, first, last)
}

func scanInt(rows *sql.Rows) (n int, err error) { return n, rows.Scan(&n) }

// attempts are how often a row got no answer, and when that was so first.
type attempts struct {
	tries int
	first time.Time
}

// row returns a row that is not answered, of a batch that runs; false if there is none.
func (s *store) row(ctx context.Context, b Batch, line int) (r Row, a attempts, ok bool, err error) {
	var sealed []byte
	var first sql.NullInt64
	err = s.db.Read().QueryRowContext(ctx, selectRow, b.number, line).Scan(&sealed, &a.tries, &first)
	if errors.Is(err, sql.ErrNoRows) {
		return r, a, false, nil
	}
	if err == nil {
		a.first = time.UnixMicro(first.Int64)
		r, err = s.openRow(b, line, sealed)
	}
	return r, a, err == nil, err
}
