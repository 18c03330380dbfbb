package store_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/sesuai/sesuai/internal/registry/registrytest"
	"github.com/sesuai/sesuai/internal/sqldb/pgtest"
	"github.com/sesuai/sesuai/internal/store"
)

// pair is a primary and a standby, and stores on them.
type pair struct {
	primary, standby *pgtest.Server
	open             func(url string) *store.Store
}

func startPair(t *testing.T) pair {
	t.Helper()
	p := pair{primary: pgtest.Start(t, pgtest.Options{Fast: true})}
	p.standby = p.primary.Standby(t, "standby", pgtest.Options{Fast: true})
	p.primary.Exec(t, "CREATE DATABASE people OWNER "+pgtest.User)
	eventually(t, "the standby has the database", func() (there bool) {
		p.standby.QueryRow(t, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = 'people')", &there)
		return there
	})
	dir := t.TempDir()
	p.open = func(url string) *store.Store {
		t.Helper()
		o := options(t, dir)
		o.Dir, o.URL, o.Migrate = "", url, true
		s, err := store.Open(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() }) // its server may be gone
		return s
	}
	return p
}

// promote makes the standby a primary once it has all that the primary has.
func (p pair) promote(t *testing.T) {
	t.Helper()
	var at int64
	p.primary.QueryRow(t, "SELECT (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint", &at)
	eventually(t, "the standby has what the primary has", func() bool { return p.standby.Received(t) >= at })
	p.standby.Promote(t)
}

// hangUp ends all connections of stores to a server.
func hangUp(t *testing.T, s *pgtest.Server) {
	t.Helper()
	s.Exec(t, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '"+pgtest.User+"'")
}

// TestReplacedPrimaryComesBack: a primary that has been replaced is started
// again. Who has seen the new one does not go back, though the old one is named
// first and takes connections.
func TestReplacedPrimaryComesBack(t *testing.T) {
	p := startPair(t)
	s := p.open(pgtest.URL("people", p.primary, p.standby))
	enrol(t, s, 1)
	p.promote(t)
	p.primary.Kill(t)
	eventually(t, "the new primary is found", func() bool {
		_, err := s.Enrol(t.Context(), registrytest.Person(t, 2), registrytest.Portrait(t, 2))
		return err == nil
	})
	p.primary.Restart(t)
	hangUp(t, p.standby)
	for n := 1; n <= 2; n++ {
		if !found(t, s, n) {
			t.Errorf("person %d is not found", n)
		}
	}
	enrol(t, s, 3)
	// The exam is worth something only if the old one would have been taken.
	if old := p.open(p.primary.URL("people")); found(t, old, 2) {
		t.Error("the old primary has what was enrolled after it")
	}
}

// TestReplacedPrimaryGoesOn: a primary that was cut off goes on beside the new
// one. Connections to it are given up once the new one is seen.
func TestReplacedPrimaryGoesOn(t *testing.T) {
	p := startPair(t)
	s := p.open(pgtest.URL("people", p.standby, p.primary))
	enrol(t, s, 1)
	const callers = store.DefaultConnections
	// ask counts those of many callers at once who find a person.
	ask := func(n int) (yes int) {
		var mu sync.Mutex
		var group sync.WaitGroup
		for range callers {
			group.Go(func() {
				record, err := s.Check(t.Context(), registrytest.Claim(registrytest.Person(t, n)))
				mu.Lock()
				defer mu.Unlock()
				if err == nil && record.Found {
					yes++
				}
			})
		}
		group.Wait()
		return yes
	}
	connections := func() (n int) {
		p.primary.QueryRow(t, "SELECT count(*) FROM pg_stat_activity WHERE usename = '"+pgtest.User+"'", &n)
		return n
	}
	eventually(t, "there are many connections to the primary", func() bool { return ask(1) == callers && connections() > callers/2 })
	p.promote(t)
	enrol(t, p.open(p.standby.URL("people")), 2)
	// Some connections end, as they do after a while; those that take their
	// place lead to the new primary.
	p.primary.Exec(t, fmt.Sprintf("SELECT pg_terminate_backend(pid) FROM (SELECT * FROM pg_stat_activity WHERE usename = '%s' LIMIT %d) AS ended",
		pgtest.User, callers/4))
	eventually(t, "all are told that somebody is on record who is", func() bool { return ask(2) == callers })
	for range 5 {
		if yes := ask(2); yes != callers {
			t.Errorf("%d of %d are told that somebody is on record who is", yes, callers)
		}
	}
}
