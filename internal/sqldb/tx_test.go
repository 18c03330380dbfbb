package sqldb_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sesuai/sesuai/internal/sqldb"
	"github.com/sesuai/sesuai/internal/sqldb/sqltest"
)

// TestExecEach: the statement runs once for each list of arguments, in their
// order. If it fails for one, the transaction can only be rolled back.
func TestExecEach(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		db := d.Open(t)
		const insert = `INSERT INTO items (id, text, added) VALUES ($1, $2, (SELECT count(*) FROM items))`
		run := func(after func(tx *sqldb.Tx) error, ids ...int) error {
			var args [][]any
			for _, id := range ids {
				args = append(args, []any{id, fmt.Sprint(id)})
			}
			return db.InTx(t.Context(), func(tx *sqldb.Tx) error {
				if err := tx.ExecEach(t.Context(), insert, args); err != nil {
					return err
				}
				return after(tx)
			})
		}
		used := func(tx *sqldb.Tx) error { // the connection can still be used
			_, err := tx.ExecContext(t.Context(), `UPDATE items SET text = text WHERE id = 1`)
			return err
		}
		for _, ids := range [][]int{{}, {5}, {9, 3, 7}} {
			if err := run(used, ids...); err != nil {
				t.Fatal(err)
			}
		}
		err := run(used, 20, 9, 21)
		if err == nil || d.Engine == sqldb.PostgreSQL && !db.Retryable(err) {
			t.Errorf("a row that is there was inserted: %v", err)
		}
		if err := run(used, 10, 11); err != nil {
			t.Error(err)
		}
		got, err := sqldb.Collect(t.Context(), db.Read(), func(r *sql.Rows) (id int, err error) {
			return id, r.Scan(&id)
		}, `SELECT id FROM items ORDER BY added`)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]int{5, 9, 3, 7, 10, 11}, got); diff != "" {
			t.Errorf("inserted (-want +got):\n%s", diff)
		}
	})
}

// TestLockAll: transactions that want the same locks, each in an order of its own,
// all get them, and exclude each other.
func TestLockAll(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		db := d.Open(t)
		var mu sync.Mutex
		var group sync.WaitGroup
		for w := range 8 {
			group.Go(func() {
				for round := range 10 {
					err := db.InTx(t.Context(), func(tx *sqldb.Tx) error {
						keys := []int64{int64(w % 3), 5, int64((w + round) % 4), 5, -1}
						if err := tx.LockAll(t.Context(), keys); err != nil {
							return err
						}
						if !mu.TryLock() { // all of them lock 5
							return errors.New("two transactions have one lock")
						}
						defer mu.Unlock()
						_ = count(t, tx) // the others have time to come in
						return nil
					})
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		group.Wait()
		for _, keys := range [][]int64{nil, {7, 8}} {
			err := db.InTx(t.Context(), func(tx *sqldb.Tx) error {
				busy, err := tx.TryLockAll(t.Context(), keys)
				if len(busy) > 0 {
					t.Errorf("%v are busy", busy)
				}
				return errors.Join(err, tx.LockAll(t.Context(), keys))
			})
			if err != nil {
				t.Error(err)
			}
		}

		// A lock that another transaction has is waited for.
		err := db.InTx(t.Context(), func(tx *sqldb.Tx) error {
			if err := tx.LockAll(t.Context(), []int64{7, 8}); err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			err := db.InTx(ctx, func(tx *sqldb.Tx) error { return tx.LockAll(ctx, []int64{9, 8}) })
			if err = sqldb.Unavailable(ctx, "waiting", err); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("InTx = %v", err)
			}
			if d.Engine == sqldb.SQLite { // there the other transaction does not start
				return nil
			}
			return db.InTx(t.Context(), func(other *sqldb.Tx) error {
				busy, err := other.TryLockAll(t.Context(), []int64{6, 7, 7, 9, 8})
				if diff := cmp.Diff([]int64{7, 7, 8}, busy); diff != "" {
					t.Errorf("busy (-want +got):\n%s", diff)
				}
				return err
			})
		})
		if err != nil {
			t.Error(err)
		}
	})
}
