package failover_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/sesuai/sesuai/internal/store/pgtest"
)

// start starts a cluster with two nodes and a load that works.
func start(t *testing.T, c *cluster) (*load, []*node) {
	t.Helper()
	nodes := []*node{c.startNode(t, "one"), c.startNode(t, "two")}
	l := startLoad(t, nodes...)
	l.awaitWork(time.Time{}, "the load works")
	return l, nodes
}

// TestPrimaryKilled: kill -9 of the primary and promotion of a standby. In
// between there is no answer; then all goes on, with all that was acknowledged.
func TestPrimaryKilled(t *testing.T) {
	c := newCluster(t, nil)
	l, nodes := start(t, c)
	files := nodes[0].files(t)

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
	assertFewFiles(t, nodes[0], files)
	verdicts, enrolments := l.first(promoted)
	results.add(l.result("primary killed", fmt.Sprintf(
		"kill %d ms, left dead %d ms, promotion %d ms; then first verdict after %d ms, first enrolment after %d ms",
		killed.Sub(began).Milliseconds(), promoting.Sub(killed).Milliseconds(), promoted.Sub(promoting).Milliseconds(),
		verdicts.Milliseconds(), enrolments.Milliseconds())))
	l.finish()
}

// TestStandbyKilled: of two standbys either will do, so that nobody notices
// when one is killed. With both gone nothing is acknowledged, until the
// operator decides to do without them.
func TestStandbyKilled(t *testing.T) {
	c := newCluster(t, nil)
	l, nodes := start(t, c)
	files := nodes[0].files(t)

	c.a.Kill(t)
	killed := time.Now()
	l.awaitWork(killed, "the nodes work with one standby")
	one := l.result("one of two standbys killed", "")
	if one.unavailable+one.refused > 0 {
		t.Errorf("with one of two standbys gone: %s", l.summary())
	}
	results.add(one)

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
	assertFewFiles(t, nodes[0], files)
	verdicts, enrolments := l.first(without)
	results.add(l.result("then the other one, too", fmt.Sprintf(
		"waited for a standby for %d ms; once told to do without, first verdict after %d ms, first enrolment after %d ms",
		without.Sub(alone).Milliseconds(), verdicts.Milliseconds(), enrolments.Milliseconds())))
	l.finish()
}

// TestNodeKilled: kill -9 of a node. The other one goes on without a pause, and
// the node comes back by being started.
func TestNodeKilled(t *testing.T) {
	c := newCluster(t, nil)
	l, nodes := start(t, c)

	nodes[0].kill(t)
	killed := time.Now()
	l.awaitWork(killed, "the other node works")
	if r := l.result("", ""); r.unavailable > 0 {
		t.Errorf("with a node gone: %s", l.summary())
	}
	again := c.startNode(t, "one again")
	l.add(again)
	back := time.Now()
	l.awaitWork(back, "both nodes work")
	results.add(l.result("node killed", "cut off and refused is what the node had in hand"))
	for _, e := range l.enrolments {
		if !e.ok && e.node != nodes[0] {
			t.Errorf("person %d was refused by a node that runs", e.person)
		}
	}
	l.finish()
}

// TestDiskFull: the primary's disk is full. There is no answer; with room again
// all goes on, with all that was acknowledged.
func TestDiskFull(t *testing.T) {
	disk := pgtest.NewDisk(t, 400)
	c := newCluster(t, disk)
	l, nodes := start(t, c)
	files := nodes[0].files(t)

	disk.Fill(t)
	full := time.Now()
	l.awaitRefusals(full)
	refused := time.Now()
	ended := !c.p.Running()
	disk.Free(t)
	if ended {
		c.p.Restart(t)
	}
	free := time.Now()
	l.awaitWork(free, "the nodes work with room on the disk again")
	assertFewFiles(t, nodes[0], files)
	verdicts, enrolments := l.first(free)
	results.add(l.result("disk of the primary full", fmt.Sprintf(
		"full for %d ms, which ended the server: %t; with room again, first verdict after %d ms, first enrolment after %d ms",
		refused.Sub(full).Milliseconds(), ended, verdicts.Milliseconds(), enrolments.Milliseconds())))
	l.finish()
}
