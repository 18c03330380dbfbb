package limit_test

import (
	"context"
	"testing"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access/limit"
	"github.com/sesuai/sesuai/internal/sqldb"
)

// TestFailedCancel: a request whose removal fails does not count until it expires, but until
// the database can be written again.
func TestFailedCancel(t *testing.T) {
	n := open(t, engines.New(t, sqldb.PostgreSQL), limit.StoreOptions{
		Config: limit.Config{NIK: limit.NIKConfig{MissesPerHour: 1}}, Now: func() time.Time { return noon },
	})[0]
	rename := func(from, to string) {
		t.Helper()
		if err := n.db.InTx(t.Context(), func(tx *sqldb.Tx) error {
			_, err := tx.ExecContext(t.Context(), "ALTER TABLE "+from+" RENAME TO "+to)
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	r := limit.Request{Client: "cli_1", NIK: nikOf(t, 1)}
	l := n.start(t, r)
	rename("limit_leases", "elsewhere")
	l.Cancel()
	if _, err := n.Start(t.Context(), r); sesuai.KindOf(err) != sesuai.KindUnavailable {
		t.Errorf("Start = %v", err)
	}
	rename("elsewhere", "limit_leases")
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	l, err := n.Start(ctx, r)
	if err != nil {
		t.Fatal(err)
	}
	l.Cancel()
}
