package store

import (
	"context"
	"database/sql"
	"errors"
	"math"
	"strings"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
)

const (
	clientColumns = `id, name, scopes, threshold, name_mark, rate, burst, added_at, replay, liveness`

	selectClient = `SELECT ` + clientColumns + `, username, password, api_key FROM clients WHERE username = $1`

	selectClients = `SELECT ` + clientColumns + ` FROM clients ORDER BY name`

	insertClient = `
		INSERT INTO clients (` + clientColumns + `, username, password, api_key)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
		ON CONFLICT (name) DO NOTHING`
)

// AddClient implements access.Clients. It is durable when it returns nil.
func (s *Store) AddClient(ctx context.Context, c access.Client, h access.Hashes) error {
	var scopes []string
	for _, scope := range c.Scopes {
		scopes = append(scopes, string(scope))
	}
	var added int64
	err := s.inTx(ctx, func(tx *transaction) error {
		result, err := tx.ExecContext(ctx, insertClient,
			c.ID, c.Name, strings.Join(scopes, " "), int64(math.Round(c.Threshold.Value()*100)), c.NameMark,
			c.Rate, c.Burst, c.AddedAt.UnixMicro(), c.Replay.String(), c.Liveness.String(),
			h.Username[:], h.Password[:], h.APIKey[:])
		if err != nil {
			return err
		}
		added, err = result.RowsAffected()
		return err
	})
	if err != nil {
		return unavailable(ctx, "adding a client", err)
	}
	if added == 0 {
		return &sesuai.Error{Kind: sesuai.KindConflict, Detail: "there is a client of that name"}
	}
	return nil
}

// ClientByUsername implements access.Clients.
func (s *Store) ClientByUsername(ctx context.Context, username [32]byte) (access.Client, access.Hashes, bool, error) {
	var u, p, k []byte
	c, err := scanClient(s.selectClient.QueryRowContext(ctx, username[:]), &u, &p, &k)
	if errors.Is(err, sql.ErrNoRows) {
		return access.Client{}, access.Hashes{}, false, nil
	}
	var h access.Hashes
	if err == nil {
		err = errors.Join(setHash(&h.Username, u), setHash(&h.Password, p), setHash(&h.APIKey, k))
	}
	if err != nil {
		return access.Client{}, access.Hashes{}, false, unavailable(ctx, "reading a client", err)
	}
	return c, h, true, nil
}

// ListClients implements access.Clients.
func (s *Store) ListClients(ctx context.Context) ([]access.Client, error) {
	rows, err := s.primary.db.QueryContext(ctx, selectClients)
	if err != nil {
		return nil, unavailable(ctx, "listing clients", err)
	}
	defer rows.Close() //nolint:errcheck // rows.Err says it
	var clients []access.Client
	for rows.Next() {
		c, err := scanClient(rows)
		if err != nil {
			return nil, unavailable(ctx, "listing clients", err)
		}
		clients = append(clients, c)
	}
	if err := rows.Err(); err != nil {
		return nil, unavailable(ctx, "listing clients", err)
	}
	return clients, nil
}

// RemoveClient implements access.Clients. It is durable when it returns nil.
func (s *Store) RemoveClient(ctx context.Context, name string) (bool, error) {
	var removed int64
	err := s.inTx(ctx, func(tx *transaction) error {
		result, err := tx.ExecContext(ctx, `DELETE FROM clients WHERE name = $1`, name)
		if err != nil {
			return err
		}
		removed, err = result.RowsAffected()
		return err
	})
	if err != nil {
		return false, unavailable(ctx, "removing a client", err)
	}
	return removed > 0, nil
}

// scanClient reads clientColumns and whatever follows them into more.
func scanClient(row interface{ Scan(dest ...any) error }, more ...any) (access.Client, error) {
	var c access.Client
	var scopes, replay, liveness string
	var threshold, addedAt int64
	err := row.Scan(append([]any{
		&c.ID, &c.Name, &scopes, &threshold, &c.NameMark, &c.Rate, &c.Burst, &addedAt,
		&replay, &liveness,
	}, more...)...)
	if err != nil {
		return access.Client{}, err
	}
	if c.Replay, err = access.ParsePolicy(replay); err != nil {
		return access.Client{}, err
	}
	if c.Liveness, err = access.ParsePolicy(liveness); err != nil {
		return access.Client{}, err
	}
	for _, scope := range strings.Fields(scopes) {
		c.Scopes = append(c.Scopes, access.Scope(scope))
	}
	c.Threshold = sesuai.PercentageOf(float64(threshold) / 100)
	c.AddedAt = time.UnixMicro(addedAt).UTC()
	return c, nil
}
