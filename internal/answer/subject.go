package answer

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/sesuai/sesuai/internal/sqldb"
)

const (
	selectOfEvent   = selectAnswers + `seq = $1`
	deleteOfEvent   = `DELETE FROM answers WHERE seq = $1`
	selectKeyedPage = `SELECT key, request, at, sealed FROM idempotency_keys WHERE key > $1 AND sealed IS NOT NULL ORDER BY key LIMIT $2`
	deleteKeyed     = `DELETE FROM idempotency_keys WHERE key = $1 AND at = $2`
	// keyedPage is the number of keys that are read at once.
	keyedPage = 500
)

// OfEvents returns the answers to the requests whose events have these numbers, however
// old they are. The error is one of Answers.
func (s *Store) OfEvents(ctx context.Context, seqs []int64) (found []Row, err error) {
	for _, seq := range seqs {
		rows, err := sqldb.Collect(ctx, s.o.DB.Read(), s.open, selectOfEvent, seq)
		if err != nil {
			return nil, s.unreadable(ctx, "answers", err)
		}
		found = append(found, rows...)
	}
	return found, nil
}

// Keyed is an answer that is stored under an idempotency key.
type Keyed struct {
	// At is when the key was taken.
	At time.Time
	Row
	hash []byte
}

// KeyedOf returns the answers under idempotency keys that are of what is asked. It
// opens every one, since nothing of them can be looked for. The error is one of
// Answers.
func (s *Store) KeyedOf(ctx context.Context, of func(Keyed) bool) (found []Keyed, err error) {
	for after := []byte{}; ; {
		page, err := sqldb.Collect(ctx, s.o.DB.Read(), s.openKeyed, selectKeyedPage, after, keyedPage)
		if err != nil {
			return nil, s.unreadable(ctx, "idempotency_keys", err)
		}
		for _, k := range page {
			if of(k) {
				found = append(found, k)
			}
		}
		if len(page) < keyedPage {
			return found, nil
		}
		after = bytes.Clone(page[len(page)-1].hash)
	}
}

// openKeyed reads a row of selectKeyedPage.
func (s *Store) openKeyed(rows *sql.Rows) (k Keyed, err error) {
	var request, sealed []byte
	var at int64
	if err := rows.Scan(&k.hash, &request, &at, &sealed); err != nil {
		return k, err
	}
	k.At = time.UnixMicro(at)
	k.Row, err = s.openRow(k.hash[0], sealed, bindKey(k.hash, request, at))
	return k, err
}

func (s *Store) unreadable(ctx context.Context, table string, err error) error {
	if errors.Is(err, errAltered) {
		s.o.Alert(table)
	}
	return sqldb.Unavailable(ctx, "looking up answers", err)
}

// Erase removes answers, by the numbers of their events, and answers under idempotency
// keys. A request with such a key is then a new one. The error has kind
// sesuai.KindUnavailable.
func (s *Store) Erase(ctx context.Context, seqs []int64, keyed []Keyed) error {
	answers, keys := make([][]any, len(seqs)), make([][]any, len(keyed))
	for i, seq := range seqs {
		answers[i] = []any{seq}
	}
	for i, k := range keyed {
		keys[i] = []any{k.hash, k.At.UnixMicro()}
	}
	err := s.o.DB.InTx(ctx, func(tx *sqldb.Tx) error {
		return errors.Join(tx.ExecEach(ctx, deleteOfEvent, answers), tx.ExecEach(ctx, deleteKeyed, keys))
	})
	if err != nil {
		return sqldb.Unavailable(ctx, "erasing answers", err)
	}
	s.o.DB.Scrub(ctx)
	return nil
}
