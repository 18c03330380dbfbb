package failover_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sesuai/sesuai/internal/sqldb/pgtest"
)

// start starts two nodes of a cluster and a load, and waits until the load
// succeeds.
func start(t *testing.T, c *cluster) *load {
	t.Helper()
	l := startLoad(t, c.startNode(t, "one"), c.startNode(t, "two"))
	l.awaitWork(time.Time{}, "the load succeeds")
	return l
}

// TestPrimaryKilled kills the primary and promotes a standby. In between there
// are no answers. Then the nodes continue, and nothing acknowledged is lost.
func TestPrimaryKilled(t *testing.T) {
	c := newCluster(t, nil)
	l := start(t, c)

	began := time.Now()
	c.p.Kill(t)
	killed := time.Now()
	l.awaitRefusals(killed)
	promoting := time.Now()
	c.promoteBest(t)
	promoted := time.Now()
	l.awaitWork(promoted, "the nodes work with the new primary")
	if n := l.within(killed, promoting); n > 0 {
		t.Errorf("%d verdicts and enrolments were acknowledged without a primary", n)
	}
	verdicts, enrolments := l.first(promoted)
	l.report("primary killed", fmt.Sprintf(
		"kill %d ms, without a primary %d ms, promotion %d ms; then first verdict after %d ms, first enrolment after %d ms",
		killed.Sub(began).Milliseconds(), promoting.Sub(killed).Milliseconds(), promoted.Sub(promoting).Milliseconds(),
		verdicts.Milliseconds(), enrolments.Milliseconds()))
	l.finish()
}

// TestStandbyKilled kills one standby, which has no effect, since one is enough.
// With both killed, nothing is acknowledged until the operator configures the
// primary not to wait for them.
func TestStandbyKilled(t *testing.T) {
	c := newCluster(t, nil)
	l := start(t, c)

	c.a.Kill(t)
	killed := time.Now()
	l.awaitWork(killed, "the nodes work with one standby")
	if r := l.result("", ""); r.unavailable+r.refused > 0 {
		t.Errorf("with one of two standbys killed: %s", l.summary())
	}
	l.report("one of two standbys killed", "")

	c.b.Kill(t)
	alone := time.Now()
	l.awaitRefusals(alone)
	without := time.Now()
	if n := l.within(alone, without); n > 0 {
		t.Errorf("%d verdicts and enrolments were acknowledged without a standby", n)
	}
	c.p.Synchronise(t)
	l.awaitWork(without, "the nodes work without a standby")
	c.a.Restart(t)
	c.b.Restart(t)
	c.p.Synchronise(t, "a", "b")
	back := time.Now()
	l.awaitWork(back, "the nodes work with both standbys")
	verdicts, enrolments := l.first(without)
	l.report("then the other one, too", fmt.Sprintf(
		"waited for a standby for %d ms; once configured not to wait, first verdict after %d ms, first enrolment after %d ms",
		without.Sub(alone).Milliseconds(), verdicts.Milliseconds(), enrolments.Milliseconds()))
	l.finish()
}

// TestNodeKilled kills a node. The other one continues without a pause, and the
// killed one can be started again.
func TestNodeKilled(t *testing.T) {
	c := newCluster(t, nil)
	l := start(t, c)

	l.nodes[0].kill(t)
	killed := time.Now()
	l.awaitWork(killed, "the other node works")
	if r := l.result("", ""); r.unavailable > 0 {
		t.Errorf("with a node killed: %s", l.summary())
	}
	again := c.startNode(t, "one again")
	l.add(again)
	back := time.Now()
	l.awaitWork(back, "both nodes work")
	l.report("node killed", "cut off and refused are the requests that the node was processing")
	for _, e := range l.enrolments {
		if !e.ok && e.node != l.nodes[0] {
			t.Errorf("person %d was refused by a running node", e.person)
		}
	}
	l.finish()
}

// TestDiskFull fills the primary's disk, first so that writes to tables fail, then
// so that the WAL cannot grow, which ends the server. There are no answers. With
// space again the nodes continue, and nothing acknowledged is lost.
func TestDiskFull(t *testing.T) {
	disk := pgtest.NewDisk(t, 400)
	c := newCluster(t, disk)
	l := start(t, c)
	for _, log := range []bool{false, true} {
		what := "disk of the primary full"
		disk.Fill(t)
		full := time.Now()
		if log {
			what = "then for its WAL too"
			exhaustLog(t, c.p)
		}
		l.awaitRefusals(full)
		refused := time.Now()
		disk.Free(t)
		ended := !c.p.Running()
		if ended {
			c.p.Restart(t) // as systemd or an operator does
		}
		free := time.Now()
		l.awaitWork(free, "the nodes work with space on the disk again")
		verdicts, enrolments := l.first(free)
		l.report(what, fmt.Sprintf(
			"full for %d ms, which ended the server: %t; with space again, first verdict after %d ms, first enrolment after %d ms",
			refused.Sub(full).Milliseconds(), ended, verdicts.Milliseconds(), enrolments.Milliseconds()))
	}
	l.finish()
}

// exhaustLog makes a server with a full disk switch WAL files until it cannot
// create another.
func exhaustLog(t *testing.T, s *pgtest.Server) {
	t.Helper()
	const files = 100 // more than the server keeps for recycling
	for range files {
		conn, err := pgx.Connect(t.Context(), s.AdminURL("postgres"))
		if err != nil {
			return
		}
		_, err = conn.Exec(t.Context(), "SELECT pg_logical_emit_message(false, 'failover', 'x'), pg_switch_wal()")
		_ = conn.Close(t.Context()) // it may be broken
		if err != nil {
			t.Logf("the server says %v", err)
			return
		}
	}
	t.Fatal("the WAL grew on a full disk")
}

// TestOldPrimaryReturns starts the killed primary again, which does not know that
// it has been replaced. It is first in the URL. But nodes that have been connected
// to the new primary do not return to it when they need new connections.
func TestOldPrimaryReturns(t *testing.T) {
	c := newCluster(t, nil)
	l := start(t, c)
	c.p.Kill(t)
	killed := time.Now()
	l.awaitRefusals(killed)
	now := c.promoteBest(t)
	promoted := time.Now()
	l.awaitWork(promoted, "the nodes work with the new primary")
	c.p.Restart(t)
	now.Exec(t, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '"+pgtest.User+"'")
	returned := time.Now()
	l.awaitWork(returned, "the nodes work although the old primary is there")
	verdicts, enrolments := l.first(returned)
	l.report("primary killed, replaced, started again", fmt.Sprintf(
		"once it was back and all connections to the new one were cut, first verdict after %d ms, first enrolment after %d ms",
		verdicts.Milliseconds(), enrolments.Milliseconds()))
	// A node that starts now cannot tell the two apart, so the operator must stop
	// the old one.
	c.p.Kill(t)
	l.finish()
}
