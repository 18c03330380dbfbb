package people_test

import (
	"context"
	"testing"
	"time"

	"github.com/sesuai/sesuai/internal/registry/registrytest"
	"github.com/sesuai/sesuai/internal/sqldb"
	"github.com/sesuai/sesuai/internal/sqldb/pgtest"
	"github.com/sesuai/sesuai/internal/sqldb/sqltest"
)

// on is a PostgreSQL database at that address, with keys in a folder of its own.
func on(t *testing.T, address string) sqltest.Database {
	t.Helper()
	return sqltest.Database{
		Dir: t.TempDir(), Engine: sqldb.PostgreSQL,
		Options: sqldb.Options{URL: address, Migrate: true, Migrations: migrations},
	}
}

// TestSecondTryIsNoSafer: a change that was cancelled while it waited for a
// standby is on the primary alone. A second try is not acknowledged until a
// standby has the change, although there is nothing left to write.
func TestSecondTryIsNoSafer(t *testing.T) {
	t.Parallel()
	primary := pgtest.Start(t, pgtest.Options{Fast: true, Settings: map[string]string{"synchronous_commit": "on"}})
	standby := primary.Standby(t, "standby", pgtest.Options{Fast: true})
	primary.Exec(t, "CREATE DATABASE people OWNER "+pgtest.User)
	n := open(t, on(t, primary.URL("people")))
	enrol(t, n, 1)
	primary.Synchronise(t, "standby")
	standby.Kill(t)

	// However long a try may take, it must fail.
	const try = 500 * time.Millisecond
	enrolling := func() error {
		ctx, cancel := context.WithTimeout(t.Context(), try)
		defer cancel()
		_, err := n.Enrol(ctx, registrytest.Person(t, 2), registrytest.Portrait(t, 2))
		return err
	}
	removing := func() error {
		ctx, cancel := context.WithTimeout(t.Context(), try)
		defer cancel()
		_, err := n.Remove(ctx, registrytest.NIK(t, 1))
		return err
	}
	onRecord := func(i int) bool {
		_, found, err := n.Lookup(t.Context(), registrytest.NIK(t, i))
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	// On a slow machine the first try may end before it has written.
	eventually(t, "both changes are on the primary", func() bool {
		assertUnanswered(t, "Enrol", enrolling())
		assertUnanswered(t, "Remove", removing())
		return onRecord(2) && !onRecord(1)
	})
	assertUnanswered(t, "Enrol again", enrolling())
	assertUnanswered(t, "Remove again", removing())

	standby.Restart(t)
	if _, err := n.Enrol(t.Context(), registrytest.Person(t, 2), registrytest.Portrait(t, 2)); err != nil {
		t.Error(err)
	}
	assertRemoved(t, n, 1, false)
}
