package access

import (
	"context"
	"database/sql"
	"errors"
	"math"
	"strings"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/sqldb"
)

const (
	clientColumns = `id, name, scopes, threshold, name_threshold, rate, burst, added_at, replay, liveness`

	selectClient = `SELECT ` + clientColumns + `, username, password, api_key FROM clients WHERE username = $1`

	selectHashes = `
		SELECT username, password, api_key FROM clients
		WHERE length(username) = 32 AND length(password) = 32 AND length(api_key) = 32`

	selectClients = `SELECT ` + clientColumns + ` FROM clients ORDER BY name`

	insertClient = `
		INSERT INTO clients (` + clientColumns + `, username, password, api_key)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
		ON CONFLICT (name) DO NOTHING`

	deleteClient = `DELETE FROM clients WHERE name = $1`

	// describeClients is what digests of clients are made of. A digest is kept
	// in the audit trail, so that another list of columns needs an upgrade.
	describeClients = `
		SELECT id, name, scopes, threshold, name_threshold, rate, burst, added_at, replay, liveness, username, password, api_key
		FROM clients ORDER BY id`
)

// StoreOptions are what a Store is made of.
type StoreOptions struct {
	// DB is required, and has the tables of Migrations.
	DB *sqldb.DB
	// Trail records changes; they are not recorded if it is nil.
	Trail *audit.Trail
}

// Store is Clients in a database. Several processes can use the same one.
type Store struct {
	db           *sqldb.DB
	trail        *audit.Trail
	selectClient *sql.Stmt // every request waits for it
}

var _ Clients = (*Store)(nil)

// NewStore opens the clients of a database. The error has kind
// sesuai.KindUnavailable.
func NewStore(ctx context.Context, o StoreOptions) (*Store, error) {
	stmt, err := o.DB.PrepareRead(ctx, selectClient)
	if err != nil {
		return nil, err
	}
	return &Store{o.DB, o.Trail, stmt}, nil
}

// AddClient implements Clients.
func (s *Store) AddClient(ctx context.Context, c Client, h Hashes) error {
	var scopes []string
	for _, scope := range c.Scopes {
		scopes = append(scopes, string(scope))
	}
	added, err := s.exec(ctx, audit.ClientAdded, insertClient,
		c.ID, c.Name, strings.Join(scopes, " "), int64(math.Round(c.Threshold.Value()*100)), c.NameThreshold,
		c.Rate, c.Burst, c.AddedAt.UnixMicro(), c.Replay.String(), c.Liveness.String(),
		h.Username[:], h.Password[:], h.APIKey[:])
	if err != nil {
		return sqldb.Unavailable(ctx, "adding a client", err)
	}
	if added == 0 {
		return &sesuai.Error{Kind: sesuai.KindConflict, Detail: "there is a client of that name"}
	}
	return nil
}

// ClientByUsername implements Clients.
func (s *Store) ClientByUsername(ctx context.Context, username [32]byte) (Client, Hashes, bool, error) {
	var h Hashes
	c, err := scanClient(s.selectClient.QueryRowContext(ctx, username[:]),
		sqldb.ScanHash(&h.Username), sqldb.ScanHash(&h.Password), sqldb.ScanHash(&h.APIKey))
	if errors.Is(err, sql.ErrNoRows) {
		return Client{}, Hashes{}, false, nil
	}
	if err != nil {
		return Client{}, Hashes{}, false, sqldb.Unavailable(ctx, "reading a client", err)
	}
	return c, h, true, nil
}

// ListHashes implements Clients.
func (s *Store) ListHashes(ctx context.Context) ([]Hashes, error) {
	all, err := sqldb.Collect(ctx, s.db.Read(), func(rows *sql.Rows) (h Hashes, err error) {
		err = rows.Scan(sqldb.ScanHash(&h.Username), sqldb.ScanHash(&h.Password), sqldb.ScanHash(&h.APIKey))
		return h, err
	}, selectHashes)
	if err != nil {
		return nil, sqldb.Unavailable(ctx, "listing hashes", err)
	}
	return all, nil
}

// ListClients implements Clients.
func (s *Store) ListClients(ctx context.Context) ([]Client, error) {
	clients, err := sqldb.Collect(ctx, s.db.Read(), func(rows *sql.Rows) (Client, error) { return scanClient(rows) }, selectClients)
	if err != nil {
		return nil, sqldb.Unavailable(ctx, "listing clients", err)
	}
	return clients, nil
}

// RemoveClient implements Clients.
func (s *Store) RemoveClient(ctx context.Context, name string) (bool, error) {
	removed, err := s.exec(ctx, audit.ClientRemoved, deleteClient, name)
	if err != nil {
		return false, sqldb.Unavailable(ctx, "removing a client", err)
	}
	return removed > 0, nil
}

// exec runs a statement in a transaction and returns the number of rows that it
// changed, at most one. It records the change.
func (s *Store) exec(ctx context.Context, action audit.Action, statement string, args ...any) (changed int64, err error) {
	err = s.db.InTx(ctx, func(tx *sqldb.Tx) error {
		if err := tx.Lock(ctx, clientsLock); err != nil {
			return err
		}
		before, err := readRows(ctx, tx)
		if err != nil {
			return err
		}
		if action == audit.ClientAdded { // to remove a client is how to end this
			if err := s.check(ctx, tx, before); err != nil {
				return err
			}
		}
		result, err := tx.ExecContext(ctx, statement, args...)
		if err != nil {
			return err
		}
		if changed, err = result.RowsAffected(); err != nil || changed == 0 {
			return err
		}
		return s.record(ctx, tx, action, before)
	})
	return changed, err
}

// scanClient reads the clientColumns, and the columns after them into more.
func scanClient(row interface{ Scan(dest ...any) error }, more ...any) (Client, error) {
	var c Client
	var scopes, replay, liveness string
	var threshold, addedAt int64
	err := row.Scan(append([]any{
		&c.ID, &c.Name, &scopes, &threshold, &c.NameThreshold, &c.Rate, &c.Burst, &addedAt,
		&replay, &liveness,
	}, more...)...)
	if err != nil {
		return Client{}, err
	}
	if c.Replay, err = ParsePolicy(replay); err != nil {
		return Client{}, err
	}
	if c.Liveness, err = ParsePolicy(liveness); err != nil {
		return Client{}, err
	}
	for _, scope := range strings.Fields(scopes) {
		c.Scopes = append(c.Scopes, Scope(scope))
	}
	c.Threshold = sesuai.PercentageOf(float64(threshold) / 100)
	c.AddedAt = time.UnixMicro(addedAt).UTC()
	return c, nil
}
