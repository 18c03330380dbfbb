package failover_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// cluster is two database servers under Patroni, and three etcd: machines of their
// own, with the configuration files of this folder.
type cluster struct {
	*service
	etcd, db  []*machine
	passwords map[string]string // by user
	passfile  string
}

// newCluster starts the machines, and enrols the demo people.
func newCluster(t *testing.T) *cluster {
	t.Helper()
	need(t)
	c := &cluster{passwords: make(map[string]string)}
	var passwords strings.Builder
	for _, user := range []string{"postgres", "replicator", "rewinder", "sesuai"} {
		c.passwords[user] = rand.Text()
		fmt.Fprintf(&passwords, "*:*:*:%s:%s\n", user, c.passwords[user])
	}
	c.passfile = filepath.Join(t.TempDir(), "pgpass")
	if err := os.WriteFile(c.passfile, []byte(passwords.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		c.etcd = append(c.etcd, startEtcd(t, i))
	}
	for i := range 2 {
		c.db = append(c.db, c.startDatabase(t, i))
	}
	primary := c.awaitCluster(t)
	c.exec(t, primary, "CREATE ROLE sesuai LOGIN PASSWORD '"+c.passwords["sesuai"]+"'")
	c.exec(t, primary, "CREATE DATABASE sesuai OWNER sesuai")
	c.service = newService(t, c.url("sesuai", "sesuai", c.db...))
	return c
}

// startEtcd starts one of the three etcd. The file is that of the first one.
func startEtcd(t *testing.T, i int) *machine {
	t.Helper()
	m := machine{
		name: fmt.Sprintf("etcd%d", i+1), address: fmt.Sprintf("10.213.7.%d", 21+i), mount: "/var/lib/etcd",
		program: []string{"etcd", "--config-file", "/var/lib/etcd/etcd.yml"},
	}
	var file strings.Builder
	for line := range strings.Lines(read(t, "etcd.yml")) {
		if !strings.HasPrefix(line, "initial-cluster") {
			line = strings.NewReplacer("etcd1", m.name, "10.213.7.21", m.address).Replace(line)
		}
		file.WriteString(line)
	}
	return newMachine(t, m, "etcd.yml", file.String())
}

// startDatabase starts one of the two database servers. The file is that of the
// first one.
func (c *cluster) startDatabase(t *testing.T, i int) *machine {
	t.Helper()
	m := machine{
		name: fmt.Sprintf("db%d", i+1), address: fmt.Sprintf("10.213.7.%d", 11+i), mount: "/var/lib/postgresql",
		program: []string{"patroni", "/var/lib/postgresql/patroni.yml"},
		environment: []string{
			"PATRONI_SUPERUSER_PASSWORD=" + c.passwords["postgres"],
			"PATRONI_REPLICATION_PASSWORD=" + c.passwords["replicator"],
			"PATRONI_REWIND_PASSWORD=" + c.passwords["rewinder"],
		},
	}
	return newMachine(t, m, "patroni.yml", strings.NewReplacer("db1", m.name, "10.213.7.11", m.address).Replace(read(t, "patroni.yml")))
}

func read(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// url returns the URL of a database for a user: of the machine or, of several, of the
// one that accepts writes.
func (c *cluster) url(user, database string, machines ...*machine) string {
	var hosts []string
	for _, m := range machines {
		hosts = append(hosts, m.address+":5432")
	}
	return fmt.Sprintf("postgres://%s@%s/%s?target_session_attrs=read-write&sslmode=disable&passfile=%s",
		user, strings.Join(hosts, ","), database, c.passfile)
}

// exec runs a statement as the superuser.
func (c *cluster) exec(t *testing.T, m *machine, statement string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), c.url("postgres", "postgres", m))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

// role is what Patroni on one machine says of another one.
type role struct{ Name, Role, State string }

// roles asks Patroni on a machine about the cluster. It returns nil if Patroni does
// not answer.
func (m *machine) roles(ctx context.Context) []role {
	var cluster struct{ Members []role }
	if m.ask(ctx, http.MethodGet, ":8008/cluster", &cluster) != http.StatusOK {
		return nil
	}
	return cluster.Members
}

// leads reports whether etcd on a machine is the leader.
func (m *machine) leads(ctx context.Context) bool {
	var status struct {
		Header struct {
			Member string `json:"member_id"`
		}
		Leader string
	}
	return m.ask(ctx, http.MethodPost, ":2379/v3/maintenance/status", &status) == http.StatusOK &&
		status.Leader != "" && status.Leader == status.Header.Member
}

// healthy reports whether etcd on a machine has a leader and can write.
func (m *machine) healthy(ctx context.Context) bool {
	return m.ask(ctx, http.MethodGet, ":2379/health", nil) == http.StatusOK
}

// ask sends a request to a service on the machine, and parses the JSON that it
// answers into into, unless that is nil. It returns the status, or 0 without an
// answer.
func (m *machine) ask(ctx context.Context, method, path string, into any) (status int) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, "http://"+m.address+path, strings.NewReader("{}"))
	if err != nil {
		return 0
	}
	r.Close = true // nothing stays open
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	if into != nil && json.NewDecoder(resp.Body).Decode(into) != nil {
		return 0
	}
	return resp.StatusCode
}

// awaitCluster waits until one of the servers is the primary, and the other one its
// synchronous standby. It returns the primary.
func (c *cluster) awaitCluster(t *testing.T) (primary *machine) {
	t.Helper()
	eventually(t, "there are a primary and a synchronous standby", func() bool {
		var standby *machine
		primary = nil
		for _, r := range c.db[0].roles(t.Context()) {
			for _, m := range c.db {
				switch {
				case r.Name != m.name || r.State != "running" && r.State != "streaming":
				case r.Role == "leader":
					primary = m
				case r.Role == "sync_standby":
					standby = m
				}
			}
		}
		return primary != nil && standby != nil
	})
	return primary
}

// other returns the other database server.
func (c *cluster) other(m *machine) *machine {
	if m == c.db[0] {
		return c.db[1]
	}
	return c.db[0]
}

// awaitPromotion waits until a server accepts writes. Patroni says that it is the
// primary somewhat earlier, when it has the lease.
func (c *cluster) awaitPromotion(t *testing.T, m *machine) {
	t.Helper()
	eventually(t, m.name+" is the primary", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		conn, err := pgx.Connect(ctx, c.url("postgres", "postgres", m))
		if err == nil {
			_ = conn.Close(ctx)
		}
		return err == nil
	})
}

// etcdLeader returns the leader of the three etcd.
func (c *cluster) etcdLeader(t *testing.T) (leader *machine) {
	t.Helper()
	eventually(t, "etcd has a leader", func() bool {
		for _, m := range c.etcd {
			if m.leads(t.Context()) {
				leader = m
				return true
			}
		}
		return false
	})
	return leader
}

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for deadline := time.Now().Add(patience); !condition(); <-again.C {
		if time.Now().After(deadline) {
			t.Fatalf("timed out waiting until %s", what)
		}
	}
}
