package failover_test

import (
	"crypto/rand"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sesuai/sesuai/internal/sqldb/pgtest"
	"github.com/sesuai/sesuai/test/process"
)

// cluster is a primary and two standbys. A commit is acknowledged once one of the
// standbys has it. Each server is configured from the start to wait for one of
// the two others if it is the primary.
type cluster struct {
	p, a, b *pgtest.Server
	// sesuai is the program, without the settings of a node.
	sesuai process.Runner
	url    string
	client process.Credentials
	folder string
}

// settings returns the settings of a server whose commits wait for one of the
// others.
func settings(others ...string) map[string]string {
	return map[string]string{
		"synchronous_standby_names": "ANY 1 (" + strings.Join(others, ", ") + ")",
		// A standby that returns finds the WAL that it has missed.
		"wal_keep_size": "64MB", "max_wal_size": "128MB",
		// A restarted primary waits for its standbys, which by default try to
		// connect every five seconds.
		"wal_retrieve_retry_interval": "500ms",
	}
}

// newCluster starts the servers and enrols the demo people. The primary's folder
// is on disk, unless that is nil.
func newCluster(t *testing.T, disk *pgtest.Disk) *cluster {
	t.Helper()
	need(t)
	c := &cluster{folder: t.TempDir()}
	// Commits do not wait until the standbys have been started.
	primary := settings("a", "b")
	delete(primary, "synchronous_standby_names")
	c.p = pgtest.Start(t, pgtest.Options{Disk: disk, Settings: primary})
	c.a = c.p.Standby(t, "a", pgtest.Options{Settings: settings("p", "b")})
	c.b = c.p.Standby(t, "b", pgtest.Options{Settings: settings("p", "a")})
	c.p.Synchronise(t, "a", "b")

	one, err := url.Parse(c.p.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	c.url = pgtest.URL(strings.TrimPrefix(one.Path, "/"), c.p, c.a, c.b)
	key := filepath.Join(c.folder, "master.key")
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails
	if err := os.WriteFile(key, b, 0o600); err != nil {
		t.Fatal(err)
	}
	program := process.Program(t, root)
	c.sesuai = process.Runner{Program: program, Env: []string{
		"SESUAI_LOG_LEVEL=warn", "SESUAI_LOG_FORMAT=json", "SESUAI_REGISTRY=" + c.url, "SESUAI_MASTER_KEY=" + key,
		"SESUAI_MODELS=" + filepath.Join(filepath.Dir(program), "../models"), // for the enrollers
		"SESUAI_CORE_DUMPS=true", // node.files looks at the process, which only root may otherwise
	}}
	operator := c.of("operator")
	operator.Run(t, nil, "migrate", "up")
	operator.Run(t, nil, "person", "import", root+"/demo/people.csv", "--photos", photosDir)
	operator.Run(t, &c.client, "client", "add", "failover")
	return c
}

// of returns the program with its own data folder.
func (c *cluster) of(name string) process.Runner {
	r := c.sesuai
	r.Env = append(r.Env[:len(r.Env):len(r.Env)], "SESUAI_DATA="+filepath.Join(c.folder, name))
	return r
}

// promoteBest does what an operator, or a cluster manager, does after the primary
// has failed: it promotes the standby that has received more WAL, and makes the
// other follow it.
func (c *cluster) promoteBest(t *testing.T) (promoted *pgtest.Server) {
	t.Helper()
	promoted, other := c.a, c.b
	if other.Received(t) > promoted.Received(t) {
		promoted, other = other, promoted
	}
	other.Follow(t, promoted)
	promoted.Promote(t)
	return promoted
}
