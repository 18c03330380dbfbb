package access

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/sqldb"
)

// Stored is all that is stored of a client.
type Stored struct {
	Client Client
	Hashes Hashes
	// Previous are those from before the last rotation; zero if there was none.
	Previous Hashes
}

// of returns the hashes of the credentials that a username belongs to, which is one
// of the client's.
func (s Stored) of(username [32]byte) Hashes {
	if s.Hashes.Username == username {
		return s.Hashes
	}
	return s.Previous
}

// rotated returns what is stored after a rotation to new credentials, with which
// those so far end at a time.
func (s Stored) rotated(next Hashes, end time.Time) Stored {
	s.Previous, s.Hashes = s.Hashes, next
	s.Previous.Until = rounded(end)
	s.Client.PreviousUntil = s.Previous.Until
	return s
}

// Export returns all that is stored of all clients, in the order of their names.
// Errors are those of ListClients.
func (s *Store) Export(ctx context.Context) ([]Stored, error) {
	all, err := s.export(ctx, s.o.DB.Read())
	if err != nil {
		return nil, sqldb.Unavailable(ctx, "listing clients", err)
	}
	return all, nil
}

func (s *Store) export(ctx context.Context, q sqldb.Querier) ([]Stored, error) {
	rows, err := sqldb.Collect(ctx, q, func(r *sql.Rows) (clientRow, error) { return scanClientRow(r) }, selectClients)
	if err != nil {
		return nil, err
	}
	var all []Stored
	for _, row := range rows {
		c, err := row.open(s.o.Rows)
		if err != nil {
			s.o.Alert("clients")
			return nil, refused(row.name)
		}
		all = append(all, c)
	}
	return all, nil
}

// CountTx returns the number of clients, which stays the same until the transaction
// ends.
func (s *Store) CountTx(ctx context.Context, tx *sqldb.Tx) (n int, err error) {
	if err := tx.Lock(ctx, clientsLock); err != nil {
		return 0, err
	}
	return n, tx.QueryRowContext(ctx, `SELECT count(*) FROM clients`).Scan(&n)
}

// Imported is the result of ImportTx.
type Imported struct {
	// Changed is how many clients were added or changed.
	Changed int
	// OnlyHere are the names of the clients that were here and are not among those
	// that were imported, in their order. They stay as they are.
	OnlyHere []string
}

// ImportTx adds clients that Export returned from a store with the same keyed hash
// of credentials, in a transaction. A client that is here already gets the settings
// and the credentials of the other one. The error has kind sesuai.KindConflict if a client of the same
// name is another one.
func (s *Store) ImportTx(ctx context.Context, tx *sqldb.Tx, clients []Stored) (done Imported, err error) {
	if err := tx.Lock(ctx, clientsLock); err != nil {
		return done, err
	}
	here, err := s.export(ctx, tx)
	if err != nil {
		return done, err
	}
	byName := make(map[string]Stored)
	for _, c := range here {
		byName[c.Client.Name] = c
	}
	for _, c := range clients {
		old, there := byName[c.Client.Name]
		did, err := s.put(ctx, tx, old, there, c)
		if err != nil {
			return done, err
		}
		if did {
			done.Changed++
		}
		delete(byName, c.Client.Name)
	}
	done.OnlyHere = slices.Sorted(maps.Keys(byName))
	return done, nil
}

// put adds a client, or gives the one that is there its settings.
func (s *Store) put(ctx context.Context, tx *sqldb.Tx, old Stored, there bool, c Stored) (changed bool, err error) {
	row := newClientRow(c)
	row.sign(s.o.Rows)
	if !there {
		return s.changeTx(ctx, tx, audit.ClientAdded, func() (bool, error) { return execOne(ctx, tx, insertClient, row.args()...) })
	}
	if old.Client.ID != c.Client.ID {
		return false, &sesuai.Error{
			Kind: sesuai.KindConflict, Detail: fmt.Sprintf("the client %q of the other registry is another one", c.Client.Name),
		}
	}
	before := newClientRow(old)
	before.sign(s.o.Rows)
	return s.changeTx(ctx, tx, audit.ClientChanged, func() (bool, error) { return updateRow(ctx, tx, before, row) })
}
