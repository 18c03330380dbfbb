package people_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sesuai/sesuai/internal/registry/registrytest"
	"github.com/sesuai/sesuai/internal/sqldb"
	"github.com/sesuai/sesuai/internal/sqldb/pgtest"
)

// pair is a primary and a standby, and registries on them.
type pair struct {
	primary, standby *pgtest.Server
	open             func(address string) node
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
	keys := t.TempDir()
	p.open = func(address string) node {
		t.Helper()
		n, err := tryOpen(t.Context(), on(t, address), keys)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = n.db.Close() }) // its server may be gone
		return n
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

// disconnect ends all connections of registries to a server.
func disconnect(t *testing.T, s *pgtest.Server) {
	t.Helper()
	s.Exec(t, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '"+pgtest.User+"'")
}

func found(t *testing.T, n node, i int) bool {
	t.Helper()
	a, err := ask(t, n, i)
	return err == nil && a.Found
}

// TestReplacedPrimaryComesBack: a primary that has been replaced is started
// again. A process that has seen the new one does not go back, although the old
// one is named first and accepts connections.
func TestReplacedPrimaryComesBack(t *testing.T) {
	t.Parallel()
	p := startPair(t)
	n := p.open(pgtest.URL("people", p.primary, p.standby))
	enrol(t, n, 1)
	p.promote(t)
	p.primary.Kill(t)
	eventually(t, "the new primary is found", func() bool {
		_, err := n.Enrol(t.Context(), registrytest.Person(t, 2), registrytest.Portrait(t, 2))
		return err == nil
	})
	p.primary.Restart(t)
	disconnect(t, p.standby)
	for i := 1; i <= 2; i++ {
		if !found(t, n, i) {
			t.Errorf("person %d is not found", i)
		}
	}
	enrol(t, n, 3)
	// The test shows nothing unless the old primary could have been used.
	if old := p.open(p.primary.URL("people")); found(t, old, 2) {
		t.Error("the old primary has what was enrolled after it")
	}
}

// TestReplacedPrimaryGoesOn: a primary that was cut off goes on beside the new
// one. Connections to it are given up once the new one is seen.
func TestReplacedPrimaryGoesOn(t *testing.T) {
	t.Parallel()
	p := startPair(t)
	n := p.open(pgtest.URL("people", p.standby, p.primary))
	enrol(t, n, 1)
	const callers = sqldb.DefaultConnections
	// findAtOnce counts those of many callers at once who find a person.
	findAtOnce := func(i int) int {
		var yes atomic.Int64
		var group sync.WaitGroup
		for range callers {
			group.Go(func() {
				if found(t, n, i) {
					yes.Add(1)
				}
			})
		}
		group.Wait()
		return int(yes.Load())
	}
	connections := func() (count int) {
		p.primary.QueryRow(t, "SELECT count(*) FROM pg_stat_activity WHERE usename = '"+pgtest.User+"'", &count)
		return count
	}
	eventually(t, "there are many connections to the primary", func() bool { return findAtOnce(1) == callers && connections() > callers/2 })
	p.promote(t)
	enrol(t, p.open(p.standby.URL("people")), 2)
	// Some connections end, as they do after a while. Those that replace them
	// lead to the new primary.
	p.primary.Exec(t, fmt.Sprintf("SELECT pg_terminate_backend(pid) FROM (SELECT * FROM pg_stat_activity WHERE usename = '%s' LIMIT %d) AS ended",
		pgtest.User, callers/4))
	eventually(t, "all callers find a person who is on record", func() bool { return findAtOnce(2) == callers })
	for range 5 {
		if yes := findAtOnce(2); yes != callers {
			t.Errorf("%d of %d callers find a person who is on record", yes, callers)
		}
	}
}
