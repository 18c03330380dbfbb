package failover_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sesuai/sesuai/internal/sqldb/pgtest"
)

// TestPostgresKilled kills PostgreSQL on the primary, but not Patroni, which makes
// the standby the primary.
func TestPostgresKilled(t *testing.T) {
	c := newCluster(t)
	l := c.start(t)
	old := c.awaitCluster(t)
	pid, _, _ := strings.Cut(read(t, filepath.Join(old.disk, "15/sesuai/postmaster.pid")), "\n")
	old.killProcess(t, pid)
	killed := time.Now()
	c.awaitPromotion(t, c.other(old))
	promoted := time.Now()
	l.awaitWork(promoted, "the nodes work with the new primary")
	c.awaitCluster(t)
	l.awaitWork(time.Now(), "the nodes work with both servers")
	l.report("kill -9 of PostgreSQL on the primary", fmt.Sprintf("new primary after %d ms", promoted.Sub(killed).Milliseconds()))
	l.finish()
}

// TestPrimaryLost kills the primary's machine, without a word to anybody. Patroni
// makes the standby the primary once the lease of the old one has expired. Then the
// old one returns as the standby.
func TestPrimaryLost(t *testing.T) {
	c := newCluster(t)
	l := c.start(t)
	old := c.awaitCluster(t)
	old.kill(t)
	killed := time.Now()
	c.awaitPromotion(t, c.other(old))
	promoted := time.Now()
	l.awaitWork(promoted, "the nodes work with the new primary")
	l.report("the primary's machine dies", fmt.Sprintf("new primary after %d ms", promoted.Sub(killed).Milliseconds()))
	old.boot(t)
	if primary := c.awaitCluster(t); primary == old {
		t.Errorf("%s is the primary again", old.name)
	}
	l.awaitWork(time.Now(), "the nodes work with both servers")
	l.report("it returns", "")
	l.finish()
}

// TestStandbyLost kills the standby's machine. Commits wait for it until Patroni
// lets the primary go on alone.
func TestStandbyLost(t *testing.T) {
	c := newCluster(t)
	l := c.start(t)
	primary := c.awaitCluster(t)
	standby := c.other(primary)
	standby.kill(t)
	l.awaitWork(time.Now(), "the nodes work without a standby")
	l.report("the standby's machine dies", "")
	standby.boot(t)
	if now := c.awaitCluster(t); now != primary {
		t.Errorf("%s has become the primary", now.name)
	}
	l.awaitWork(time.Now(), "the nodes work with both servers")
	l.report("it returns", "")
	l.finish()
}

// TestNetworkCut disconnects the primary's machine, which goes on running. Clients
// write on both sides. Those on the side of the old primary get no acknowledgement
// once there is a new one, even if they do without the standby.
func TestNetworkCut(t *testing.T) {
	c := newCluster(t)
	old := c.awaitCluster(t)
	createRows(t, c, old)
	l := c.start(t)
	outside := startWriter(t, "outside", c.url("postgres", "postgres", c.db...), nil)
	within := c.url("postgres", "postgres", old)
	waiting := startWriter(t, "inside", within, old.dial)
	local := startWriter(t, "inside, without waiting for the standby", within+"&synchronous_commit=local", old.dial)
	awaitRows(t, outside, waiting, local)

	old.cut(t)
	cut := time.Now()
	c.awaitPromotion(t, c.other(old))
	promoted := time.Now()
	l.awaitWork(promoted, "the nodes work with the new primary")
	eventually(t, "writers try on both sides", func() bool {
		const enough = 100
		for _, w := range []*writer{waiting, local} {
			if sent, _ := w.count(promoted); sent < enough {
				return false
			}
		}
		_, acknowledged := outside.count(promoted)
		return acknowledged >= enough
	})
	connecting := time.Now()
	note := fmt.Sprintf("new primary after %d ms; sent after the cut: %s, %s, %s; after the promotion: %s, %s", promoted.Sub(cut).Milliseconds(),
		waiting.summary(cut), local.summary(cut), outside.summary(cut), waiting.summary(promoted), local.summary(promoted))
	if _, n := waiting.count(cut); n > 0 {
		t.Errorf("%d rows were acknowledged without the standby", n)
	}
	last, first := local.last(connecting), outside.first(cut)
	if !last.sent.Before(first) {
		t.Errorf("the old primary acknowledges a row %s after the new one", last.sent.Sub(first))
	}
	note += fmt.Sprintf("; the old primary's last acknowledgement %d ms after the cut, the new one's first after %d ms",
		last.done.Sub(cut).Milliseconds(), first.Sub(cut).Milliseconds())
	l.report("the primary's network is cut", note)

	old.connect(t)
	primary := c.awaitCluster(t)
	if primary == old {
		t.Errorf("%s is the primary again", old.name)
	}
	l.awaitWork(time.Now(), "the nodes work with both servers")
	note = ""
	for _, w := range []*writer{outside, waiting, local} {
		w.stop()
		acknowledged, lost := w.lost(t, c, primary)
		if w != local && lost > 0 {
			t.Errorf("%s: %d of %d acknowledged rows are lost", w.name, lost, acknowledged)
		}
		note += fmt.Sprintf("%s: %d of %d lost; ", w.name, lost, acknowledged)
	}
	l.report("it is connected again", strings.TrimSuffix(note, "; "))
	l.finish()
}

// TestEtcdLeaderLost kills the machine of etcd's leader. The primary stays.
func TestEtcdLeaderLost(t *testing.T) {
	c := newCluster(t)
	l := c.start(t)
	primary := c.awaitCluster(t)
	leader := c.etcdLeader(t)
	leader.kill(t)
	eventually(t, "etcd has another leader", func() bool {
		for _, m := range c.etcd {
			if m != leader && m.leads(t.Context()) {
				return true
			}
		}
		return false
	})
	l.awaitWork(time.Now(), "the nodes work with two etcd")
	l.report("the machine of etcd's leader dies", "")
	leader.boot(t)
	eventually(t, leader.name+" follows", func() bool { return leader.healthy(t.Context()) })
	if now := c.awaitCluster(t); now != primary {
		t.Errorf("%s has become the primary", now.name)
	}
	l.awaitWork(time.Now(), "the nodes work with three etcd")
	l.report("it returns", "")
	l.finish()
}

// TestNodeKilled kills a node. The other one continues without a pause, and the
// killed one can be started again.
func TestNodeKilled(t *testing.T) {
	c := newCluster(t)
	l := c.start(t)
	l.nodes[0].kill(t)
	killed := time.Now()
	l.awaitWork(killed, "the other node works")
	l.mu.Lock()
	for _, a := range l.answers {
		if a.how != verdict && a.sent.After(killed) {
			t.Errorf("%s was sent after the node was killed, and has no verdict", a.id)
		}
	}
	l.mu.Unlock()
	l.add(c.startNode(t, "one"))
	l.awaitWork(time.Now(), "both nodes work")
	l.report("kill -9 of a node", "cut off and refused are the requests that the node was processing")
	for _, e := range l.enrolments {
		if !e.ok && e.node != l.nodes[0] {
			t.Errorf("person %d was refused by a running node", e.person)
		}
	}
	l.finish()
}

// TestDiskFull fills a server's disk, first so that writes to tables fail, then so
// that the WAL cannot grow, which ends the server. There are no answers. With space
// again the nodes continue, and nothing acknowledged is lost.
func TestDiskFull(t *testing.T) {
	disk := pgtest.NewDisk(t, 400)
	s, server := onOneServer(t, disk)
	l := s.start(t)
	for _, log := range []bool{false, true} {
		what := "the disk of a single server is full"
		disk.Fill(t)
		full := time.Now()
		if log {
			what = "then for its WAL too"
			exhaustLog(t, server)
		}
		l.awaitRefusals(full)
		refused := time.Now()
		disk.Free(t)
		ended := !server.Running()
		if ended {
			server.Restart(t) // as systemd or an operator does
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
