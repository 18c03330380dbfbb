package webhook

import (
	"context"
	"database/sql"
	"encoding/json"
	"time"

	"github.com/sesuai/sesuai/internal/sqldb"
)

const (
	selectBodies = `
		SELECT id, client, event, created_at, state, sealed FROM webhook_deliveries
		WHERE id > $1 AND sealed IS NOT NULL ORDER BY id LIMIT $2`
	eraseDelivery = `DELETE FROM webhook_deliveries WHERE id = $1`
	// bodiesPage is the number of bodies that are read at once.
	bodiesPage = 500
)

// Stored is a message about a verification whose body is stored: it is pending, or was
// given up.
type Stored struct {
	ID, Client string
	CreatedAt  time.Time
	State      State
	Verification
}

// StoredOf returns the stored messages about verifications that are of what is asked.
// It opens every body, since nothing of them can be looked for. One that does not open
// is omitted: it is given up when it is due. The error has kind
// sesuai.KindUnavailable.
func (s *Store) StoredOf(ctx context.Context, of func(Stored) bool) (found []Stored, err error) {
	for after := ""; ; {
		last, n := after, 0
		_, err := sqldb.Collect(ctx, s.o.DB.Read(), func(rows *sql.Rows) (struct{}, error) {
			var m Stored
			var event Event
			var created int64
			var sealed []byte
			if err := rows.Scan(&m.ID, &m.Client, &event, &created, &m.State, &sealed); err != nil {
				return struct{}{}, err
			}
			last, n = m.ID, n+1
			body, err := s.o.Secret.Open(bucket(m.ID), sealed, bind(m.ID, m.Client, event, created))
			if err != nil {
				s.o.Alert("webhook_deliveries")
				return struct{}{}, nil
			}
			m.CreatedAt = time.UnixMicro(created).UTC()
			var content struct {
				Data json.RawMessage `json:"data"`
			}
			if event == VerificationCompleted && json.Unmarshal(body, &content) == nil && json.Unmarshal(content.Data, &m.Verification) == nil && of(m) {
				found = append(found, m)
			}
			return struct{}{}, nil
		}, selectBodies, after, bodiesPage)
		if err != nil {
			return nil, sqldb.Unavailable(ctx, "reading stored messages", err)
		}
		if n < bodiesPage {
			return found, nil
		}
		after = last
	}
}

// Erase removes messages. One that is pending is not sent any more. The error has kind
// sesuai.KindUnavailable.
func (s *Store) Erase(ctx context.Context, ids []string) error {
	args := make([][]any, len(ids))
	for i, id := range ids {
		args[i] = []any{id}
	}
	err := s.o.DB.InTx(ctx, func(tx *sqldb.Tx) error { return tx.ExecEach(ctx, eraseDelivery, args) })
	if err != nil {
		return sqldb.Unavailable(ctx, "erasing stored messages", err)
	}
	s.scrubber.Erased(ctx)
	return nil
}
