package access

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/sqldb"
)

const (
	// selectClient reads the client of a username or, if there is none, another one. To
	// read no row would take less time, which would tell a username that is unknown from
	// a wrong password.
	selectClient = `
		SELECT ` + clientColumns + ` FROM clients WHERE id = coalesce(
			(SELECT id FROM clients WHERE username = $1 OR previous_username = $1 LIMIT 1),
			(SELECT min(id) FROM clients))`

	selectHashes = `
		SELECT username, password, api_key, 0 FROM clients
		WHERE disabled = 0 AND (expires_at = 0 OR expires_at > $1)
			AND length(username) = 32 AND length(password) = 32 AND length(api_key) = 32
		UNION ALL
		SELECT previous_username, previous_password, previous_api_key, previous_until FROM clients
		WHERE disabled = 0 AND (expires_at = 0 OR expires_at > $1) AND previous_until > $1
			AND length(previous_username) = 32 AND length(previous_password) = 32 AND length(previous_api_key) = 32`

	selectClients = `SELECT ` + clientColumns + ` FROM clients ORDER BY name`

	insertClient = `INSERT INTO clients (` + clientColumns + `) VALUES (` + clientPlaceholders + `) ON CONFLICT (name) DO NOTHING`

	selectClientByName = `SELECT ` + clientColumns + ` FROM clients WHERE name = $1`

	updateClient = `UPDATE clients SET (` + clientColumns + `) = (` + clientPlaceholders + `) WHERE id = $1`

	deleteClient = `DELETE FROM clients WHERE name = $1 RETURNING id`

	// describeClients is what digests of clients are made of: see rows. A digest is
	// kept in the audit trail, so that another list of columns needs an upgrade.
	describeClients = `
		SELECT id, name, scopes, threshold, name_threshold, rate, burst, added_at, replay, liveness, username, password, api_key,
			networks, expires_at, disabled, note, previous_username, previous_password, previous_api_key, previous_until,
			percentage, consent, limits
		FROM clients ORDER BY id`
	// How many of them there were in schemas 6 and 13.
	described6, described13 = 13, 21
)

// StoreOptions are what a Store is made of. DB and Rows are required.
type StoreOptions struct {
	// DB has the tables of Migrations.
	DB *sqldb.DB
	// Trail records changes; they are not recorded if it is nil.
	Trail *audit.Trail
	// Rows makes the MACs of the rows.
	Rows *keyring.Secret
	// Removed removes what other packages store of a client that is being removed,
	// in the same transaction. It may be nil.
	Removed func(ctx context.Context, tx *sqldb.Tx, id string) error
	// Alert is called with the name of the table when a row is not as the program
	// wrote it. It may be nil.
	Alert func(table string)
}

// Store is Clients in a database. Several processes can use the same one. Each row
// has a MAC, and one whose MAC or values are wrong is nobody's client.
type Store struct {
	o            StoreOptions
	selectClient *sql.Stmt // every request waits for it
}

var _ Clients = (*Store)(nil)

// NewStore opens the clients of a database. The error has kind
// sesuai.KindUnavailable.
func NewStore(ctx context.Context, o StoreOptions) (*Store, error) {
	if o.Alert == nil {
		o.Alert = func(string) {}
	}
	stmt, err := o.DB.PrepareRead(ctx, selectClient)
	if err != nil {
		return nil, err
	}
	return &Store{o, stmt}, nil
}

// Adopt gives the clients of an earlier schema their MACs. Those that are not
// valid stay without. Call it only where vault.Options.Adopt is: afterwards a row
// without a MAC is one that somebody else wrote.
func Adopt(ctx context.Context, tx *sqldb.Tx, rows *keyring.Secret) error {
	clients, err := sqldb.Collect(ctx, tx, func(r *sql.Rows) (clientRow, error) { return scanClientRow(r) }, selectClients)
	if err != nil {
		return err
	}
	for _, r := range clients {
		if _, err := r.parse(); err != nil {
			continue
		}
		r.sign(rows)
		if _, err := tx.ExecContext(ctx, `UPDATE clients SET mac = $1 WHERE id = $2`, r.mac, r.id); err != nil {
			return err
		}
	}
	return nil
}

// AddClient implements Clients.
func (s *Store) AddClient(ctx context.Context, c Client, h Hashes) error {
	c.PreviousUntil = time.Time{}
	row := newClientRow(Stored{Client: c, Hashes: h})
	row.sign(s.o.Rows)
	added, err := s.change(ctx, audit.ClientAdded, func(tx *sqldb.Tx) (bool, error) {
		return execOne(ctx, tx, insertClient, row.args()...)
	})
	if err != nil {
		return sqldb.Unavailable(ctx, "adding a client", err)
	}
	if !added {
		return &sesuai.Error{Kind: sesuai.KindConflict, Detail: "there is a client of that name"}
	}
	return nil
}

// ClientByUsername implements Clients.
func (s *Store) ClientByUsername(ctx context.Context, username [32]byte) (Client, Hashes, bool, error) {
	row, err := scanClientRow(s.selectClient.QueryRowContext(ctx, username[:]))
	if errors.Is(err, sql.ErrNoRows) {
		return Client{}, Hashes{}, false, nil
	}
	if err != nil {
		return Client{}, Hashes{}, false, sqldb.Unavailable(ctx, "reading a client", err)
	}
	c, err := row.open(s.o.Rows)
	if !row.has(username) {
		return Client{}, Hashes{}, false, nil
	}
	if err != nil {
		s.o.Alert("clients")
		return Client{}, Hashes{}, false, nil
	}
	return c.Client, c.of(username), true, nil
}

// ListHashes implements Clients.
func (s *Store) ListHashes(ctx context.Context, at time.Time) ([]Hashes, error) {
	all, err := sqldb.Collect(ctx, s.o.DB.Read(), func(rows *sql.Rows) (h Hashes, err error) {
		var until int64
		err = rows.Scan(sqldb.ScanHash(&h.Username), sqldb.ScanHash(&h.Password), sqldb.ScanHash(&h.APIKey), &until)
		h.Until = timeOf(until)
		return h, err
	}, selectHashes, at.UnixMicro())
	if err != nil {
		return nil, sqldb.Unavailable(ctx, "listing hashes", err)
	}
	return all, nil
}

// ListClients implements Clients.
func (s *Store) ListClients(ctx context.Context) ([]Client, error) {
	stored, err := s.Export(ctx)
	var clients []Client
	for _, c := range stored {
		clients = append(clients, c.Client)
	}
	return clients, err
}

// Inactive returns the IDs of the clients that are disabled, have expired at that time,
// or cannot be read. The error has kind sesuai.KindUnavailable.
func (s *Store) Inactive(ctx context.Context, at time.Time) (map[string]bool, error) {
	stored, err := sqldb.Collect(ctx, s.o.DB.Read(), func(r *sql.Rows) (clientRow, error) { return scanClientRow(r) }, selectClients)
	if err != nil {
		return nil, sqldb.Unavailable(ctx, "listing clients", err)
	}
	inactive := make(map[string]bool)
	for _, row := range stored {
		if c, err := row.open(s.o.Rows); err != nil || !c.Client.ActiveAt(at) {
			inactive[row.id] = true
		}
	}
	return inactive, nil
}

// refused returns the error about a client whose row the program has not written
// like that.
func refused(name string) error {
	return &sesuai.Error{
		Kind:   sesuai.KindUnavailable,
		Detail: fmt.Sprintf("the client %q is not stored as it was added, and is refused: remove it, and add it again", name),
	}
}

// ChangeClient implements Clients.
func (s *Store) ChangeClient(ctx context.Context, name string, change func(*Client) error) (Client, bool, error) {
	return s.alter(ctx, name, func(c Stored) (Stored, audit.Action, error) {
		next, err := c.Client.Changed(change)
		action := audit.ClientChanged
		switch {
		case next.Disabled && !c.Client.Disabled:
			action = audit.ClientDisabled
		case c.Client.Disabled && !next.Disabled:
			action = audit.ClientEnabled
		}
		c.Client = next
		return c, action, err
	})
}

// RotateClient implements Clients.
func (s *Store) RotateClient(ctx context.Context, name string, next Hashes, end func(Client) (time.Time, error)) (Client, bool, error) {
	return s.alter(ctx, name, func(c Stored) (Stored, audit.Action, error) {
		until, err := end(c.Client)
		return c.rotated(next, until), audit.ClientRotated, err
	})
}

// alter stores what f makes of the client of that name, in a transaction that excludes
// other changes.
func (s *Store) alter(ctx context.Context, name string, f func(Stored) (Stored, audit.Action, error)) (c Client, found bool, err error) {
	err = s.o.DB.InTx(ctx, func(tx *sqldb.Tx) error {
		if err := tx.Lock(ctx, clientsLock); err != nil {
			return err
		}
		before, err := scanClientRow(tx.QueryRowContext(ctx, selectClientByName, name))
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		old, err := before.open(s.o.Rows)
		if err != nil {
			s.o.Alert("clients")
			return refused(name)
		}
		next, action, err := f(old)
		if err != nil {
			return err
		}
		after := newClientRow(next)
		after.sign(s.o.Rows)
		stored, err := after.parse() // as it is stored
		if err != nil {
			return err
		}
		c, found = stored.Client, true
		_, err = s.changeTx(ctx, tx, action, func() (bool, error) { return updateRow(ctx, tx, before, after) })
		return err
	})
	if sesuai.KindOf(err) == sesuai.KindConflict {
		return Client{}, false, err
	}
	if err != nil {
		return Client{}, false, sqldb.Unavailable(ctx, "changing a client", err)
	}
	return c, found, nil
}

// updateRow gives a client the settings of a row, unless it has them, and reports
// whether it did.
func updateRow(ctx context.Context, tx *sqldb.Tx, before, after clientRow) (bool, error) {
	if bytes.Equal(before.mac, after.mac) {
		return false, nil
	}
	return execOne(ctx, tx, updateClient, after.args()...)
}

// RemoveClient implements Clients.
func (s *Store) RemoveClient(ctx context.Context, name string) (bool, error) {
	removed, err := s.change(ctx, audit.ClientRemoved, func(tx *sqldb.Tx) (bool, error) {
		if _, err := tx.ExecContext(ctx, deleteUses, name); err != nil {
			return false, err
		}
		var id string
		err := tx.QueryRowContext(ctx, deleteClient, name).Scan(&id)
		if errors.Is(err, sql.ErrNoRows) {
			return false, nil
		}
		if err == nil && s.o.Removed != nil {
			err = s.o.Removed(ctx, tx, id)
		}
		return err == nil, err
	})
	if err != nil {
		return false, sqldb.Unavailable(ctx, "removing a client", err)
	}
	return removed, nil
}

// execOne runs a statement that changes at most one row, and reports whether it did.
func execOne(ctx context.Context, tx *sqldb.Tx, statement string, args ...any) (bool, error) {
	result, err := tx.ExecContext(ctx, statement, args...)
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n > 0, err
}

// change runs f, which reports whether it has changed a client, in a transaction that
// excludes other changes. It records the change.
func (s *Store) change(ctx context.Context, action audit.Action, f func(tx *sqldb.Tx) (bool, error)) (changed bool, err error) {
	err = s.o.DB.InTx(ctx, func(tx *sqldb.Tx) (err error) {
		changed, err = s.changeTx(ctx, tx, action, func() (bool, error) { return f(tx) })
		return err
	})
	return changed, err
}

// changeTx is change in the transaction of the caller.
func (s *Store) changeTx(ctx context.Context, tx *sqldb.Tx, action audit.Action, f func() (bool, error)) (changed bool, err error) {
	if err := tx.Lock(ctx, clientsLock); err != nil {
		return false, err
	}
	before, err := readRows(ctx, tx)
	if err != nil {
		return false, err
	}
	if action != audit.ClientRemoved { // to remove a client is how to end this
		if err := s.check(ctx, tx, before); err != nil {
			return false, err
		}
	}
	if changed, err = f(); err != nil || !changed {
		return false, err
	}
	return true, s.record(ctx, tx, action, before)
}
