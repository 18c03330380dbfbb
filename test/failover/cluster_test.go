package failover_test

import (
	"crypto/rand"
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sesuai/sesuai/internal/store/pgtest"
)

// cluster is a primary and two standbys, one of which has to have a commit
// before it is acknowledged. Whichever of them is primary, it waits for one of
// the others: so their configuration says from the start.
type cluster struct {
	p, a, b *pgtest.Server
	// environment is that of Sesuai's programs, without what is a node's own.
	environment []string
	url         string
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
	models, err := filepath.Abs(filepath.Join(root, "models"))
	if err != nil {
		t.Fatal(err)
	}
	c.environment = append(os.Environ(), "SESUAI_LOG_LEVEL=warn", "SESUAI_LOG_FORMAT=json",
		"SESUAI_MODELS="+models, "SESUAI_REGISTRY="+c.url, "SESUAI_MASTER_KEY="+key)
	environment := c.of("operator")
	run(t, environment, "migrate", "up")
	run(t, environment, "person", "import", root+"/demo/people.csv", "--photos", photosDir)
	out := run(t, environment, "client", "add", "exam")
	if err := json.Unmarshal(out, &c.who); err != nil {
		t.Fatal(err)
	}
	return c
}

// of is the environment of a program with a data folder of its own.
func (c *cluster) of(name string) []string {
	return append(c.environment[:len(c.environment):len(c.environment)], "SESUAI_DATA="+filepath.Join(c.folder, name))
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
