package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/sesuai/sesuai/internal/registry/registrytest"
	"github.com/sesuai/sesuai/internal/sqldb/pgtest"
	"github.com/sesuai/sesuai/internal/store"
)

// TestSecondTryIsNoSafer: what was cancelled while it waited for a standby
// stands on the primary alone. Whoever asks for it again is not told that it is
// done until a standby has it, though nothing is left to write.
func TestSecondTryIsNoSafer(t *testing.T) {
	primary := pgtest.Start(t, pgtest.Options{Fast: true, Settings: map[string]string{"synchronous_commit": "on"}})
	standby := primary.Standby(t, "standby", pgtest.Options{Fast: true})
	primary.Exec(t, "CREATE DATABASE people OWNER "+pgtest.User)
	o := options(t, t.TempDir())
	o.Dir, o.URL, o.Migrate = "", primary.URL("people"), true
	s, err := store.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	enrol(t, s, 1)
	primary.Synchronise(t, "standby")
	standby.Kill(t)

	// However long a try may take, it must fail.
	const try = 500 * time.Millisecond
	enrolling := func() error {
		ctx, cancel := context.WithTimeout(t.Context(), try)
		defer cancel()
		_, err := s.Enrol(ctx, registrytest.Person(t, 2), registrytest.Portrait(t, 2))
		return err
	}
	removing := func() error {
		ctx, cancel := context.WithTimeout(t.Context(), try)
		defer cancel()
		_, err := s.Remove(ctx, registrytest.NIK(t, 1))
		return err
	}
	onRecord := func(n int) bool {
		_, found, err := s.Lookup(t.Context(), registrytest.NIK(t, n))
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	assertUnanswered(t, "Enrol", enrolling())
	assertUnanswered(t, "Remove", removing())
	eventually(t, "both stand on the primary", func() bool { return onRecord(2) && !onRecord(1) })
	assertUnanswered(t, "Enrol again", enrolling())
	assertUnanswered(t, "Remove again", removing())

	standby.Restart(t)
	if _, err := s.Enrol(t.Context(), registrytest.Person(t, 2), registrytest.Portrait(t, 2)); err != nil {
		t.Error(err)
	}
	if removed, err := s.Remove(t.Context(), registrytest.NIK(t, 1)); err != nil || removed {
		t.Errorf("Remove = %t, %v", removed, err)
	}
}
