package failover_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sesuai/sesuai/internal/sqldb/pgtest"
)

// start starts a cluster with two nodes and a load that works.
func start(t *testing.T, c *cluster) *load {
	t.Helper()
	l := startLoad(t, c.startNode(t, "one"), c.startNode(t, "two"))
	l.awaitWork(time.Time{}, "the load works")
	return l
}

// TestPrimaryKilled: kill -9 of the primary and promotion of a standby. In
// between there is no answer; then all goes on, with all that was acknowledged.
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
		t.Errorf("%d verdicts and enrolments came from nowhere", n)
	}
	verdicts, enrolments := l.first(promoted)
	l.report("primary killed", fmt.Sprintf(
		"kill %d ms, left dead %d ms, promotion %d ms; then first verdict after %d ms, first enrolment after %d ms",
		killed.Sub(began).Milliseconds(), promoting.Sub(killed).Milliseconds(), promoted.Sub(promoting).Milliseconds(),
		verdicts.Milliseconds(), enrolments.Milliseconds()))
	l.finish()
}

// TestStandbyKilled: of two standbys either will do, so that nobody notices
// when one is killed. With both gone nothing is acknowledged, until the
// operator decides to do without them.
func TestStandbyKilled(t *testing.T) {
	c := newCluster(t, nil)
	l := start(t, c)

	c.a.Kill(t)
	killed := time.Now()
	l.awaitWork(killed, "the nodes work with one standby")
	if r := l.result("", ""); r.unavailable+r.refused > 0 {
		t.Errorf("with one of two standbys gone: %s", l.summary())
	}
	l.report("one of two standbys killed", "")

	c.b.Kill(t)
	alone := time.Now()
	l.awaitRefusals(alone)
	without := time.Now()
	if n := l.within(alone, without); n > 0 {
		t.Errorf("%d verdicts and enrolments were acknowledged that no standby has", n)
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
		"waited for a standby for %d ms; once told to do without, first verdict after %d ms, first enrolment after %d ms",
		without.Sub(alone).Milliseconds(), verdicts.Milliseconds(), enrolments.Milliseconds()))
	l.finish()
}

// TestNodeKilled: kill -9 of a node. The other one goes on without a pause, and
// the node comes back by being started.
func TestNodeKilled(t *testing.T) {
	c := newCluster(t, nil)
	l := start(t, c)

	l.nodes[0].kill(t)
	killed := time.Now()
	l.awaitWork(killed, "the other node works")
	if r := l.result("", ""); r.unavailable > 0 {
		t.Errorf("with a node gone: %s", l.summary())
	}
	again := c.startNode(t, "one again")
	l.add(again)
	back := time.Now()
	l.awaitWork(back, "both nodes work")
	l.report("node killed", "cut off and refused is what the node had in hand")
	for _, e := range l.enrolments {
		if !e.ok && e.node != l.nodes[0] {
			t.Errorf("person %d was refused by a node that runs", e.person)
		}
	}
	l.finish()
}

// TestDiskFull: the primary's disk is full, at first for tables alone, whose
// writing fails, then for the log, which ends the server. There is no answer;
// with room again all goes on, with all that was acknowledged.
func TestDiskFull(t *testing.T) {
	disk := pgtest.NewDisk(t, 400)
	c := newCluster(t, disk)
	l := start(t, c)
	for _, log := range []bool{false, true} {
		what := "disk of the primary full"
		disk.Fill(t)
		full := time.Now()
		if log {
			what = "then for its log, too"
			exhaustLog(t, c.p)
		}
		l.awaitRefusals(full)
		refused := time.Now()
		disk.Free(t)
		ended := !c.p.Running()
		if ended {
			c.p.Restart(t) // as systemd does, or an operator
		}
		free := time.Now()
		l.awaitWork(free, "the nodes work with room on the disk again")
		verdicts, enrolments := l.first(free)
		l.report(what, fmt.Sprintf(
			"full for %d ms, which ended the server: %t; with room again, first verdict after %d ms, first enrolment after %d ms",
			refused.Sub(full).Milliseconds(), ended, verdicts.Milliseconds(), enrolments.Milliseconds()))
	}
	l.finish()
}

// exhaustLog has a server whose disk is full need another file for its log,
// until it cannot have it.
func exhaustLog(t *testing.T, s *pgtest.Server) {
	t.Helper()
	const files = 100 // more than it keeps in stock
	for range files {
		conn, err := pgx.Connect(t.Context(), s.AdminURL("postgres"))
		if err != nil {
			return
		}
		_, err = conn.Exec(t.Context(), "SELECT pg_logical_emit_message(false, 'exam', 'x'), pg_switch_wal()")
		_ = conn.Close(t.Context()) // it may be broken
		if err != nil {
			t.Logf("the server says %v", err)
			return
		}
	}
	t.Fatal("the log found room on a full disk")
}

// TestOldPrimaryReturns: the killed primary is started again, and does not know
// that it has been replaced. It comes first in the URL; yet the nodes, which
// have seen the new one, do not go back when they need new connections.
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
	// Whoever starts only now cannot tell the two: the operator has to.
	c.p.Kill(t)
	l.finish()
}
