package pgtest_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sesuai/sesuai/internal/sqldb/pgtest"
)

// TestPromote: of a primary with two synchronous standbys that is killed, the
// standby that is further has everything that was acknowledged, and the other
// one follows it.
func TestPromote(t *testing.T) {
	primary := pgtest.Start(t, pgtest.Options{})
	a := primary.Standby(t, "a", pgtest.Options{})
	b := primary.Standby(t, "b", pgtest.Options{})
	primary.Synchronise(t, "a", "b")
	one := primary.Database(t)
	name := database(t, one)
	conn := connect(t, one)
	exec(t, conn, "CREATE TABLE kept (n int)")
	for n := range 50 {
		exec(t, conn, "INSERT INTO kept VALUES ($1)", n)
	}
	if _, err := pgx.Connect(t.Context(), pgtest.URL(name, a, b)); err == nil {
		t.Error("two standbys will do for one who wants to write")
	}
	primary.Kill(t)

	promoted, other := a, b
	if b.Received(t) > a.Received(t) {
		promoted, other = b, a
	}
	promoted.Promote(t)
	other.Follow(t, promoted)
	if promoted == a {
		promoted.Synchronise(t, "b")
	} else {
		promoted.Synchronise(t, "a")
	}
	conn = connect(t, pgtest.URL(name, primary, a, b))
	if n := rows(t, conn); n != 50 {
		t.Errorf("%d rows of 50 are left", n)
	}
	exec(t, conn, "INSERT INTO kept VALUES (50)")
	promoted.Kill(t)
	other.Promote(t)
	if n := rows(t, connect(t, pgtest.URL(name, primary, a, b))); n != 51 {
		t.Errorf("%d rows of 51 are left", n)
	}
}

// TestSynchronous: with its last synchronous standby gone, nothing is
// acknowledged until the standby is back or the operator does without.
func TestSynchronous(t *testing.T) {
	primary := pgtest.Start(t, pgtest.Options{Fast: true, Settings: map[string]string{"synchronous_commit": "on"}})
	a := primary.Standby(t, "a", pgtest.Options{Fast: true})
	primary.Synchronise(t, "a")
	conn := connect(t, primary.Database(t))
	exec(t, conn, "CREATE TABLE kept (n int)")
	for _, repair := range []func(){
		func() { a.Restart(t) },
		func() { primary.Synchronise(t) },
	} {
		a.Kill(t)
		done := make(chan error, 1)
		go func() {
			_, err := conn.Exec(t.Context(), "INSERT INTO kept VALUES (1)")
			done <- err
		}()
		awaitSyncRep(t, primary)
		select {
		case err := <-done:
			t.Errorf("acknowledged without a standby: %v", err)
		default:
		}
		repair()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// awaitSyncRep waits until somebody waits for a standby.
func awaitSyncRep(t *testing.T, s *pgtest.Server) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; {
		var waiting int
		s.QueryRow(t, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'", &waiting)
		if waiting > 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("nobody waits for the standby")
		}
	}
}

// database is the name of a URL's database.
func database(t *testing.T, url string) string {
	t.Helper()
	config, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	return config.Database
}

// TestDisk: on a full disk a server takes nothing and loses nothing.
func TestDisk(t *testing.T) {
	disk := pgtest.NewDisk(t, 160)
	s := pgtest.Start(t, pgtest.Options{Disk: disk})
	url := s.Database(t)
	conn := connect(t, url)
	exec(t, conn, "CREATE TABLE kept (n int, room text)")
	disk.Fill(t)
	acknowledged := 0
	for {
		// Long enough to need a page of its own.
		_, err := conn.Exec(t.Context(), "INSERT INTO kept VALUES ($1, $2)", acknowledged, strings.Repeat("x", 2000))
		if err != nil {
			t.Logf("after %d rows: %v", acknowledged, err)
			break
		}
		if acknowledged++; acknowledged == 100_000 {
			t.Fatal("the disk does not fill")
		}
	}
	_ = conn.Close(context.Background())
	disk.Free(t)
	if !s.Running() {
		s.Restart(t)
	}
	conn = connect(t, url)
	exec(t, conn, "INSERT INTO kept VALUES (0)")
	if n := rows(t, conn); n != acknowledged+1 {
		t.Errorf("%d rows are left of %d", n, acknowledged+1)
	}
}
