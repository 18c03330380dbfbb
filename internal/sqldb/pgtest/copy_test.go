package pgtest_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/sesuai/sesuai/internal/sqldb/pgtest"
)

// fill makes what the copies have to hold.
func fill(ctx context.Context, url string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, "CREATE TABLE kept (n int); INSERT INTO kept VALUES (1)")
	return errors.Join(err, conn.Close(ctx))
}

// TestCopy: parallel tests have each a copy of its own of a template that is
// made once.
func TestCopy(t *testing.T) {
	s := pgtest.Start(t, pgtest.Options{Fast: true})
	var fills atomic.Int32
	once := func(ctx context.Context, url string) error {
		fills.Add(1)
		return fill(ctx, url)
	}
	t.Run("parallel", func(t *testing.T) {
		for i := range 4 {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				t.Parallel()
				conn := connect(t, s.Copy(t, "kept", once))
				exec(t, conn, "INSERT INTO kept VALUES (2)")
				if n := rows(t, conn); n != 2 {
					t.Errorf("%d rows, want the template's and this test's", n)
				}
			})
		}
	})
	if n := fills.Load(); n != 1 {
		t.Errorf("the template was filled %d times", n)
	}
	if n := rows(t, connect(t, s.Copy(t, "kept as well", fill))); n != 1 {
		t.Errorf("another template has %d rows", n)
	}
}

// TestCopyIsDropped: on the shared server a copy ends with its test.
func TestCopyIsDropped(t *testing.T) {
	var url string
	t.Run("test", func(t *testing.T) { url = pgtest.Copy(t, "kept", fill) })
	conn, err := pgx.Connect(t.Context(), url)
	if err == nil {
		_ = conn.Close(t.Context())
		t.Error("the copy of a test that has ended can be connected to")
	}
}

// TestPartitions: a fast server has few partitions made, any other one leaves
// their number to the migration, and a URL can ask for another number.
func TestPartitions(t *testing.T) {
	for _, test := range []struct{ name, url, want string }{
		{"fast", pgtest.Database(t), "2"},
		{"as set in the URL", pgtest.WithSetting(pgtest.Database(t), "sesuai.partitions", "7"), "7"},
		{"durable", pgtest.Start(t, pgtest.Options{}).Database(t), ""},
	} {
		var got string
		if err := connect(t, test.url).QueryRow(t.Context(), "SELECT coalesce(current_setting('sesuai.partitions', true), '')").Scan(&got); err != nil || got != test.want {
			t.Errorf("%s: sesuai.partitions is %q, want %q: %v", test.name, got, test.want, err)
		}
	}
}
