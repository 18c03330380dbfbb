package access

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/sqldb"
)

// clientsLock is the advisory lock of transactions that change clients, so that
// each records the state that it leaves. The number is taken from no standard:
// "sesu" and a count.
const clientsLock = 0x73657375_0003

// rows are the rows of clients as text, by the client's ID. The text of a row in
// which nothing is set that a schema from 13 on has brought is that of the schema
// before it, so that earlier digests hold.
type rows struct {
	ids  []string
	text map[string]string
}

// readRows reads all clients. It also reads rows that hold no valid client.
func readRows(ctx context.Context, q sqldb.Querier) (rows, error) {
	all := rows{text: make(map[string]string)}
	_, err := sqldb.Collect(ctx, q, func(r *sql.Rows) (struct{}, error) {
		columns, err := r.Columns()
		if err != nil {
			return struct{}{}, err
		}
		values, dest := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			dest[i] = &values[i]
		}
		if err := r.Scan(dest...); err != nil {
			return struct{}{}, err
		}
		for _, earlier := range [...]int{described13, described6} {
			if !slices.ContainsFunc(values[earlier:], isSet) {
				values = values[:earlier]
			}
		}
		id := fmt.Sprint(values[0])
		all.ids = append(all.ids, id)
		all.text[id] = fmt.Sprintf("%#v", values) // each column has one type
		return struct{}{}, nil
	}, describeClients)
	return all, err
}

// isSet reports whether a column that a schema from 13 on has brought has another
// value than the one it started with.
func isSet(v any) bool { return v != nil && v != "" && v != int64(0) }

// DigestIn returns the digest of all clients, which the trail records with each
// change.
func (s *Store) DigestIn(ctx context.Context, q sqldb.Querier) ([32]byte, error) {
	all, err := readRows(ctx, q)
	return s.digest(all), err
}

func (s *Store) digest(all rows) [32]byte {
	var b []byte
	for _, id := range all.ids {
		b = append(append(b, all.text[id]...), '\n')
	}
	return s.o.Trail.Digest("clients", b)
}

// record records the change of one client in its transaction.
func (s *Store) record(ctx context.Context, tx *sqldb.Tx, action audit.Action, before rows) error {
	if s.o.Trail == nil {
		return nil
	}
	after, err := readRows(ctx, tx)
	if err != nil {
		return err
	}
	c := audit.Change{Action: action, Count: 1, State: s.digest(after)}
	for _, id := range append(before.ids, after.ids...) {
		was, is := before.text[id], after.text[id]
		if was == is {
			continue
		}
		c.Client = id
		if was != "" {
			c.Before = []byte(was)
		}
		if is != "" {
			c.After = []byte(is)
		}
		break
	}
	return s.o.Trail.ChangeTx(ctx, tx, c)
}

// Parts implements audit.State.
func (*Store) Parts() int { return 1 }

// CheckPart implements audit.State.
func (s *Store) CheckPart(ctx context.Context, _ int) error {
	err := s.o.DB.Snapshot(ctx, func(tx *sql.Tx) error {
		all, err := readRows(ctx, tx)
		if err != nil {
			return err
		}
		return s.check(ctx, tx, all)
	})
	return audit.Broken(ctx, "checking clients", err)
}

// check returns an *audit.BrokenError if the clients are not those that the trail
// records. The next change would record them as they are.
func (s *Store) check(ctx context.Context, q sqldb.Querier, all rows) error {
	if s.o.Trail == nil {
		return nil
	}
	head, err := s.o.Trail.HeadIn(ctx, q)
	if err != nil {
		return err
	}
	if s.digest(all) != head.Clients {
		return &audit.BrokenError{Why: "the clients are not those that the trail records"}
	}
	return nil
}
