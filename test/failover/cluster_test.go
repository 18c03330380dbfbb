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

// cluster is a primary and two standbys, one of which has to have a commit
// before it is acknowledged. Whichever of them is primary, it waits for one of
// the others: so their configuration says from the start.
type cluster struct {
	p, a, b *pgtest.Server
	// sesuai is the program, without what is a node's own.
	sesuai process.Runner
	url    string
	// who is the client that asks.
	who struct {
		Username string `json:"username"`
		Password string `json:"password"`
		APIKey   string `json:"api_key"`
	}
	folder string
}

// settings are those of a server whose commits wait for one of two others.
func settings(others ...string) map[string]string {
	return map[string]string{
		"synchronous_standby_names": "ANY 1 (" + strings.Join(others, ", ") + ")",
		// A standby that was away finds what it has missed.
		"wal_keep_size": "64MB", "max_wal_size": "128MB",
		// A primary that was started again waits for its standbys, which by
		// default look for it every five seconds.
		"wal_retrieve_retry_interval": "500ms",
	}
}

// newCluster starts the servers, with the primary's folder on disk if that is
// not nil, and puts the demo people on record.
func newCluster(t *testing.T, disk *pgtest.Disk) *cluster {
	t.Helper()
	need(t)
	c := &cluster{folder: t.TempDir()}
	// Nothing waits until the standbys are there.
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
	}}
	operator := c.of("operator")
	operator.Run(t, nil, "migrate", "up")
	operator.Run(t, nil, "person", "import", root+"/demo/people.csv", "--photos", photosDir)
	operator.Run(t, &c.who, "client", "add", "exam")
	return c
}

// of is the program with a data folder of its own.
func (c *cluster) of(name string) process.Runner {
	r := c.sesuai
	r.Env = append(r.Env[:len(r.Env):len(r.Env)], "SESUAI_DATA="+filepath.Join(c.folder, name))
	return r
}

// promoteBest is what an operator does, or a program for them, after the
// primary is gone: the standby that has more becomes the primary, and the
// other one follows it.
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
