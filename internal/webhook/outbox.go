package webhook

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/binary"
	"encoding/json"
	"slices"
	"time"

	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/sqldb"
)

// isPending is the condition of the index webhook_deliveries_due. The end of a message
// sets both columns, so one of which somebody else has changed one is still sent, or
// given up as damaged.
const isPending = `(state = 'pending' OR ended_at IS NULL)`

const (
	insertDelivery = `
		INSERT INTO webhook_deliveries (id, client, event, created_at, state, due_at, give_up_at, tries, sealed, attempts)
		VALUES ($1, $2, $3, $4, 'pending', $5, 0, 0, $6, '[]')`

	selectWaiting = `
		SELECT client FROM webhooks w WHERE EXISTS (
			SELECT 1 FROM webhook_deliveries d WHERE d.client = w.client AND ` + isPending + ` AND d.due_at <= $1)`

	// leaseDue1 and leaseDue2 lease rows in one statement. Between them stands
	// sqldb.DB.SkipLocked.
	leaseDue1 = `
		WITH due AS MATERIALIZED (
			SELECT id FROM webhook_deliveries WHERE client = $1 AND ` + isPending + ` AND due_at <= $2 ORDER BY due_at LIMIT $3`
	leaseDue2 = `
		)
		UPDATE webhook_deliveries SET due_at = $4, lease = $5, tries = tries + 1,
			give_up_at = CASE WHEN give_up_at = 0 THEN $6 ELSE give_up_at END
		WHERE id IN (SELECT id FROM due)
		RETURNING id, event, created_at, tries, give_up_at, sealed, attempts`

	// recordResult ends a lease, $6. A delivery counts under whatever lease: $4 is 1.
	recordResult = `
		UPDATE webhook_deliveries SET state = $1, due_at = $2, attempts = $3, lease = NULL,
			sealed = CASE WHEN $4 = 1 THEN NULL ELSE sealed END, ended_at = $7
		WHERE id = $5 AND ` + isPending + ` AND ($4 = 1 OR lease = $6)`

	selectDeliveries = `SELECT id, event, created_at, CASE WHEN ` + isPending + ` THEN 'pending' ELSE state END, due_at, attempts FROM webhook_deliveries WHERE client = $1`
	whereFailed      = ` AND state <> 'delivered' AND attempts <> '[]'`
	lastFirst        = ` ORDER BY id DESC LIMIT $2`

	retryDelivery = `
		UPDATE webhook_deliveries SET state = 'pending', ended_at = NULL, due_at = $1, give_up_at = 0, tries = 0, lease = NULL
		WHERE id = $2 AND state <> 'delivered' AND sealed IS NOT NULL
			AND EXISTS (SELECT 1 FROM webhooks w WHERE w.client = webhook_deliveries.client)`

	// deleteOld returns for each row whether it was pending.
	deleteOld = `
		DELETE FROM webhook_deliveries WHERE id IN (SELECT id FROM webhook_deliveries WHERE id < $1 ORDER BY id LIMIT $2)
		RETURNING CASE WHEN ` + isPending + ` THEN 1 ELSE 0 END`

	deletePending = `
		DELETE FROM webhook_deliveries WHERE id IN (
			SELECT id FROM webhook_deliveries WHERE client = $1 AND ` + isPending + ` LIMIT $2)
		AND NOT EXISTS (SELECT 1 FROM webhooks WHERE client = $1)`

	selectOrphaned = `
		SELECT DISTINCT client FROM webhook_deliveries d
		WHERE ` + isPending + ` AND NOT EXISTS (SELECT 1 FROM webhooks w WHERE w.client = d.client)`

	// dueAtLast makes messages due that would be due later than the program ever
	// makes them.
	dueAtLast = `UPDATE webhook_deliveries SET due_at = $1 WHERE ` + isPending + ` AND due_at > $2`

	selectPending = `SELECT count(*), min(created_at) FROM webhook_deliveries WHERE ` + isPending
)

const (
	// maxAttempts is how many of a message's attempts are listed: the last ones.
	maxAttempts = 20
	// sweepLimit is the maximum number of rows that one transaction removes.
	sweepLimit = 1000
	// commitTimeout bounds a transaction that nobody waits for.
	commitTimeout = 15 * time.Second
)

// Wants reports whether a client was to be told of an event at the last Refresh.
func (s *Store) Wants(client string, e Event) bool {
	w, _ := s.Current(client)
	return slices.Contains(w.Events, e)
}

// AddTx adds messages in the transaction of what they are about. They are due at
// once. Ask Wants before.
func (s *Store) AddTx(ctx context.Context, tx *sqldb.Tx, messages []Message) error {
	now := s.now().UnixMicro()
	args := make([][]any, len(messages))
	for i, m := range messages {
		body, err := m.body()
		if err != nil {
			return err
		}
		id, created := newID(s.now()), m.At.UnixMicro()
		args[i] = []any{id, m.Client, string(m.Event), created, now, s.o.Secret.Seal(bucket(id), body, bind(id, m.Client, m.Event, created))}
	}
	return tx.ExecEach(ctx, insertDelivery, args)
}

// bucket spreads what is sealed over the keys of the secret, by a random character.
func bucket(id string) byte {
	if len(id) < 2 {
		return 0 // somebody else has written it
	}
	return id[len(id)-2]
}

// bind binds the body to its row.
func bind(id, client string, e Event, created int64) []byte {
	return keyring.Bind("webhook_deliveries.sealed", []byte(id), []byte(client), []byte(e), binary.BigEndian.AppendUint64(nil, uint64(created)))
}

// Waiting implements Outbox.
func (s *Store) Waiting(ctx context.Context) ([]string, error) {
	clients, err := s.clients(ctx, selectWaiting, s.now().UnixMicro())
	if err != nil {
		return nil, sqldb.Unavailable(ctx, "reading the outbox of webhooks", err)
	}
	return clients, nil
}

// clients runs a query of clients.
func (s *Store) clients(ctx context.Context, query string, args ...any) ([]string, error) {
	return sqldb.Collect(ctx, s.o.DB.Read(), func(rows *sql.Rows) (client string, err error) { return client, rows.Scan(&client) }, query, args...)
}

// Lease implements Outbox.
func (s *Store) Lease(ctx context.Context, client string, n int, d time.Duration) (leased []Due, err error) {
	var token [16]byte
	_, _ = rand.Read(token[:]) // crypto/rand never fails
	var damaged []Due
	err = s.o.DB.InTx(ctx, func(tx *sqldb.Tx) error {
		now := s.now()
		_, err := sqldb.Collect(ctx, tx, func(rows *sql.Rows) (struct{}, error) {
			m := Due{token: token}
			var created, giveUpAt int64
			var sealed, attempts []byte
			if err := rows.Scan(&m.ID, &m.Event, &created, &m.Tries, &giveUpAt, &sealed, &attempts); err != nil {
				return struct{}{}, err
			}
			m.GiveUpAt, m.Attempts = time.UnixMicro(giveUpAt), parseAttempts(attempts)
			body, err := s.o.Secret.Open(bucket(m.ID), sealed, bind(m.ID, client, m.Event, created))
			if m.Body = body; err != nil {
				damaged = append(damaged, m)
			} else {
				leased = append(leased, m)
			}
			return struct{}{}, nil
		}, leaseDue1+s.o.DB.SkipLocked()+leaseDue2,
			client, now.UnixMicro(), n, now.Add(d).UnixMicro(), token[:], now.Add(MaxAge).UnixMicro())
		return err
	})
	if err != nil {
		return nil, sqldb.Unavailable(ctx, "leasing messages of the outbox of webhooks", err)
	}
	for _, m := range damaged {
		s.o.Alert("webhook_deliveries")
		if err := s.Record(ctx, Result{Due: m, State: GivenUp, Attempt: &Attempt{At: s.now(), Failure: FailedRow}}); err != nil {
			return nil, err
		}
	}
	return leased, nil
}

// parseAttempts reads the attempts of a row. What somebody else has written there
// is left out.
func parseAttempts(text []byte) (all []Attempt) {
	if json.Unmarshal(text, &all) != nil {
		return nil
	}
	return all
}

// Record implements Outbox. Results that come at the same time share a transaction.
func (s *Store) Record(ctx context.Context, r Result) error {
	if err := s.results.Commit(ctx, r); err != nil {
		return sqldb.Unavailable(ctx, "recording a delivery", err)
	}
	return nil
}

// commit records results.
func (s *Store) commit(results []Result) error {
	ctx, cancel := context.WithTimeout(context.Background(), commitTimeout)
	defer cancel()
	args, now := make([][]any, len(results)), s.now().UnixMicro()
	for i, r := range results {
		attempts := r.Due.Attempts
		if r.Attempt != nil {
			attempts = append(attempts[max(0, len(attempts)+1-maxAttempts):len(attempts):len(attempts)], *r.Attempt)
		}
		text, err := json.Marshal(attempts)
		if err != nil {
			return err
		}
		if len(attempts) == 0 {
			text = []byte("[]")
		}
		var ended any
		if r.State != Pending {
			ended = now
		}
		args[i] = []any{string(r.State), r.DueAt.UnixMicro(), string(text), sqldb.Int(r.State == Delivered), r.Due.ID, r.Due.token[:], ended}
	}
	err := s.o.DB.InTx(ctx, func(tx *sqldb.Tx) error { return tx.ExecEach(ctx, recordResult, args) })
	if err == nil {
		s.scrubber.Erased(ctx)
	}
	return err
}

// Deliveries implements Log.
func (s *Store) Deliveries(ctx context.Context, client string, f Filter) ([]Delivery, error) {
	query := selectDeliveries
	if f.Failed {
		query += whereFailed
	}
	all, err := sqldb.Collect(ctx, s.o.DB.Read(), func(rows *sql.Rows) (d Delivery, err error) {
		var created, due int64
		var attempts []byte
		err = rows.Scan(&d.ID, &d.Event, &created, &d.State, &due, &attempts)
		d.CreatedAt, d.DueAt, d.Attempts = time.UnixMicro(created).UTC(), time.UnixMicro(due).UTC(), parseAttempts(attempts)
		return d, err
	}, query+lastFirst, client, f.Limit)
	if err != nil {
		return nil, sqldb.Unavailable(ctx, "listing deliveries", err)
	}
	return all, nil
}

// Retry implements Log.
func (s *Store) Retry(ctx context.Context, id string) (bool, error) {
	n, err := s.exec(ctx, retryDelivery, s.now().UnixMicro(), id)
	if err != nil {
		return false, sqldb.Unavailable(ctx, "retrying a delivery", err)
	}
	return n > 0, nil
}

// exec runs a statement in a transaction of its own and returns the number of rows
// that it changed.
func (s *Store) exec(ctx context.Context, statement string, args ...any) (n int64, err error) {
	err = s.o.DB.InTx(ctx, func(tx *sqldb.Tx) error {
		result, err := tx.ExecContext(ctx, statement, args...)
		if err != nil {
			return err
		}
		n, err = result.RowsAffected()
		return err
	})
	return n, err
}

// Sweep implements Outbox. It also makes messages due that somebody else has
// withheld by a time that is too late.
func (s *Store) Sweep(ctx context.Context, t time.Time) (swept Swept, err error) {
	late, err := s.exec(ctx, dueAtLast, s.now().UnixMicro(), s.now().Add(MaxAge).UnixMicro())
	for range late {
		s.o.Alert("webhook_deliveries")
	}
	var pending []int
	if err == nil {
		err = s.o.DB.InTx(ctx, func(tx *sqldb.Tx) error {
			pending, err = sqldb.Collect(ctx, tx, func(rows *sql.Rows) (n int, err error) { return n, rows.Scan(&n) }, deleteOld, firstID(t), sweepLimit)
			if err != nil {
				return err
			}
			return s.o.Removed(ctx, tx, "webhook_deliveries", int64(len(pending)))
		})
	}
	if err != nil {
		return Swept{}, sqldb.Unavailable(ctx, "removing old deliveries", err)
	}
	if len(pending) > 0 {
		s.scrubber.Erased(ctx)
	}
	for _, n := range pending {
		swept.GivenUp += n
	}
	swept.More = len(pending) == sweepLimit
	return swept, s.RemoveOrphaned(ctx)
}

// RemoveOrphaned removes what is pending for clients that have no webhook. The error
// has kind sesuai.KindUnavailable.
func (s *Store) RemoveOrphaned(ctx context.Context) error {
	clients, err := s.clients(ctx, selectOrphaned)
	if err != nil {
		return sqldb.Unavailable(ctx, "removing pending deliveries", err)
	}
	for _, client := range clients {
		if err := s.removePending(ctx, client); err != nil {
			return err
		}
	}
	return nil
}

// removePending removes the pending messages to a client that has no webhook, in
// small transactions.
func (s *Store) removePending(ctx context.Context, client string) error {
	for {
		n, err := s.exec(ctx, deletePending, client, sweepLimit)
		if err != nil {
			return sqldb.Unavailable(ctx, "removing pending deliveries", err)
		}
		if n > 0 {
			s.scrubber.Erased(ctx)
		}
		if n < sweepLimit {
			return nil
		}
	}
}

// Pending returns the number of messages that are pending, and when the event of the
// oldest happened. The error has kind sesuai.KindUnavailable.
func (s *Store) Pending(ctx context.Context) (n int64, oldest time.Time, err error) {
	var at sql.NullInt64
	if err := s.o.DB.Read().QueryRowContext(ctx, selectPending).Scan(&n, &at); err != nil {
		return 0, time.Time{}, sqldb.Unavailable(ctx, "counting the outbox of webhooks", err)
	}
	if at.Valid {
		oldest = time.UnixMicro(at.Int64)
	}
	return n, oldest, nil
}
